//! The meaning of a token endpoint's answer (RFC 6749 section 5), including what servers do
//! differently.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use http::StatusCode;
use serde_json::Value;

use crate::basics::bounds;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::failure::{Failure, is_refusal};
use crate::endpoint::members::Members;
use crate::endpoint::moment::moment;
use crate::endpoint::quotes::Credentials;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind, is_about_the_request};
use crate::exchange::issued::Issued;
use crate::secret::Secret;

/// A shorter token is that of a test server. It would stand in a scope by chance.
const SHORTEST_TOKEN: usize = 8;

/// The meaning of an answer.
pub(crate) enum Meaning {
    Token(TokenAnswer),
    /// The endpoint refuses with an error code of OAuth.
    Failure(Failure),
}

/// A successful answer.
pub(crate) struct TokenAnswer {
    /// The token type in lower case.
    pub(crate) token_type: Option<String>,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) scope: Option<String>,
    issued: Issued,
}

/// Reads an answer with a 2xx. `token_member` is the name of the member that has the token, or a JSON pointer to it, if the
/// user has set one.
///
/// # Errors
///
/// [`Malformed`](ExchangeErrorKind::Malformed) if the answer has no token and states no failure.
pub(crate) fn read_2xx(
    answer: &ExchangeAnswer,
    token_member: Option<&str>,
) -> Result<Meaning, ExchangeError> {
    let top = Members::of(answer)?;
    let failure = Failure::of(&top);
    if let Some(failure) = failure.as_ref().filter(|it| it.explicit || is_refusal(it)) {
        return Ok(Meaning::Failure(failure.clone()));
    }
    let mut members = Beside { token: None, top };
    let token = match token_member {
        Some(pointer) if pointer.starts_with('/') => match members.top.parent_of(pointer) {
            Some((parent, name)) => members.token.insert(parent).text(&name)?,
            None => None,
        },
        Some(member) => members.top.text(member)?,
        None => match members.top.text("access_token")? {
            Some(token) => Some(token),
            None => members.top.text("token")?,
        },
    };
    match (token, failure) {
        (Some(token), _) => {
            let token = Secret::from(without_bearer(token.expose()));
            TokenAnswer::new(token, &members).map(Meaning::Token)
        }
        (None, Some(failure)) => Ok(Meaning::Failure(failure)),
        (None, None) => {
            let member = token_member.unwrap_or("access_token` or `token");
            Err(answer.malformed(&format!("has no token in `{member}`")))
        }
    }
}

/// The error of an answer that cannot be used, with its new refresh token, if it has one: the old one is then spent.
pub(crate) fn with_new_refresh_token(
    error: ExchangeError,
    answer: &ExchangeAnswer,
) -> ExchangeError {
    if !answer.status().is_success() {
        return error;
    }
    let token = Members::of(answer).ok().and_then(|top| top.text("refresh_token").ok().flatten());
    match token {
        Some(token) => error.with_new_refresh_token(token),
        None => error,
    }
}

/// Adds the members that the caller wants to know. A member that is absent or cannot be read is left out.
pub(crate) fn with_extra(issued: Issued, answer: &ExchangeAnswer, members: &[String]) -> Issued {
    if members.is_empty() {
        return issued;
    }
    let Ok(top) = Members::of(answer) else { return issued };
    members.iter().fold(issued, |issued, member| match top.extra(member) {
        Some(value) => issued.with_extra(member, value),
        None => issued,
    })
}

/// Finds the members that belong to a token: in the same object, or at the top.
struct Beside<'a> {
    /// The object with the token, if it is not the top object.
    token: Option<Members<'a>>,
    top: Members<'a>,
}

impl<'a> Beside<'a> {
    fn find<T>(
        &self,
        read: impl Fn(&Members<'a>) -> Result<Option<T>, ExchangeError>,
    ) -> Result<Option<T>, ExchangeError> {
        let beside = self.token.as_ref().map_or(Ok(None), &read)?;
        beside.map_or_else(|| read(&self.top), |found| Ok(Some(found)))
    }
}

impl TokenAnswer {
    fn new(token: Secret, members: &Beside<'_>) -> Result<TokenAnswer, ExchangeError> {
        let mut issued = Issued::new(token);
        let mut misplaced = None;
        match members.find(|it| it.read("expires_in", life))? {
            Some(Life::Until(moment)) => misplaced = Some(moment),
            Some(Life::Seconds(seconds)) if seconds > 0.0 => {
                issued = issued.with_expires_in(bounds::span(seconds));
            }
            Some(Life::Seconds(_)) => issued = issued.with_no_life(),
            None => {}
        }
        let end = |name| members.find(|it| it.read(name, moment));
        // If the answer states several times of expiry, the earliest counts.
        let ends = [misplaced, end("expires_on")?, end("expires_at")?];
        let end = ends.into_iter().flatten().min().and_then(|end| UNIX_EPOCH.checked_add(end));
        if let Some(end) = end {
            issued = issued.with_expires_at(end);
        }
        let scope = members.find(|it| Ok(it.value("scope")?.as_ref().and_then(words)))?;
        let token_type = members.find(|it| it.word("token_type"))?;
        let refresh_token = members.find(|it| it.text("refresh_token"))?;
        Ok(TokenAnswer { token_type, refresh_token, scope, issued })
    }

