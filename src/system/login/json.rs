//! A JSON body whose texts have placeholders.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use zeroize::Zeroizing;

use crate::exchange::error::ExchangeError;
use crate::system::login::template::{Lookup, Template, plain};

/// A JSON value with texts of one kind: [`Template`] before a request is built, and wiped texts after.
#[derive(Clone, PartialEq)]
pub(crate) enum Json<T> {
    Null,
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(T),
    List(Vec<Json<T>>),
    /// The members in their order.
    Object(Vec<(String, Json<T>)>),
}

impl Json<Template> {
    /// The body, in memory that is wiped after use.
    ///
    /// # Errors
    ///
    /// The error of `lookup`.
    pub(crate) fn render(&self, lookup: Lookup<'_>) -> Result<Zeroizing<Vec<u8>>, ExchangeError> {
        let rendered = self.map(&|text| text.render(lookup, plain))?;
        // Allocated at full size: growing would copy a secret and leave the old buffer unwiped.
        let mut body = Zeroizing::new(Vec::with_capacity(rendered.longest()));
        // This cannot fail: every text can be JSON, and a vector accepts every write.
        let _ = serde_json::to_writer(&mut *body, &rendered);
        Ok(body)
    }

    /// All texts, each with the name of the member that it belongs to.
    pub(crate) fn texts<'a>(&'a self, name: &'a str, found: &mut Vec<(&'a str, &'a Template)>) {
        match self {
            Json::Text(text) => found.push((name, text)),
            Json::List(list) => list.iter().for_each(|it| it.texts(name, found)),
            Json::Object(members) => members.iter().for_each(|(name, it)| it.texts(name, found)),
            Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Number(_) => {}
        }
    }

    /// The names of the members whose values are numbers.
    pub(crate) fn numbers<'a>(&'a self, name: &'a str, found: &mut Vec<&'a str>) {
        match self {
            Json::Integer(_) | Json::Number(_) => found.push(name),
            Json::List(list) => list.iter().for_each(|it| it.numbers(name, found)),
            Json::Object(members) => members.iter().for_each(|(name, it)| it.numbers(name, found)),
            Json::Null | Json::Bool(_) | Json::Text(_) => {}
        }
    }

    fn map<T, E>(&self, text: &impl Fn(&Template) -> Result<T, E>) -> Result<Json<T>, E> {
        Ok(match self {
            Json::Null => Json::Null,
            Json::Bool(truth) => Json::Bool(*truth),
            Json::Integer(number) => Json::Integer(*number),
            Json::Number(number) => Json::Number(*number),
            Json::Text(template) => Json::Text(text(template)?),
            Json::List(list) => {
                Json::List(list.iter().map(|it| it.map(text)).collect::<Result<_, E>>()?)
            }
            Json::Object(members) => {
                let members = members.iter().map(|(name, it)| Ok((name.clone(), it.map(text)?)));
                Json::Object(members.collect::<Result<_, E>>()?)
            }
        })
    }
}

impl<T: Hash> Hash for Json<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Json::Null => {}
            Json::Bool(truth) => truth.hash(state),
            Json::Integer(number) => number.hash(state),
            Json::Number(number) => number.to_bits().hash(state),
            Json::Text(text) => text.hash(state),
            Json::List(list) => list.hash(state),
            Json::Object(members) => members.hash(state),
        }
    }
}

/// Shows no text: a text may have a secret that should not be there.
impl<T> fmt::Debug for Json<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::List(list) => f.debug_list().entries(list).finish(),
            Json::Object(members) => {
                f.debug_map().entries(members.iter().map(|(name, it)| (name, it))).finish()
            }
            _ => f.write_str("…"),
        }
    }
}

impl Json<Zeroizing<String>> {
    /// At least the length of the text. JSON writes each byte with six at most.
    fn longest(&self) -> usize {
        match self {
            Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Number(_) => 32,
            Json::Text(text) => 6 * text.len() + 3,
            Json::List(list) => list.iter().map(Json::longest).sum::<usize>() + 3,
            Json::Object(members) => {
                members.iter().map(|(name, it)| 6 * name.len() + 4 + it.longest()).sum::<usize>()
                    + 3
            }
        }
    }
}

impl Serialize for Json<Zeroizing<String>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(truth) => serializer.serialize_bool(*truth),
            Json::Integer(number) => serializer.serialize_i64(*number),
            Json::Number(number) => serializer.serialize_f64(*number),
            Json::Text(text) => serializer.serialize_str(text),
            Json::List(list) => serializer.collect_seq(list),
            Json::Object(members) => {
                serializer.collect_map(members.iter().map(|(name, value)| (name, value)))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json<Template> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json<Template>, D::Error> {
        deserializer.deserialize_any(Read)
    }
}

struct Read;

impl<'de> Visitor<'de> for Read {
    type Value = Json<Template>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, `true`, `false`, a list or an object")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Json::Integer(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
        let number = i64::try_from(number);
        number
            .map(Json::Integer)
            .map_err(|_| E::custom("this number is too large: write it as a text"))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Self::Value, E> {
        match number.is_finite() {
            true => Ok(Json::Number(number)),
            false => Err(E::custom("JSON has no such number")),
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Template::parse(text).map(Json::Text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_body_keeps_its_shape_and_its_values_cannot_change_it() {
        let text = r#"{"b":[1,-2.5,true,null,{"x":"{user}!"}],"a":"{user}","{user}":""}"#;
        let json: Json<Template> = serde_json::from_str(text).unwrap();
        let lookup = |_: &str| Ok(Secret::from("a\"},{\n"));
        let body = json.render(&lookup).unwrap();
        let expected = r#"{"b":[1,-2.5,true,null,{"x":"a\"},{\n!"}],"a":"a\"},{\n","{user}":""}"#;
        assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
    }

    #[test]
    fn the_buffer_of_a_body_never_grows() {
        let widest = "\u{1}".repeat(1_000);
        let lookup = |_: &str| Ok(Secret::from(&*widest));
        for text in [
            r#""{a}""#,
            r#"["{a}",["{a}"]]"#,
            r#"{"a":"{a}","b":{"c":"{a}"}}"#,
            "[]",
            "{}",
            "[1.5e300]",
        ] {
            let json: Json<Template> = serde_json::from_str(text).unwrap();
            let rendered = json.map(&|it| it.render(&lookup, plain)).unwrap();
            assert!(json.render(&lookup).unwrap().len() <= rendered.longest(), "{text}");
        }
    }
}
