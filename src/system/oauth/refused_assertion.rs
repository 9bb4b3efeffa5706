//! A refusal of the assertion by which a client proves who it is: which one it was, and what to do.

use crate::credential::Credential;
use crate::endpoint::answer::ExchangeAnswer;
use crate::exchange::error::ExchangeError;
use crate::scheme::jwt::{algorithm, header_text};
use crate::secret::Secret;
use crate::system::oauth::client::{OAuthClient, Proof};
use crate::system::oauth::clocks::difference;
use crate::system::oauth::preset::entra_numbers::in_words;

const ADVICE: &str = "the token endpoint refuses the client's assertion: check the client id, the key or secret that the provider \
                      has for it, and the audience of the assertion";

/// For an assertion of another program, which has the key.
const NOT_OURS: &str = "the token endpoint refuses the client's assertion: the provider must know exactly its issuer, its subject \
                        and its audience";

/// The error, with what to do if the endpoint refuses an assertion of the client. `both_keys` means that it has refused the
/// current and the previous key.
pub(crate) fn about_the_assertion(
    client: &OAuthClient,
    error: ExchangeError,
    answer: &ExchangeAnswer,
    both_keys: bool,
) -> ExchangeError {
    let Proof::Assertion { assertion, made_of, .. } = &client.proof else { return error };
    let keys = match client.keys() {
        Some([current, previous]) if both_keys => {
            format!("; it refuses the current and the previous key ({current}, {previous})")
        }
        Some([_, previous]) if !client.has_previous(answer.shown()) => {
            format!("; the previous key in {previous} cannot be used")
        }
        _ => String::new(),
    };
    if error.code() != Some("invalid_client") {
        return match both_keys {
            true => error.map_message(|text| format!("{text}{keys}")),
            false => error,
        };
    }
    let by = match made_of.first() {
        Some(_) if both_keys => String::new(),
        Some(current) => {
            let sent = answer.credential(assertion).ok();
            let previous = if client.keys().is_some() { "" } else { PREVIOUS };
            signed_by(current, sent.as_ref(), previous)
        }
        None => format!("; it is in {assertion}"),
    };
    let clocks = if made_of.is_empty() { None } else { difference(answer) };
    let clocks = clocks.map(|it| format!("; {it}")).unwrap_or_default();
    let is_in_words = in_words(error.numbers()).is_some();
    error.map_message(|text| {
        let advice = match (is_in_words, made_of.is_empty()) {
            (true, _) => text,
            (false, true) => NOT_OURS,
            (false, false) => ADVICE,
        };
        format!("{advice}{by}{keys}{clocks}")
    })
}

/// How a new key is introduced.
const PREVIOUS: &str = "; to introduce a new key, give the old one as `previous_key`";

/// What has signed this assertion. `previous` is said of a key that is not the key of a certificate.
pub(crate) fn signed_by(place: &Credential, assertion: Option<&Secret>, previous: &str) -> String {
    let text = |name| header_text(assertion?.expose(), name);
    let key_id = text("kid").map(|it| format!(", with the kid {it:?}")).unwrap_or_default();
    let is_by_secret =
        assertion.and_then(|it| algorithm(it.expose())).is_some_and(|it| it.starts_with("HS"));
    match (is_by_secret, text("x5t#S256")) {
        (true, _) => format!("; the secret in {place} has signed it"),
        (false, Some(_)) => format!("; the key of the certificate in {place} has signed it"),
        (false, None) => format!("; the key in {place} has signed it{key_id}{previous}"),
    }
}
