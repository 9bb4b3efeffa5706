//! Encoding texts for a URL or a form.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

/// All but the unreserved characters of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same in a form, where a blank becomes a plus.
const RESERVED_IN_FORM: &AsciiSet = &RESERVED.remove(b' ');

/// Whether the encodings of this text differ.
pub(crate) fn is_ambiguous(text: &str) -> bool {
    *percent(text) != *text
}

/// `application/x-www-form-urlencoded`, as RFC 6749 appendix B has it.
pub(crate) fn form(text: &str) -> Zeroizing<String> {
    let mut encoded = with_room_for(text);
    for part in utf8_percent_encode(text, RESERVED_IN_FORM) {
        encoded.extend(part.chars().map(|char| if char == ' ' { '+' } else { char }));
    }
    encoded
}

/// A body of such parameters, in memory that is wiped after use.
pub(crate) fn form_body(params: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    let length = |(name, value): &(&str, &str)| name.len() + 3 * value.len() + 2;
    // Allocated at full size: growing would copy the secret and leave the old buffer unwiped.
    let mut body = Zeroizing::new(Vec::with_capacity(params.iter().map(length).sum()));
    for (name, value) in params {
        if !body.is_empty() {
            body.push(b'&');
        }
        body.extend_from_slice(name.as_bytes());
        body.push(b'=');
        body.extend_from_slice(form(value).as_bytes());
    }
    body
}

/// RFC 3986 section 2.1; also for one segment of a path.
pub(crate) fn percent(text: &str) -> Zeroizing<String> {
    let mut encoded = with_room_for(text);
    encoded.extend(utf8_percent_encode(text, RESERVED));
    encoded
}

/// Allocated at full size: growing would copy the secret and leave the old buffer unwiped.
fn with_room_for(text: &str) -> Zeroizing<String> {
    Zeroizing::new(String::with_capacity(3 * text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_encoded_and_keeps_what_is_unreserved() {
        let unreserved = "azAZ09-._~";
        assert_eq!((&**percent(unreserved), &**form(unreserved)), (unreserved, unreserved));
        assert!(!is_ambiguous(unreserved));
        let odd = " %&+*£€/";
        assert_eq!(*percent(odd), "%20%25%26%2B%2A%C2%A3%E2%82%AC%2F");
        assert_eq!(*form(odd), "+%25%26%2B%2A%C2%A3%E2%82%AC%2F");
        assert!(odd.split("").filter(|it| !it.is_empty()).all(is_ambiguous));
        let body = form_body(&[("a", "b c"), ("d", "&=")]);
        assert_eq!(*body, b"a=b+c&d=%26%3D");
    }

    #[test]
    fn no_buffer_grows() {
        for text in ["", "€€€", "   ", "abc"] {
            assert!(form(text).capacity() <= 3 * text.len(), "{text}");
            assert!(percent(text).capacity() <= 3 * text.len(), "{text}");
        }
    }
}
