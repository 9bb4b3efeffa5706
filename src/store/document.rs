//! A JSON object whose unknown members are kept as they are written.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// A JSON object: the text of each member by its name. A number with forty digits stays as it is.
#[derive(Clone, Default)]
pub(crate) struct Document(BTreeMap<String, Secret>);

impl Document {
    /// None if the text is no JSON object, or if a member is given twice.
    pub(crate) fn parse(text: &str) -> Option<Document> {
        serde_json::from_str(text).ok()
    }

    /// The text of a member as JSON. None if it is absent or null.
    pub(crate) fn json(&self, name: &str) -> Option<&Secret> {
        self.0.get(name).filter(|json| json.expose() != "null")
    }

    /// A member of another type. The outer option is None if it cannot be read.
    pub(crate) fn read<'a, T: Deserialize<'a>>(&'a self, name: &str) -> Option<Option<T>> {
        self.json(name)
            .map(|json| serde_json::from_str(json.expose()).ok())
            .map_or(Some(None), |it| it.map(Some))
    }

    /// Sets a member to a JSON text. None removes it.
    pub(crate) fn set_json(&mut self, name: &str, json: Option<Secret>) {
        match json {
            Some(json) => self.0.insert(name.to_owned(), json),
            None => self.0.remove(name),
        };
    }

    /// Sets a member to a text. None removes it.
    pub(crate) fn set_text(&mut self, name: &str, text: Option<&str>) {
        self.set_json(name, text.map(quoted));
    }

    /// Sets a member to a list of texts. An empty one removes it.
    pub(crate) fn set_texts(&mut self, name: &str, texts: &[String]) {
        let list = (!texts.is_empty()).then(|| {
            let quoted: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
            let quoted: Vec<_> = quoted.iter().map(Secret::expose).collect();
            Secret::from(format!("[{}]", quoted.join(", ")))
        });
        self.set_json(name, list);
    }

    /// Sets a member to a number. None removes it.
    pub(crate) fn set_number(&mut self, name: &str, number: Option<u64>) {
        self.set_json(name, number.map(|number| Secret::from(number.to_string())));
    }

    /// Removes a member, and returns its JSON text.
    pub(crate) fn take(&mut self, name: &str) -> Option<Secret> {
        self.0.remove(name)
    }

    /// Adds the members of another object, in place of members of the same names.
    pub(crate) fn extend(&mut self, other: Document) {
        self.0.extend(other.0);
    }

    /// The object as JSON, a member on each line, in the order of the names.
    pub(crate) fn to_json(&self) -> Secret {
        let members: Vec<_> = self.0.iter().map(|(name, json)| (quoted(name), json)).collect();
        let length =
            |(name, json): &(Secret, &Secret)| name.expose().len() + json.expose().len() + 6;
        // Allocated at full size: growing would copy a secret and leave the old buffer unwiped.
        let mut text = String::with_capacity(members.iter().map(length).sum::<usize>() + 4);
        text.push('{');
        for (number, (name, json)) in members.iter().enumerate() {
            text.push_str(if number == 0 { "\n  " } else { ",\n  " });
            text.push_str(name.expose());
            text.push_str(": ");
            text.push_str(json.expose());
        }
        text.push_str("\n}");
        Secret::from(text)
    }
}

/// A text as JSON.
fn quoted(text: &str) -> Secret {
    // JSON writes a character with six bytes at most.
    let mut json = Zeroizing::new(Vec::with_capacity(6 * text.len() + 2));
    // This cannot fail: every text can be JSON, and a vector accepts every write.
    let _ = serde_json::to_writer(&mut *json, text);
    Secret::from(String::from_utf8_lossy(&json).into_owned())
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Document, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Document;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, json)) = map.next_entry::<String, Box<RawValue>>()? {
                    let json = Secret::from(String::from(Box::<str>::from(json)));
                    if members.insert(name, json).is_some() {
                        return Err(A::Error::custom("a member is given twice"));
                    }
                }
                Ok(Document(members))
            }
        }

        deserializer.deserialize_map(Read)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_nobody_knows_are_kept_as_they_are_written() {
        let text = r#"{"z": 1e400, "a": {"b": [1, 2.50, "é\u00e9"]}, "token": "old", "n": 123456789012345678901234567890}"#;
        let mut document = Document::parse(text).unwrap();
        document.set_text("token", Some("new \"one\"\n"));
        document.set_number("since", Some(7));
        let json = document.to_json();
        assert_eq!(
            json.expose(),
            "{\n  \"a\": {\"b\": [1, 2.50, \"é\\u00e9\"]},\n  \"n\": 123456789012345678901234567890,\n  \"since\": 7,\n  \
             \"token\": \"new \\\"one\\\"\\n\",\n  \"z\": 1e400\n}"
        );
        let again = Document::parse(json.expose()).unwrap();
        assert_eq!(again.read::<String>("token").unwrap().unwrap(), "new \"one\"\n");
        assert_eq!(again.to_json().expose(), json.expose());
        assert_eq!(format!("{again:?}"), r#"["a", "n", "since", "token", "z"]"#);
    }

    #[test]
    fn what_is_no_object_or_has_a_member_twice_is_refused() {
        for wrong in ["", "[]", "7", "{", "{\"a\":1,\"a\":2}", "{}x", "\0\0\0"] {
            assert!(Document::parse(wrong).is_none(), "{wrong}");
        }
        assert_eq!(Document::parse("{}").unwrap().to_json().expose(), "{\n}");
    }

    #[test]
    fn an_absent_member_and_null_are_nothing_and_another_type_cannot_be_read() {
        let document = Document::parse(r#"{"a": null, "b": [1], "c": "x"}"#).unwrap();
        assert_eq!(document.read::<String>("a"), Some(None));
        assert_eq!(document.read::<String>("z"), Some(None));
        assert_eq!(document.read::<String>("b"), None);
        assert_eq!(document.read::<String>("c"), Some(Some("x".to_owned())));
    }
}
