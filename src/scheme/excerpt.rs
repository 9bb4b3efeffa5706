//! The beginning of a response's body, for a judge.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

/// Stands in the extensions of a response whose body was inspected.
#[derive(Clone)]
pub(crate) struct Excerpt(Bytes);

impl Excerpt {
    pub(crate) fn new(bytes: Vec<u8>) -> Excerpt {
        Excerpt(bytes.into())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What `pointer` (RFC 6901) names. None if the excerpt is not one whole JSON object or list.
    pub(crate) fn member(&self, pointer: &str) -> Option<Value> {
        // Some servers put a byte order mark before the JSON, or write Latin-1 in a description.
        let text = String::from_utf8_lossy(&self.0);
        let mut json: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
        // A cut object or list is no JSON. A cut number is one.
        let is_whole = json.is_object() || json.is_array();
        json.pointer_mut(pointer).filter(|_| is_whole).map(Value::take)
    }
}

/// A body may hold secrets.
impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Excerpt({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(text: &[u8]) -> Excerpt {
        Excerpt::new(text.to_vec())
    }

    #[test]
    fn a_member_is_found_by_its_pointer() {
        let excerpt = of(br#"{"error":{"code":"expired","a/b":[1,{"c":190}]}}"#);
        for (pointer, member) in [
            ("/error/code", Some(json!("expired"))),
            ("/error/a~1b/1/c", Some(json!(190))),
            ("/error/none", None),
            ("/error/a~1b/2", None),
            ("error", None),
        ] {
            assert_eq!(excerpt.member(pointer), member, "{pointer}");
        }
        assert!(excerpt.member("").is_some_and(|whole| whole.is_object()));
    }

    #[test]
    fn a_byte_order_mark_and_latin_1_do_not_hide_a_member() {
        let text = b"\xef\xbb\xbf{\"text\":\"abgelaufen f\xfcr immer\",\"error\":\"expired\"}";
        assert_eq!(of(text).member("/error"), Some(json!("expired")));
    }

    #[test]
    fn json_that_is_cut_anywhere_has_no_members() {
        for text in [r#"{"error":"expired","n":12}"#, r#"["expired",12]"#, "12345", r#""text""#] {
            for length in 0..text.len() {
                let excerpt = of(&text.as_bytes()[..length]);
                for pointer in ["", "/error", "/0"] {
                    assert_eq!(excerpt.member(pointer), None, "{text} up to {length}");
                }
            }
        }
    }

    #[test]
    fn debug_shows_the_length_alone() {
        assert_eq!(format!("{:?}", of(b"hunter2")), "Excerpt(7 bytes)");
    }
}
