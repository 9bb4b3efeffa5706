//! What an API demands beyond a valid token: another way to log in, a scope, or claims.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use crate::scheme::challenge::{Challenge, challenges};

/// Names of levels of authentication and scopes are short.
const MAX_WORDS: usize = 64;
/// Longer claims are not read.
const MAX_CLAIMS: usize = 4 * 1024;

/// What an API demands beyond a valid token. A 401 or a 403 whose challenge (`WWW-Authenticate`) says so has this in its
/// extensions.
///
/// | status and `error` | variant | from |
/// |---|---|---|
/// | 401 `insufficient_user_authentication` | [`Authentication`](Insufficient::Authentication) | RFC 9470 section 3 |
/// | 403 `insufficient_scope` | [`Scope`](Insufficient::Scope) | RFC 6750 section 3.1 |
/// | 401 `insufficient_claims` | [`Claims`](Insufficient::Claims) | Microsoft Entra: claims challenge |
///
/// The token is not renewed, because a new token for the same grant would be refused too. So the caller gets the response
/// at once, without a [`Recovery`](crate::Recovery) ([`manual::step_up`](crate::manual::step_up)). An OAuth system can ask for a token with the claims that an API demands:
/// [`claims_challenges`](crate::system::OAuthBuilder::claims_challenges).
///
/// A header is read up to 8 KiB, and of a list the first 64 words. In the texts, each control character is a blank. They
/// are the server's: check them before you use them. `Debug` does not show them.
///
/// ```
/// use tower_outbound_auth::scheme::Insufficient;
///
/// # let response = http::Response::new(());
/// match response.extensions().get() {
///     Some(Insufficient::Scope { scopes, .. }) => println!("our client lacks one of {scopes:?}"),
///     Some(Insufficient::Authentication { acr_values, .. }) => println!("a person must log in by {acr_values:?}"),
///     _ => {}
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Insufficient {
    /// The user of the token must log in anew, or in another way. A client that acts on its own behalf cannot do that.
    #[non_exhaustive]
    Authentication {
        /// The accepted levels of authentication (`acr_values`), the preferred one first. Empty if none is named.
        acr_values: Vec<String>,
        /// The login may be at most this old (`max_age`), in whole seconds. None if the API does not say so.
        max_age: Option<Duration>,
    },
    /// The token lacks a scope.
    #[non_exhaustive]
    Scope {
        /// The scopes that the request needs (`scope`). Empty if none is named.
        scopes: Vec<String>,
    },
    /// The token lacks claims, or has others. A challenge whose `claims` are no JSON object in base64 or base64url, or are
    /// longer than 4 KiB, gives nothing.
    #[non_exhaustive]
    Claims {
        /// A JSON object for the parameter `claims` of a token request (OpenID Connect Core 1.0 section 5.5).
        json: String,
    },
}

impl Insufficient {
    /// Whether a response may say so. Most responses may not.
    #[inline(always)]
    pub(crate) fn may_be_in(status: StatusCode) -> bool {
        matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
    }

    /// What the first challenge demands that demands something.
    #[cold]
    pub(crate) fn of(headers: &HeaderMap) -> Option<Insufficient> {
        challenges(headers).iter().find_map(Insufficient::in_challenge)
    }

    fn in_challenge(challenge: &Challenge<'_>) -> Option<Insufficient> {
        match challenge.param("error")? {
            "insufficient_user_authentication" => Some(Insufficient::Authentication {
                acr_values: words(challenge.param("acr_values")),
                max_age: challenge.param("max_age").and_then(seconds),
            }),
            "insufficient_scope" => {
                Some(Insufficient::Scope { scopes: words(challenge.param("scope")) })
            }
            "insufficient_claims" => {
                let json = decoded(challenge.param("claims")?)?;
                Some(Insufficient::Claims { json })
            }
            _ => None,
        }
    }
}

/// The server's texts may repeat a secret.
impl fmt::Debug for Insufficient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Insufficient::Authentication { max_age, .. } => {
                f.debug_struct("Authentication").field("max_age", max_age).finish_non_exhaustive()
            }
            Insufficient::Scope { .. } => f.debug_struct("Scope").finish_non_exhaustive(),
            Insufficient::Claims { .. } => f.debug_struct("Claims").finish_non_exhaustive(),
        }
    }
}

fn words(list: Option<&str>) -> Vec<String> {
    visible(list.unwrap_or_default())
        .split_whitespace()
        .take(MAX_WORDS)
        .map(str::to_owned)
        .collect()
}

fn seconds(text: &str) -> Option<Duration> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).map(Duration::from_secs)
}

