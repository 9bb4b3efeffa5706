//! JWTs that other programs write into files: when they end, and whether a refusal speaks of that.

use serde_json::Value;

use crate::credential::need::Life;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::members::Members;
use crate::scheme::jwt::Claims;
use crate::secret::Secret;

/// Microsoft Entra: the client assertion is not within its valid time range.
const ENTRA: u64 = 700_024;

/// The times of a JWT. A text that is no JWT has none.
pub(crate) fn life(token: &Secret) -> Life {
    let times = Claims::of(token.expose()).times;
    Life { begin: times.iat, end: times.exp }
}

/// Whether a refusal says that a JWT has expired. No code of OAuth says so, but texts do.
pub(crate) fn speaks_of_an_end(answer: &ExchangeAnswer) -> bool {
    let Ok(members) = Members::of(answer) else { return false };
    let word = |name| members.word(name).ok().flatten().unwrap_or_default();
    let has_the_code = |value: Value| match value {
        Value::Array(codes) => codes.iter().any(|code| code.as_u64() == Some(ENTRA)),
        _ => false,
    };
    let codes = members.value("error_codes").ok().flatten();
    codes.is_some_and(has_the_code)
        || ["error", "error_description"].into_iter().any(|name| is_about_an_end(&word(name)))
}

/// `text` is in lower case.
fn is_about_an_end(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| word == "exp" || word.contains("expired") || word.contains("700024"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Response;

    use super::*;

    #[test]
    fn a_refusal_speaks_of_an_end_by_a_word_or_by_a_code_of_entra() {
        for (body, speaks) in [
            (
                r#"{"error":"invalid_client","error_description":"Token is not active: `exp`"}"#,
                true,
            ),
            (
                r#"{"error":"invalid_client","error_description":"The assertion has EXPIRED."}"#,
                true,
            ),
            (r#"{"error":"invalid_grant","error_description":"JWT_expired"}"#, true),
            (r#"{"error":"expired_token"}"#, true),
            (r#"{"error":"invalid_client","error_codes":[7,700024]}"#, true),
            (
                r#"{"error":"invalid_client","error_description":"AADSTS700024: Client assertion"}"#,
                true,
            ),
            (r#"{"error":"invalid_client","error_codes":[700027]}"#, false),
            (r#"{"error":"invalid_client","error_codes":700024}"#, false),
            (
                r#"{"error":"invalid_client","error_description":"an expert expects an example"}"#,
                false,
            ),
            (r#"{"error":"invalid_client","error_description":["a"],"error_codes":{}}"#, false),
            ("expired", false),
        ] {
            let response = Response::builder().status(401).body(Bytes::from(body));
            assert_eq!(speaks_of_an_end(&ExchangeAnswer::new(response.unwrap())), speaks, "{body}");
        }
    }
}
