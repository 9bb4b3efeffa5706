//! What an OAuth 2.0 token endpoint's answer means (RFC 6749 section 5).

use std::collections::BTreeSet;

use http::StatusCode;
use http::header::AGE;
use serde::Deserialize;

use super::ExchangeAnswer;
use super::jwt::{lenient_seconds, lenient_text, seconds};
use crate::Secret;
use crate::exchange::{ExchangeError, ExchangeErrorKind, Issued};

#[derive(Deserialize)]
struct Success {
    access_token: Secret,
    token_type: Option<String>,
    #[serde(default, deserialize_with = "lenient_seconds")]
    expires_in: Option<f64>,
    #[serde(default, deserialize_with = "lenient_text")]
    refresh_token: Option<Secret>,
    #[serde(default, deserialize_with = "lenient_text")]
    scope: Option<String>,
}

/// A token; `refreshed` if a refresh token was spent for it, `refresh` if its own is wanted, `asked` the
/// scope that was asked for.
pub(super) fn read_success(
    answer: &ExchangeAnswer,
    refreshed: bool,
    refresh: bool,
    asked: Option<&str>,
) -> Result<Issued, ExchangeError> {
    let Success { access_token, token_type, expires_in, refresh_token, scope } =
        answer.json_object()?;
    // A type that is not understood must not be used (RFC 6749 section 7.1). One that is missing is no
    // other type.
    if token_type.is_some_and(|it| !it.eq_ignore_ascii_case("bearer")) {
        let message = "the token endpoint issued a token of another type than Bearer";
        return Err(ExchangeError::new(ExchangeErrorKind::Malformed, message));
    }
    let mut issued = Issued::new(access_token);
    if let Some(expires_in) = expires_in {
        // An answer from a cache has spent a part of its life there (RFC 9111 section 4.2.3).
        let age = answer.headers().get(AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
        let life = seconds(expires_in).saturating_sub(seconds(age.unwrap_or(0.0)));
        issued = issued.with_expires_in(life);
    }
    if let (Some(granted), Some(asked)) = (scope, asked)
        && is_another_scope(&granted, asked)
    {
        issued = issued.with_scope(granted);
    }
    Ok(match refresh_token.filter(|_| refresh) {
        Some(refresh_token) => issued.with_refresh_token(refresh_token),
        None if refreshed => issued.keeping_refresh_token(),
        None => issued,
    })
}

/// Whether another scope was granted than was asked for; a scope is a set of words (RFC 6749 section
/// 3.3), and an empty one says nothing.
fn is_another_scope(granted: &str, asked: &str) -> bool {
    let words = |text| str::split_ascii_whitespace(text).collect::<BTreeSet<_>>();
    let granted = words(granted);
    !granted.is_empty() && granted != words(asked)
}

/// RFC 6749 section 5.2: these are mended by a person, or not at all. Of the others, a second try may
/// succeed. A code that is none of these is not shown if it quotes the secret.
pub(super) fn read_failure(answer: &ExchangeAnswer, secret: &Secret) -> ExchangeError {
    let Some(error) = answer.error_code() else { return answer.unavailable() };
    match &*error {
        "invalid_client"
        | "unauthorized_client"
        | "unsupported_grant_type"
        | "invalid_scope"
        | "invalid_target"
        | "invalid_request"
        | "invalid_grant"
        | "access_denied" => answer.refused(&error),
        _ => {
            let shown = answer.error_text(secret).unwrap_or_default();
            answer.unavailable().with_code(&shown)
        }
    }
}

/// Whether a refusal is about what was asked for, however the client showed who it is.
pub(super) fn is_about_the_request(answer: &ExchangeAnswer) -> bool {
    let code = answer.error_code();
    let codes = ["invalid_scope", "invalid_target", "unsupported_grant_type"];
    code.is_some_and(|code| codes.contains(&&*code))
}

/// Whether a refusal says that the client may not spend refresh tokens at all. As a 401, the code means
/// wrong credentials (Keycloak).
pub(super) fn knows_no_refresh_tokens(answer: &ExchangeAnswer) -> bool {
    match answer.error_code().as_deref() {
        Some("unsupported_grant_type") => true,
        Some("unauthorized_client") => answer.status() == StatusCode::BAD_REQUEST,
        _ => false,
    }
}
