//! A refusal of the token that a grant shows: the subject of a token exchange, or the assertion of a JWT bearer grant.

use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::failure::Failure;
use crate::exchange::error::ExchangeError;
use crate::system::oauth::grant::OAuthGrant;
#[cfg(feature = "oauth")]
use crate::{exchange::Exchange, system::oauth::refused_assertion::signed_by};

/// What to do if the endpoint refuses a token that another party has issued.
const ADVICE: &str = "check that the server trusts its issuer, that its audience is right, and that it has not expired";

impl OAuthGrant {
    /// Whether it shows a token of another party, or an assertion that is signed here.
    fn shows_a_token(&self) -> bool {
        match self {
            OAuthGrant::JwtBearer(_) | OAuthGrant::TokenExchange(_) => true,
            #[cfg(feature = "oauth")]
            OAuthGrant::Signed(_) => true,
            _ => false,
        }
    }

    /// Whether this failure is, or may be, about the token that the grant shows. RFC 8693 section 2.2.2 says so by
    /// `invalid_request`, Polaris by `invalid_grant`, and Keycloak by `invalid_token`.
    fn may_refuse_the_token(&self, failure: &Failure) -> bool {
        let is = |codes: &[&str]| failure.code.as_deref().is_some_and(|it| codes.contains(&it));
        let is_of_a_token = is(&["invalid_grant", "invalid_token", "expired_token"]);
        is_of_a_token || self.is_token_exchange() && is(&["invalid_request"])
    }
}

/// The error, if it is about a token that the request has shown by its grant. It names the places of such tokens, or of the key
/// that has signed the assertion. Their provider is told, and may have another token.
pub(crate) fn about_the_subject(
    grant: &OAuthGrant,
    error: ExchangeError,
    answer: &ExchangeAnswer,
    failure: &Failure,
) -> ExchangeError {
    if !grant.shows_a_token() || !grant.may_refuse_the_token(failure) {
        return error;
    }
    let code = failure.code.as_deref().unwrap_or_default();
    let error = match code {
        "invalid_token" | "expired_token" => answer.refused(code).judged(),
        _ => error,
    };
    #[cfg(feature = "oauth")]
    if let OAuthGrant::Signed(it) = grant {
        let sent = answer.credential(it.credential()).ok();
        let key = Exchange::credentials(it).first();
        let by = key.map(|key| signed_by(key, sent.as_ref(), "")).unwrap_or_default();
        return error.map_message(|text| format!("{text}{by}"));
    }
    let places: Vec<_> = grant.credentials().iter().map(ToString::to_string).collect();
    let shown = format!("the token that was shown ({})", places.join(", "));
    let error = error.map_message(|text| match code {
        // It may be about a parameter too.
        "invalid_request" => format!("{text}; or it refuses {shown}: {ADVICE}"),
        _ => format!("the token endpoint refuses {shown}: {ADVICE}"),
    });
    error.about_the_subject()
}
