//! Finds out whether an answer is a failure, and reads its code.
//!
//! RFC 6749 section 5.2 has `error` in a 400 or 401. Servers also put the code into `error.code`,
//! `errors[0].code` or `errorCode`, and send it with a 200.

use serde_json::Value;

use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::members::Members;
use crate::endpoint::quotes::Credentials;
use crate::endpoint::refusal_codes::is_refusal_code;

/// A failure that an answer states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The code as the server wrote it. It may contain a secret, so it is only compared.
    pub(crate) code: Option<String>,
    /// The answer has `"ok": false`. A token in the same answer does not count.
    pub(crate) explicit: bool,
}

impl Failure {
    /// None if the answer states no failure. An `error` that is null, empty, zero or `false` does not count.
    pub(crate) fn of(members: &Members<'_>) -> Option<Failure> {
        // A member that is given twice with different values is a failure without a code.
        let value = |name| members.value(name).unwrap_or(Some(Value::Bool(true)));
        let stated = ["error", "errors", "errorCode"].map(value);
        let code = stated.iter().flatten().find_map(code_in);
        let explicit = value("ok") == Some(Value::Bool(false));
        let failed = explicit || code.is_some() || stated.iter().flatten().any(is_something);
        failed.then_some(Failure { code, explicit })
    }

    /// The failure that an answer's body states. None also if the body cannot be read.
    pub(crate) fn in_body(answer: &ExchangeAnswer) -> Option<Failure> {
        Failure::of(&Members::of(answer).ok()?)
    }

    /// The code for display. It is replaced by `withheld` if it quotes a credential.
    pub(crate) fn shown(&self, credentials: &Credentials) -> Option<&str> {
        let code = self.code.as_deref()?;
        Some(if credentials.are_quoted_in(code) { "withheld" } else { code })
    }
}

/// The code in a value: the text itself, the `code` of an object, or the `code` of the first object
/// in a list.
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

/// The numbers in `error_codes`, by which Microsoft Entra says what is wrong. Others are left out: none has more than eight
/// digits.
pub(crate) fn numbers(answer: &ExchangeAnswer) -> Vec<u32> {
    let value = Members::of(answer).and_then(|members| members.value("error_codes"));
    let Ok(Some(Value::Array(list))) = value else { return Vec::new() };
    let number = |value: &Value| u32::try_from(value.as_u64()?).ok().filter(|it| *it < 100_000_000);
    list.iter().filter_map(number).collect()
}

/// Whether the code of a failure means that a person has to correct something.
pub(crate) fn is_refusal(failure: &Failure) -> bool {
    failure.code.as_deref().is_some_and(is_refusal_code)
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
    fn a_code_that_is_given_twice_with_different_values_does_not_count() {
        let twice = failure(r#"{"error":"invalid_client","error":"slow_down"}"#);
        assert_eq!(twice, Some(Failure::default()));
        let agreed = failure(r#"{"error":"slow_down","error":"slow_down"}"#);
        assert_eq!(agreed.unwrap().code.as_deref(), Some("slow_down"));
    }
    #[test]
    fn an_error_member_that_is_empty_zero_or_false_is_no_failure() {
        for value in ["null", "false", "0", "0.0", r#""""#, r#"" ""#, "[]", "{}"] {
            assert_eq!(failure(&format!(r#"{{"error":{value}}}"#)), None, "{value}");
        }
        for value in ["true", "1", r#""x""#, "[1]", r#"{"a":1}"#] {
            assert!(failure(&format!(r#"{{"error":{value}}}"#)).is_some(), "{value}");
        }
    }
}