    /// The token of a token exchange. A missing `issued_token_type` is accepted, because servers leave it out; an event says so.
    ///
    /// # Errors
    ///
    /// [`Malformed`](ExchangeErrorKind::Malformed) if the token cannot be an access token (RFC 8693 section 2.2.1).
    pub(crate) fn exchanged(self, answer: &ExchangeAnswer) -> Result<TokenAnswer, ExchangeError> {
        let Some(issued_type) = Members::of(answer)?.word("issued_token_type")? else {
            return Ok(TokenAnswer { issued: self.issued.with_no_issued_type(), ..self });
        };
        let others = [":refresh_token", ":id_token", ":saml1", ":saml2"];
        match others.iter().any(|other| issued_type.ends_with(other)) {
            false => Ok(self),
            true => Err(answer.malformed(
                "has a token that is no access token, as `issued_token_type` says: ask for an access token with \
                 `requested_type`",
            )),
        }
    }

    /// The texts that an operator sees are replaced by `withheld` if they quote one of these secrets, or a token of this answer. A
    /// client's id is none.
    pub(crate) fn withholding(mut self, id: &Secret, secrets: &[Secret]) -> TokenAnswer {
        let own = self.refresh_token.iter().chain([self.issued.access_token()]);
        let own = own.filter(|token| token.expose().len() >= SHORTEST_TOKEN);
        let secrets: Vec<Secret> = secrets.iter().chain(own).cloned().collect();
        for text in [&mut self.scope, &mut self.token_type].into_iter().flatten() {
            let quotes = secrets.iter().any(|secret| {
                let (id, secret) = (id.clone(), secret.clone());
                Credentials { id, secret, id_is_secret: false }.are_quoted_at_length_in(text)
            });
            if quotes {
                "withheld".clone_into(text);
            }
        }
        self
    }

    /// The token and its life, and the refresh token if that is `wanted`. `refreshed` means that a refresh token was
    /// used for it. If the answer has no new one, the old one stays valid (RFC 6749 section 6).
    pub(crate) fn issued(self, refreshed: bool, wanted: bool) -> Issued {
        let issued = match self.token_type {
            Some(token_type) => self.issued.with_token_type(token_type),
            None => self.issued,
        };
        match self.refresh_token.filter(|_| wanted) {
            Some(refresh_token) => issued.with_refresh_token(refresh_token),
            None if refreshed => issued.keeping_refresh_token(),
            None => issued,
        }
    }
}

/// What `expires_in` says.
#[derive(PartialEq)]
pub(crate) enum Life {
    Seconds(f64),
    /// A time since the epoch, which some servers write there.
    Until(Duration),
}

pub(crate) fn life(value: &Value) -> Option<Life> {
    let misplaced = moment(value).filter(|it| bounds::is_misplaced_epoch(it.as_secs_f64()));
    misplaced.map(Life::Until).or_else(|| bounds::number(value).map(Life::Seconds))
}

/// The token without the prefix `Bearer `, which some servers add. Nothing else of the token is changed.
pub(crate) fn without_bearer(token: &str) -> &str {
    match token.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        _ => token,
    }
}

/// A scope is words separated by blanks (RFC 6749 section 3.3), or a list of words.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(list) => {
            let words: Vec<_> = list.iter().filter_map(Value::as_str).collect();
            Some(words.join(" "))
        }
        _ => None,
    }
}

