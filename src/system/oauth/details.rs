//! Rights in detail (RFC 9396).

use serde_json::{Map, Value};

use crate::error::Error;

/// The text without white space between its tokens. The order of its members stays.
///
/// # Errors
///
/// If it is no JSON array of objects that each have a `type`.
pub(crate) fn checked_details(json: &str) -> Result<String, Error> {
    let details = serde_json::from_str::<Vec<Map<String, Value>>>(json);
    let is_right = details.is_ok_and(|details| {
        !details.is_empty()
            && details.iter().all(|detail| detail.get("type").is_some_and(Value::is_string))
    });
    match is_right {
        true => Ok(compact(json)),
        false => Err(Error::configuration(
            "the authorization details are no JSON array of objects with a `type` (RFC 9396 section 2)",
        )),
    }
}

/// Removes the white space outside of texts.
fn compact(json: &str) -> String {
    let (mut is_text, mut is_escaped) = (false, false);
    let kept = json.chars().filter(|c| {
        let is_white = !is_text && c.is_ascii_whitespace();
        is_text ^= *c == '"' && !is_escaped;
        is_escaped = is_text && *c == '\\' && !is_escaped;
        !is_white
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_lose_their_white_space_and_nothing_else() {
        let json = "[ {\"type\" : \"a b\",\n\t\"z\": [ 1, \"\\\" \\\\\" ], \"a\": { } } ]";
        assert_eq!(checked_details(json).unwrap(), r#"[{"type":"a b","z":[1,"\" \\"],"a":{}}]"#);
    }

    #[test]
    fn details_that_are_no_array_of_typed_objects_are_an_error() {
        for json in ["", "{}", "[]", "[1]", r#"[{"a":1}]"#, r#"[{"type":1}]"#, r#"[{"type":"a"}]x"#]
        {
            assert!(checked_details(json).is_err(), "{json}");
        }
    }
}
