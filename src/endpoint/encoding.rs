//! Encodes texts for a URL or a form.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

/// All characters that are not "unreserved" in RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same without the blank, which becomes a plus in a form.
const RESERVED_IN_FORM: &AsciiSet = &RESERVED.remove(b' ');

/// Whether a server that does not decode would read another text.
pub(crate) fn is_ambiguous(text: &str) -> bool {
    *percent(text) != *text
}

/// Encodes a text as `application/x-www-form-urlencoded` (RFC 6749 appendix B).
pub(crate) fn form(text: &str) -> Zeroizing<String> {
    let mut encoded = with_room_for(text);
    for part in utf8_percent_encode(text, RESERVED_IN_FORM) {
        encoded.extend(part.chars().map(|char| if char == ' ' { '+' } else { char }));
    }
    encoded
}

/// A form body, in memory that is wiped after use.
pub(crate) fn form_body(params: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    let length = |(name, value): &(&str, &str)| form(name).len() + 3 * value.len() + 2;
    // Allocated at full size: growing would copy the secret and leave the old buffer unwiped.
    let mut body = Zeroizing::new(Vec::with_capacity(params.iter().map(length).sum()));
    for (name, value) in params {
        if !body.is_empty() {
            body.push(b'&');
        }
        body.extend_from_slice(form(name).as_bytes());
        body.push(b'=');
        body.extend_from_slice(form(value).as_bytes());
    }
    body
}

/// Percent-encodes a text (RFC 3986 section 2.1). The result also fits one segment of a path.
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
    fn only_reserved_characters_are_encoded() {
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
    fn buffers_with_encoded_secrets_never_grow() {
        for text in ["", "€€€", "   ", "abc"] {
            assert!(form(text).capacity() <= 3 * text.len(), "{text}");
            assert!(percent(text).capacity() <= 3 * text.len(), "{text}");
            let body = form_body(&[("name", text), ("other", text)]);
            assert_eq!(
                body.capacity(),
                "name".len() + "other".len() + 6 * text.len() + 4,
                "{text}"
            );
        }
    }
}
