//! Texts in a URL or a form.

use zeroize::Zeroizing;

/// Whether the ways of encoding this text differ.
pub(crate) fn is_ambiguous(text: &str) -> bool {
    !text.bytes().all(is_unreserved)
}

/// `application/x-www-form-urlencoded`, as RFC 6749 appendix B has it.
pub(crate) fn form(text: &str) -> Zeroizing<String> {
    encode(text, "+")
}

/// A body of such parameters, in memory that is wiped after use.
pub(crate) fn form_body(params: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    let length = |(name, value): &(&str, &str)| name.len() + 3 * value.len() + 2;
    // Sized at once: a buffer that grew would leave parts of a secret behind.
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
    encode(text, "%20")
}

fn encode(text: &str, blank: &str) -> Zeroizing<String> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    // Sized at once: a buffer that grew would leave parts of a secret behind.
    let mut encoded = Zeroizing::new(String::with_capacity(3 * text.len()));
    for byte in text.bytes() {
        match byte {
            byte if is_unreserved(byte) => encoded.push(char::from(byte)),
            b' ' => encoded.push_str(blank),
            byte => {
                encoded.push('%');
                encoded.push(char::from(HEX[usize::from(byte >> 4)]));
                encoded.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    encoded
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}
