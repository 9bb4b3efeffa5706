//! Reads the members of an answer: a JSON object, or a form if the content type says so.
//!
//! Servers write numbers as texts, put a byte order mark before the object, and give members twice. All of these are
//! accepted. Only a member with two different values is an error.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::content_type::media_type;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::secret::Secret;

/// The members of one object, in the order in which they came.
pub(crate) struct Members<'a>(Vec<(String, Member<'a>)>);

enum Member<'a> {
    /// Parsed only when it is needed: other members may be deeply nested or hold secrets.
    Json(Cow<'a, RawValue>),
    Text(Zeroizing<String>),
}

impl<'a> Members<'a> {
    /// # Errors
    ///
    /// [`Malformed`](ExchangeErrorKind::Malformed) if the body is neither a JSON object nor a form.
    pub(crate) fn of(answer: &'a ExchangeAnswer) -> Result<Members<'a>, ExchangeError> {
        let body = answer.text_bytes();
        // Some servers write Latin-1 in a description. The token beside it is still good.
        let json = match std::str::from_utf8(body) {
            Ok(text) => {
                serde_json::from_str::<Container<'a>>(text).map(|Container(members)| members)
            }
            Err(_) => owned(&Zeroizing::new(String::from_utf8_lossy(body).into_owned())),
        };
        let json = match json {
            Ok(members) => return Ok(Members(members)),
            Err(error) => error,
        };
        if media_type(answer.headers()) == Some("application/x-www-form-urlencoded")
            && let Some(members) = form(body)
        {
            return Ok(Members(members));
        }
        let (line, column) = (json.line(), json.column());
        Err(answer.malformed(&format!("is no JSON object, as line {line}, column {column} shows")))
    }

    /// The object or list that contains what `pointer` (RFC 6901) names, and the name of that member.
    pub(crate) fn parent_of(&self, pointer: &str) -> Option<(Members<'a>, String)> {
        let unescape = |step: &str| step.replace("~1", "/").replace("~0", "~");
        let mut steps = pointer.strip_prefix('/')?.split('/').map(unescape);
        let mut name = steps.next()?;
        let mut parent = Members(self.0.iter().map(Member::cloned).collect());
        for step in steps {
            let members = parent.0.iter().find_map(|(its_name, member)| match member {
                Member::Json(raw) if *its_name == name => Some(children(raw)),
                _ => None,
            })?;
            (parent, name) = (Members(members?), step);
        }
        Some((parent, name))
    }

    /// A text that is not empty. Anything else counts as absent.
    pub(crate) fn text(&self, name: &str) -> Result<Option<Secret>, ExchangeError> {
        let text = |member: &Member<'_>| match member {
            Member::Json(raw) => serde_json::from_str(raw.get()).ok().map(Zeroizing::new),
            Member::Text(text) => Some(text.clone()),
        };
        let text = self.one(name, |member| text(member).filter(|text| !text.is_empty()))?;
        Ok(text.map(|text| Secret::from(text.as_str())))
    }