/// Whether the granted scope differs from the requested one. A scope is a set of words (RFC 6749 section 3.3), which some
/// servers separate by commas. An empty scope counts as none.
pub(crate) fn is_another_scope(granted: &str, asked: &str) -> bool {
    let words = |text: &str| {
        let words = text.split([' ', '\t', '\r', '\n', ',']).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let granted = words(granted);
    !granted.is_empty() && granted != words(asked)
}

/// Whether a token of this type is sent as `Authorization: Bearer`.
///
/// RFC 6749 section 7.1 forbids to use a type that is not understood. But servers write `BearerToken`, `Application Access
/// Token`, or nothing, and mean Bearer. So only the types that need a proof or a signature are refused, and `N_A`, which is no
/// access token (RFC 8693 section 2.2.1). `strict` follows the RFC, and accepts a missing type.
pub(crate) fn check_type(token_type: Option<&str>, strict: bool) -> Result<(), ExchangeError> {
    let Some(token_type) = token_type else { return Ok(()) };
    let letters: String = token_type.chars().filter(char::is_ascii_alphanumeric).collect();
    let mut words = token_type.split(|c: char| !c.is_ascii_alphanumeric());
    let needs_more = |word: &str| matches!(word.trim_end_matches("token"), "mac" | "pop");
    let is_no_access_token = letters == "na";
    let is_bound = letters.contains("dpop");
    let usable = match strict {
        true => token_type == "bearer",
        false => !is_bound && !is_no_access_token && !words.any(needs_more),
    };
    let message = match () {
        () if usable => return Ok(()),
        () if is_bound => {
            "the token endpoint issued a token that is bound to a key (its type is DPoP): use `OAuth` with `OAuthBuilder::dpop` (in \
             a file, `dpop = true` in the table `oauth`)"
        }
        () if is_no_access_token => {
            "the token endpoint issued a token that is no access token (`token_type` is `N_A`): in a token exchange, ask for \
             an access token with `requested_type`"
        }
        () => {
            "the token endpoint issued a token of a type that is not sent as Bearer: tokens that need a proof or a \
             signature are supported for DPoP only"
        }
    };
    Err(ExchangeError::new(ExchangeErrorKind::Malformed, message))
}

/// An OAuth endpoint's failure as an error. A code that is not OAuth's is not shown if it quotes a credential.
pub(crate) fn failed(
    answer: &ExchangeAnswer,
    failure: &Failure,
    credentials: &Credentials,
) -> ExchangeError {
    match (&failure.code, failure.shown(credentials)) {
        (Some(code), _) if is_refusal(failure) => answer.refused(code),
        (_, Some(code)) => answer.failed(code).judged(),
        // The answer may come from a gateway, even if the failure came with a 200.
        (_, None) => answer.unavailable().in_doubt(),
    }
}

/// The same for a client without a secret. [`HttpExchange`](crate::endpoint::HttpExchange) compares the code with what was
/// sent.
pub(crate) fn failed_without_a_secret(answer: &ExchangeAnswer, failure: &Failure) -> ExchangeError {
    match &failure.code {
        Some(code) if is_refusal(failure) => answer.refused(code),
        Some(code) => answer.failed(code),
        None => answer.unavailable().in_doubt(),
    }
}

/// Whether another way to authenticate the client may help. After an outage, or an error about the request itself, it
/// would not.
pub(crate) fn may_be_about_the_client(answer: &ExchangeAnswer, failure: &Failure) -> bool {
    match failure.code.as_deref() {
        Some(code) => is_refusal(failure) && !is_about_the_request(code),
        // glewlwyd sends an empty 403 for this. A 403 with a page comes from a firewall.
        None => match answer.status() {
            StatusCode::UNAUTHORIZED => true,
            status => status == StatusCode::FORBIDDEN && answer.body().is_empty(),
        },
    }
}

/// Whether the endpoint refuses the client, so that another key may help.
pub(crate) fn refuses_the_client(answer: &ExchangeAnswer, failure: &Failure) -> bool {
    let is_unauthorized = answer.status() == StatusCode::UNAUTHORIZED;
    let is_named = failure.code.as_deref() == Some("invalid_client");
    is_named || is_unauthorized && may_be_about_the_client(answer, failure)
}

/// Whether a failure is, or may be, about a refresh token. Some servers refuse a refresh token with
/// an empty 400.
pub(crate) fn may_be_about_the_refresh_token(failure: &Failure) -> bool {
    failure.code.is_none() || is_refusal(failure)
}

/// Whether a failure means that the refresh token of the request is of no use any more. Some servers say so by `invalid_request`,
/// and some by an empty 400.
pub(crate) fn is_about_a_dead_refresh_token(answer: &ExchangeAnswer, failure: &Failure) -> bool {
    match failure.code.as_deref() {
        Some(code) => {
            let dead = ["invalid_grant", "invalid_request", "bad_refresh_token"];
            dead.iter().any(|dead| dead.eq_ignore_ascii_case(code))
        }
        None => answer.status() == StatusCode::BAD_REQUEST && answer.body().is_empty(),
    }
}

/// Whether a failure means that the endpoint has not looked at the refresh token: it refuses the client, the DPoP
/// proof, or the request.
pub(crate) fn leaves_the_refresh_token(failure: &Failure) -> bool {
    let code = failure.code.as_deref().unwrap_or_default();
    let is_of_client = ["invalid_client", "unauthorized_client", "incorrect_client_credentials"];
    let is_of_proof = ["invalid_dpop_proof", "use_dpop_nonce"].contains(&code);
    is_of_client.contains(&code) || is_of_proof || is_about_the_request(code)
}

/// Whether the endpoint says that the client may not use refresh tokens at all. With a 401, the code means wrong credentials
/// (Keycloak).
pub(crate) fn knows_no_refresh_tokens(status: StatusCode, failure: &Failure) -> bool {
    match failure.code.as_deref() {
        Some("unsupported_grant_type") => true,
        Some("unauthorized_client") => {
            status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN
        }
        _ => false,
    }
}
