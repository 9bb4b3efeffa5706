//! Where an answer says that it is a failure, and with which code.
//!
//! RFC 6749 section 5.2 has `error` in a 400 or 401. Servers also put the code into `error.code`,
//! `errors[0].code` or `errorCode`, and send it with a 200.

use serde_json::Value;

use super::ExchangeAnswer;
use super::members::Members;
use crate::Secret;

/// That an answer says of itself that it is a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Failure {
    /// As the server wrote it. It may hold anything, so it is for comparing only.
    pub(super) code: Option<String>,
    /// By `"ok": false`: no token counts beside it.
    pub(super) explicit: bool,
}

impl Failure {
    /// None if the answer says nothing of a failure. An `error` that is null, empty, zero or `false` is none.
    pub(super) fn of(members: &Members<'_>) -> Option<Failure> {
        // A member that is given twice, with different values, names no code.
        let value = |name| members.value(name).unwrap_or(Some(Value::Bool(true)));
        let stated = ["error", "errors", "errorCode"].map(value);
        let code = stated.iter().flatten().find_map(code_in);
        let explicit = value("ok") == Some(Value::Bool(false));
        let failed = explicit || code.is_some() || stated.iter().flatten().any(is_something);
        failed.then_some(Failure { code, explicit })
    }

    /// The same of an answer's body. None also if that cannot be read.
    pub(super) fn in_body(answer: &ExchangeAnswer) -> Option<Failure> {
        Failure::of(&Members::of(answer).ok()?)
    }

    /// The code, to be shown; withheld if it quotes the secret, in whatever form that was sent.
    pub(super) fn shown(&self, secret: &Secret) -> Option<&str> {
        let (code, secret) = (self.code.as_deref()?, secret.expose());
        let quotes = code.contains(secret)
            || code.replace('+', " ").contains(secret) // as in a form
            || code.contains(ENCODED)
            || has_a_credential(code);
        Some(if quotes { "withheld" } else { code })
    }
}

/// What stands in a text that was encoded for a URL, for JSON or for HTML, and in no error code.
const ENCODED: [char; 3] = ['%', '\\', '&'];

/// Whether a text has something in it that is as long as an encoded credential or a token is, and as dense:
/// a server may quote what it was sent.
fn has_a_credential(text: &str) -> bool {
    let dense = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    text.split(|c| !dense(c)).any(|run| run.len() >= 24)
}

/// A text, the `code` of an object, or that of the first object in a list.
fn code_in(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Object(object) => {
            object.get("code").filter(|code| code.is_string()).and_then(code_in)
        }
        Value::Array(list) => list.first().filter(|first| first.is_object()).and_then(code_in),
        _ => None,
    }
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Response;

    use super::*;

    fn failure(body: &str) -> Option<Failure> {
        let response = Response::builder().status(400).body(Bytes::from(body.to_owned()));
        Failure::in_body(&ExchangeAnswer::new(response.unwrap()))
    }

    #[test]
    fn a_code_that_quotes_a_secret_is_withheld() {
        let secret = Secret::from("hunter2");
        for (error, shown) in [
            ("invalid_client", "invalid_client"),
            ("no such client: hunter2", "withheld"),
            ("no such token: eyJhbGciOiJIUzI1NiIsInR5", "withheld"),
            ("no such token: aHVudGVyMmh1bnRlcjJodW50+/=%", "withheld"),
            ("no such token: eyJhbGciOiJIUzI1NiIsInR", "no such token: eyJhbGciOiJIUzI1NiIsInR"),
            ("many short words, one after the other", "many short words, one after the other"),
        ] {
            let failure = failure(&format!(r#"{{"error":"{error}"}}"#)).unwrap();
            assert_eq!(failure.code.as_deref(), Some(error));
            assert_eq!(failure.shown(&secret), Some(shown), "{error}");
        }
        assert_eq!(failure("hunter2"), None);
        assert_eq!(Failure::default().shown(&secret), None);
    }

    #[test]
    fn a_code_that_is_given_twice_with_different_values_is_none() {
        let twice = failure(r#"{"error":"invalid_client","error":"slow_down"}"#);
        assert_eq!(twice, Some(Failure::default()));
        let agreed = failure(r#"{"error":"slow_down","error":"slow_down"}"#);
        assert_eq!(agreed.unwrap().code.as_deref(), Some("slow_down"));
    }
}