    /// A text that is not empty, or a number or truth value as it is written: a number may have more digits than any type.
    /// Anything else counts as absent.
    pub(crate) fn scalar(&self, name: &str) -> Result<Option<Secret>, ExchangeError> {
        let scalar = |member: &Member<'_>| match member {
            Member::Json(raw) => match raw.get().as_bytes().first() {
                Some(b'"') => serde_json::from_str(raw.get()).ok().map(Zeroizing::new),
                Some(b'n' | b'[' | b'{') | None => None,
                Some(_) => Some(Zeroizing::new(raw.get().to_owned())),
            },
            Member::Text(text) => Some(text.clone()),
        };
        let text = self.one(name, |member| scalar(member).filter(|text| !text.is_empty()))?;
        Ok(text.map(|text| Secret::from(text.as_str())))
    }

    /// The member that `member` names, or to which it is a JSON pointer, as text. None also if it cannot be read.
    pub(crate) fn extra(&self, member: &str) -> Option<Secret> {
        match member.starts_with('/') {
            true => self.parent_of(member).and_then(|(parent, name)| parent.scalar(&name).ok()?),
            false => self.scalar(member).ok()?,
        }
    }

    /// A text in lower case. For other values, their JSON in lower case.
    pub(crate) fn word(&self, name: &str) -> Result<Option<String>, ExchangeError> {
        self.one(name, |member| match member.value() {
            Value::Null => None,
            Value::String(text) => Some(text.to_ascii_lowercase()),
            other => Some(other.to_string().to_ascii_lowercase()),
        })
    }

    /// What `read` returns for the value. None also if there is no such member.
    pub(crate) fn read<T: PartialEq>(
        &self,
        name: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, ExchangeError> {
        self.one(name, |member| read(&member.value()))
    }

    /// The value. `null` counts as absent.
    pub(crate) fn value(&self, name: &str) -> Result<Option<Value>, ExchangeError> {
        self.one(name, |member| Some(member.value()).filter(|value| !value.is_null()))
    }

    /// Reads the member of this name with `read`. The member may be given twice with the same
    /// value.
    fn one<T: PartialEq>(
        &self,
        name: &str,
        read: impl Fn(&Member<'_>) -> Option<T>,
    ) -> Result<Option<T>, ExchangeError> {
        let mut values = self.0.iter().filter(|(its_name, _)| its_name == name);
        let first = values.next().and_then(|(_, member)| read(member));
        if values.any(|(_, member)| read(member) != first) {
            // The name may be shown: it is a constant or was set by the user.
            let message =
                format!("the token endpoint's answer has `{name}` twice, with different values");
            return Err(ExchangeError::new(ExchangeErrorKind::Malformed, message));
        }
        Ok(first)
    }
}

impl<'a> Member<'a> {
    fn value(&self) -> Value {
        match self {
            Member::Json(raw) => serde_json::from_str(raw.get()).unwrap_or_default(),
            Member::Text(text) => Value::String(text.as_str().to_owned()),
        }
    }

    fn cloned((name, member): &(String, Member<'a>)) -> (String, Member<'a>) {
        let member = match member {
            Member::Json(raw) => Member::Json(raw.clone()),
            Member::Text(text) => Member::Text(text.clone()),
        };
        (name.clone(), member)
    }
}

/// A text, a number or a truth value as text.
#[cfg(feature = "login")]
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An object or a list. The members of a list are named by their index (RFC 6901 section 4).
struct Container<'a>(Vec<(String, Member<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Container<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Container<'a>, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Container<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, raw)) = map.next_entry::<_, &'de RawValue>()? {
                    members.push((name, Member::Json(Cow::Borrowed(raw))));
                }
                Ok(Container(members))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(raw) = list.next_element::<&'de RawValue>()? {
                    let name = members.len().to_string();
                    members.push((name, Member::Json(Cow::Borrowed(raw))));
                }
                Ok(Container(members))
            }
        }

        deserializer.deserialize_any(Collect)
    }
}

/// `application/x-www-form-urlencoded` (RFC 6749 appendix B). None if no part of it has a `=`. Parts that
/// cannot be decoded are skipped.
fn form<'a>(body: &[u8]) -> Option<Vec<(String, Member<'a>)>> {
    let body = std::str::from_utf8(body).ok()?.trim();
    let member = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((decode(name)?.as_str().to_owned(), Member::Text(decode(value)?)))
    };
    let members: Vec<_> = body.split('&').filter_map(member).collect();
    (!members.is_empty()).then_some(members)
}

/// The members of a text that does not outlive this call.
fn owned<'a>(text: &str) -> Result<Vec<(String, Member<'a>)>, serde_json::Error> {
    let Container(members) = serde_json::from_str(text)?;
    let own = |(name, member)| match member {
        Member::Json(raw) => (name, Member::Json(Cow::Owned(RawValue::to_owned(&raw)))),
        Member::Text(text) => (name, Member::Text(text)),
    };
    Ok(members.into_iter().map(own).collect())
}

/// The members of an object or a list. None for other values.
fn children<'a>(raw: &Cow<'a, RawValue>) -> Option<Vec<(String, Member<'a>)>> {
    match raw {
        Cow::Borrowed(raw) => {
            serde_json::from_str(raw.get()).ok().map(|Container(members)| members)
        }
        Cow::Owned(raw) => owned(raw.get()).ok(),
    }
}

/// Decodes `%XX` to a byte and `+` to a blank. A `%` without two hexadecimal digits stays as it is.
fn decode(text: &str) -> Option<Zeroizing<String>> {
    // Allocated at full size: growing would copy the secret and leave the old buffer unwiped.
    let mut spaced = Zeroizing::new(String::with_capacity(text.len()));
    spaced.extend(text.chars().map(|char| if char == '+' { ' ' } else { char }));
    let mut decoded = Zeroizing::new(Vec::with_capacity(spaced.len()));
    decoded.extend(percent_decode_str(&spaced));
    Some(Zeroizing::new(std::str::from_utf8(&decoded).ok()?.to_owned()))
}
