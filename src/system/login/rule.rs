//! Which answers say what.

use std::fmt;

use http::StatusCode;
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde_json::Value;

use crate::endpoint::members::scalar;
use crate::system::login::place::Place;

/// Which answers mean something: those with this status, and with this value at this place.
///
/// ```
/// use tower_outbound_auth::system::AnswerRule;
///
/// let expired = AnswerRule::status(403).at("/error/code").is("session_expired");
/// let busy = AnswerRule::any_status().at("header:x-error").contains("locked");
/// # let _ = (expired, busy);
/// ```
///
/// In a file: `{ status = 403, at = "/error/code", is = "session_expired" }`. `status` and `is` may be lists, of which
/// one fits. A rule without `is` and `contains` needs a value at the place that is not `null`, `false`, zero or empty.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerRule {
    #[serde(default)]
    status: Many<Status>,
    #[serde(default)]
    at: Option<Place>,
    #[serde(default)]
    is: Many<Scalar>,
    #[serde(default)]
    contains: Option<String>,
    /// What is wrong with it. [`LoginBuilder::build`](super::LoginBuilder::build) reports it.
    #[serde(skip)]
    pub(crate) flaw: Option<String>,
}

impl AnswerRule {
    /// Answers with this status.
    #[must_use]
    pub fn status(status: u16) -> AnswerRule {
        let flaw = StatusCode::from_u16(status).is_err().then(|| format!("{status} is no status"));
        AnswerRule { status: Many(vec![Status(status)]), flaw, ..AnswerRule::default() }
    }

    /// Answers with any status but 408, 425, 429 and 5xx, which speak of an overload or an outage. Say
    /// [`at`](AnswerRule::at) too.
    #[must_use]
    pub fn any_status() -> AnswerRule {
        AnswerRule::default()
    }

    /// Also answers with this status.
    #[must_use]
    pub fn or_status(mut self, status: u16) -> AnswerRule {
        self.status.0.push(Status(status));
        self
    }

    /// Answers with a value at this place: a JSON pointer (`/error/code`), `header:name`, `cookie:name`, or `body`.
    #[must_use]
    pub fn at(mut self, place: &str) -> AnswerRule {
        match place.parse() {
            Ok(place) => self.at = Some(place),
            Err(flaw) => self.flaw = Some(flaw),
        }
        self
    }

    /// The value is this text, or a number or truth value that is written so. If this is called again, one of the values
    /// is enough.
    #[must_use]
    pub fn is(mut self, value: &str) -> AnswerRule {
        self.is.0.push(Scalar(value.to_owned()));
        self
    }

    /// The value contains this word, in upper or lower case.
    #[must_use]
    pub fn contains(mut self, word: &str) -> AnswerRule {
        self.contains = Some(word.to_owned());
        self
    }

    /// What is wrong with the rule.
    pub(crate) fn flaw(&self) -> Option<String> {
        let says = |text: &str| Some(text.to_owned());
        match (&self.flaw, &self.at) {
            (Some(flaw), _) => says(flaw),
            (None, None) if self.status.0.is_empty() => says("a rule needs `status` or `at`"),
            (None, None) if !self.is.0.is_empty() || self.contains.is_some() => {
                says("a rule with `is` or `contains` needs `at`, the place of the value")
            }
            _ if self.contains.as_deref() == Some("") => says("`contains` is empty"),
            _ => None,
        }
    }

    /// Whether an answer with this status fits. `value` finds a value in it.
    pub(crate) fn fits(
        &self,
        status: StatusCode,
        value: impl FnOnce(&Place) -> Option<Value>,
    ) -> bool {
        self.reason(status, value).is_some()
    }

    /// The reason in the words of the rule, which are no secret. None if an answer with this status does not fit.
    pub(crate) fn reason(
        &self,
        status: StatusCode,
        value: impl FnOnce(&Place) -> Option<Value>,
    ) -> Option<&str> {
        let is_status = match self.status.0.is_empty() {
            true => !is_outage(status),
            false => self.status.0.iter().any(|it| it.0 == status.as_u16()),
        };
        match &self.at {
            _ if !is_status => None,
            Some(at) => self.reason_in(&value(at)?),
            None => Some(NO_REASON),
        }
    }

    fn reason_in(&self, value: &Value) -> Option<&str> {
        let text = scalar(value);
        let is = self.is.0.iter().find(|it| Some(&it.0) == text.as_ref()).map(|it| &*it.0);
        let word = self.contains.as_deref();
        let has_word = |word: &str| {
            text.as_ref().is_some_and(|text| text.to_lowercase().contains(&word.to_lowercase()))
        };
        match (self.is.0.is_empty(), word) {
            (true, None) => is_something(value).then_some(NO_REASON),
            (true, Some(word)) => has_word(word).then_some(word),
            (false, None) => is,
            (false, Some(word)) => is.filter(|_| has_word(word)),
        }
    }

    /// Whether the rule asks for something in a body.
    pub(crate) fn is_about_the_body(&self) -> bool {
        self.at.as_ref().is_some_and(Place::is_in_the_body)
    }

    /// Whether the rule can fit an answer with this status.
    pub(crate) fn may_fit(&self, status: StatusCode) -> bool {
        self.fits(status, |_| None)
            || self.at.is_some() && self.without_place().fits(status, |_| None)
    }

    fn without_place(&self) -> AnswerRule {
        AnswerRule { status: self.status.clone(), ..AnswerRule::default() }
    }
}

/// The reason of a rule that names no value.
const NO_REASON: &str = "refused";

/// Whether this status speaks of an overload or an outage.
pub(crate) fn is_outage(status: StatusCode) -> bool {
    let passing =
        [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    status.is_server_error() || passing.contains(&status)
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
    }
}