/// A JSON object, from base64 or base64url, with or without padding.
fn decoded(text: &str) -> Option<String> {
    if text.len() > 2 * MAX_CLAIMS {
        return None;
    }
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    let bytes = GeneralPurpose::new(alphabet, config).decode(text).ok()?;
    let json = String::from_utf8(bytes).ok().filter(|json| json.len() <= MAX_CLAIMS)?;
    let json = visible(&json);
    serde_json::from_str::<Map<String, Value>>(&json).ok()?;
    Some(json)
}

fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::WWW_AUTHENTICATE;

    use super::*;

    fn read(challenge: &str) -> Option<Insufficient> {
        let value = HeaderValue::from_bytes(challenge.as_bytes()).unwrap();
        Insufficient::of(&HeaderMap::from_iter([(WWW_AUTHENTICATE, value)]))
    }

    fn claims(base64: &str) -> Option<String> {
        match read(&format!("Bearer error=\"insufficient_claims\", claims=\"{base64}\""))? {
            Insufficient::Claims { json } => Some(json),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_step_up_has_its_levels_in_order_and_its_age() {
        let levels = ["myACR", "urn:b"].map(str::to_owned).to_vec();
        for (params, acr_values, max_age) in [
            (r#", acr_values="myACR urn:b", max_age="5""#, levels.clone(), Some(5)),
            (r#", max_age=300, acr_values=myACR"#, levels[..1].to_vec(), Some(300)),
            ("", Vec::new(), None),
            (r#", max_age="-1""#, Vec::new(), None),
            (r#", max_age="+1""#, Vec::new(), None),
            (r#", max_age="99999999999999999999""#, Vec::new(), None),
        ] {
            let challenge = format!("Bearer error=\"insufficient_user_authentication\"{params}");
            let max_age = max_age.map(Duration::from_secs);
            let expected = Insufficient::Authentication { acr_values, max_age };
            assert!(read(&challenge) == Some(expected), "{challenge}");
        }
    }

    #[test]
    fn a_missing_scope_has_its_names_without_control_characters() {
        for (scope, expected) in [
            ("a  b:c", &["a", "b:c"][..]),
            ("a\tb", &["a", "b"]),
            ("a\u{85}b \u{9b}31m", &["a", "b", "31m"]),
            ("", &[]),
        ] {
            let scopes = expected.iter().map(|it| (*it).to_owned()).collect();
            let challenge = format!("Bearer error=insufficient_scope, scope=\"{scope}\"");
            assert!(read(&challenge) == Some(Insufficient::Scope { scopes }), "{scope:?}");
        }
        let many = format!("Bearer error=insufficient_scope, scope=\"{}\"", "a ".repeat(1_000));
        let Some(Insufficient::Scope { scopes }) = read(&many) else { panic!("no scope") };
        assert_eq!(scopes.len(), 64);
    }

    #[test]
    fn claims_are_an_object_in_either_base64() {
        for (base64, json) in [
            ("eyJhIjoiPz8_In0=", r#"{"a":"???"}"#),
            ("eyJhIjoiPz8_In0", r#"{"a":"???"}"#),
            ("eyJhIjoiPz8/In0=", r#"{"a":"???"}"#),
            ("eyJhIjoiPz8/In0", r#"{"a":"???"}"#),
            ("ewoiYSI6CTF9", r#"{ "a": 1}"#), // a line break and a tab
        ] {
            assert_eq!(claims(base64).as_deref(), Some(json), "{base64}");
        }
    }

    #[test]
    fn unreadable_claims_are_none() {
        for base64 in ["", "%%%", "WyJ4Il0=", "e30g====", "eyJhIg", "/////w==", "eyJhIjoiPz8_In0/"]
        {
            assert_eq!(claims(base64), None, "{base64}");
        }
        assert_eq!(read("Bearer error=insufficient_claims"), None);
        let encode = |length: usize| {
            let json = format!(r#"{{"a":"{}"}}"#, "x".repeat(length - 8));
            base64::engine::general_purpose::STANDARD.encode(json)
        };
        assert_eq!(claims(&encode(4_096)).map(|json| json.len()), Some(4_096));
        assert_eq!(claims(&encode(4_097)), None);
    }

    #[test]
    fn another_reason_is_none_and_does_not_hide_one() {
        for challenge in ["Bearer", "Bearer error=invalid_token, scope=a", "Basic realm=x"] {
            assert_eq!(read(challenge), None, "{challenge}");
        }
        let two = "DPoP error=insufficient_claims, claims=\"%\", Bearer error=insufficient_scope";
        assert!(read(two).is_some());
    }
}
