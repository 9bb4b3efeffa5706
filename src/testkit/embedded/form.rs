//! Reads bodies of requests: forms (RFC 6749 appendix B), and media types.

use std::collections::HashMap;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request};

use super::protocol::only_value;

/// The parameters of an `application/x-www-form-urlencoded` body.
pub(super) struct Form(HashMap<String, String>);

impl Form {
    /// `None` if the body is of another type or cannot be decoded, or if a parameter occurs twice (RFC
    /// 6749 section 3.2); only `resource` may (RFC 8707 section 2).
    pub(super) fn of(request: &Request<Bytes>) -> Option<Form> {
        if !has_type(request.headers(), "application/x-www-form-urlencoded") {
            return None;
        }
        let mut form = HashMap::new();
        let body = std::str::from_utf8(request.body()).ok()?;
        for pair in body.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name)?;
            if form.insert(name.clone(), decode(value)?).is_some() && name != "resource" {
                return None;
            }
        }
        Some(Form(form))
    }

    /// A parameter without a value counts as absent (RFC 6749 section 3.1).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Whether a body has this media type, with any parameters.
pub(super) fn has_type(headers: &HeaderMap, media_type: &str) -> bool {
    only_value(headers, CONTENT_TYPE.as_str())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(media_type))
}

/// Decodes `%XX` to a byte and `+` to a blank.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => 16 * hex(bytes.next()?)? + hex(bytes.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: &'static str) -> Option<Form> {
        let content_type = "Application/X-WWW-Form-urlencoded; charset=utf-8";
        let request = Request::post("/").header(CONTENT_TYPE, content_type);
        Form::of(&request.body(Bytes::from(body)).unwrap())
    }

    #[test]
    fn an_encoded_form_is_decoded_again() {
        let form = form("a=1&b%20+=%26%3D%2b+%C3%A9&empty=&none&resource=x&resource=y").unwrap();
        assert_eq!(form.get("a"), Some("1"));
        assert_eq!(form.get("b  "), Some("&=+ é"));
        assert_eq!((form.get("empty"), form.get("none"), form.get("c")), (None, None, None));
    }

    #[test]
    fn a_body_that_is_no_form_gives_none() {
        for body in ["a=1&a=2", "a=1&%61=1", "a=%", "a=%4", "a=%4g", "a=%+1", "a=%FF"] {
            assert!(form(body).is_none(), "{body}");
        }
        assert!(Form::of(&Request::post("/").body(Bytes::from("a=1")).unwrap()).is_none());
    }
}