/// One value, or a list of values.
#[derive(Clone, Debug, PartialEq)]
struct Many<T>(Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Many<T> {
        Many(Vec::new())
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Status(u16);

/// A text, a number or a truth value as text.
#[derive(Clone, Debug, PartialEq)]
struct Scalar(String);

/// What can stand alone or in a list.
trait One: Sized {
    const EXPECTED: &'static str;
    fn of(text: String) -> Option<Self>;
}

impl One for Status {
    const EXPECTED: &'static str = "a status such as 401, or a list of them";
    fn of(text: String) -> Option<Status> {
        let status = text.parse().ok()?;
        StatusCode::from_u16(status).ok().map(|_| Status(status))
    }
}

impl One for Scalar {
    const EXPECTED: &'static str = "a text, a number, `true`, `false`, or a list of them";
    fn of(text: String) -> Option<Scalar> {
        Some(Scalar(text))
    }
}

impl<'de, T: One> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Many<T>, D::Error> {
        struct Read<T>(std::marker::PhantomData<T>);

        impl<'de, T: One> Visitor<'de> for Read<T> {
            type Value = Many<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_bool<E: serde::de::Error>(self, it: bool) -> Result<Many<T>, E> {
                self.visit_string(it.to_string())
            }

            fn visit_i64<E: serde::de::Error>(self, it: i64) -> Result<Many<T>, E> {
                self.visit_string(it.to_string())
            }

            fn visit_u64<E: serde::de::Error>(self, it: u64) -> Result<Many<T>, E> {
                self.visit_string(it.to_string())
            }

            fn visit_f64<E: serde::de::Error>(self, it: f64) -> Result<Many<T>, E> {
                self.visit_string(it.to_string())
            }

            fn visit_str<E: serde::de::Error>(self, it: &str) -> Result<Many<T>, E> {
                self.visit_string(it.to_owned())
            }

            fn visit_string<E: serde::de::Error>(self, it: String) -> Result<Many<T>, E> {
                let one =
                    T::of(it).ok_or_else(|| E::custom(format_args!("expected {}", T::EXPECTED)));
                Ok(Many(vec![one?]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Many<T>, A::Error> {
                let mut all = Vec::new();
                while let Some(Many(one)) = list.next_element::<Many<T>>()? {
                    all.extend(one);
                }
                match all.is_empty() {
                    true => Err(serde::de::Error::custom(format_args!("expected {}", T::EXPECTED))),
                    false => Ok(Many(all)),
                }
            }
        }

        deserializer.deserialize_any(Read(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(rule: &str, status: u16, value: Value) -> bool {
        let rule: AnswerRule = serde_json::from_str(rule).unwrap();
        assert_eq!(rule.flaw(), None);
        rule.fits(StatusCode::from_u16(status).unwrap(), |_| Some(value))
    }

    #[test]
    fn a_rule_fits_by_status_and_by_the_value_at_its_place() {
        for (rule, status, value, expected) in [
            (r#"{"status":419}"#, 419, Value::Null, true),
            (r#"{"status":419}"#, 403, Value::Null, false),
            (r#"{"status":[403,419]}"#, 403, Value::Null, true),
            (r#"{"at":"/code","is":"a"}"#, 200, "a".into(), true),
            (r#"{"at":"/code","is":"a"}"#, 200, "A".into(), false),
            (r#"{"at":"/code","is":["b",17]}"#, 400, 17.into(), true),
            (r#"{"at":"/code","is":17}"#, 200, "17".into(), true),
            (r#"{"at":"/ok","is":false}"#, 200, false.into(), true),
            (r#"{"at":"/ok","is":false}"#, 503, false.into(), false),
            (r#"{"status":503,"at":"/ok","is":false}"#, 503, false.into(), true),
            (r#"{"at":"/m","contains":"expired"}"#, 403, "Session EXPIRED".into(), true),
            (r#"{"at":"/m","contains":"expired"}"#, 403, Value::Null, false),
            (r#"{"at":"/error"}"#, 200, serde_json::json!({"a":1}), true),
            (r#"{"at":"/error"}"#, 200, 0.into(), false),
            (r#"{"at":"/error"}"#, 200, "".into(), false),
        ] {
            assert_eq!(fits(rule, status, value), expected, "{rule}");
        }
    }

    #[test]
    fn a_rule_that_cannot_be_meant_is_an_error() {
        for rule in [
            r#"{"status":99}"#,
            r#"{"status":"x"}"#,
            r#"{"is":{}}"#,
            r#"{"where":"/a"}"#,
            r#"{"at":"a"}"#,
        ] {
            assert!(serde_json::from_str::<AnswerRule>(rule).is_err(), "{rule}");
        }
        for rule in ["{}", r#"{"status":401,"is":"x"}"#, r#"{"contains":"x"}"#] {
            let rule: AnswerRule = serde_json::from_str(rule).unwrap();
            assert!(rule.flaw().is_some(), "{rule:?}");
        }
        assert!(
            AnswerRule::status(99).flaw().is_some()
                && AnswerRule::any_status().at("x").flaw().is_some()
        );
    }

    #[test]
    fn a_rule_about_a_body_names_the_statuses_of_bodies_worth_reading() {
        let rule = AnswerRule::status(403).at("/code").is("x");
        let status = |it| StatusCode::from_u16(it).unwrap();
        assert!(
            rule.is_about_the_body() && rule.may_fit(status(403)) && !rule.may_fit(status(200))
        );
        let any = AnswerRule::any_status().at("/code");
        assert!(any.may_fit(status(200)) && !any.may_fit(status(503)));
        assert!(!AnswerRule::status(403).at("header:x").is_about_the_body());
    }
}
