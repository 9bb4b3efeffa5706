//! The challenges of a refusal. If the first byte is odd, the rest is headers, one a line. If it is even,
//! challenges are made from the rest, so that the verdict is known.

use arbitrary::{Result, Unstructured};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, Response};
use tower_outbound_auth::scheme::ResponseHead;

pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    if choice & 1 == 1 {
        raw(&rest.split(|byte| *byte == b'\n').collect::<Vec<_>>());
    } else {
        let _ = made(&mut Unstructured::new(rest));
    }
}

fn is_refusal(values: &[&[u8]]) -> bool {
    let mut response = Response::builder().status(401).body(()).unwrap();
    for value in values {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            response.headers_mut().append(WWW_AUTHENTICATE, value);
        }
    }
    ResponseHead::of(&response).is_refusal()
}

fn raw(values: &[&[u8]]) {
    let refusal = is_refusal(values);
    if !refusal {
        let gives_a_reason = |value: &&[u8]| {
            let text = String::from_utf8_lossy(value).replace('\\', "");
            let reason = text.contains("insufficient_scope") || text.contains("invalid_request");
            value.len() <= 8 * 1024 && reason && text.to_ascii_lowercase().contains("error")
        };
        assert!(values.iter().any(gives_a_reason), "no reason why a 401 is not about the token");
    }
    let behind = |first: &'static str| {
        let values: Vec<_> = [first.as_bytes()].into_iter().chain(values.iter().copied()).collect();
        is_refusal(&values)
    };
    assert!(behind("Bearer error=\"invalid_token\""), "a challenge that says so was missed");
    // After a first challenge with another reason, the rest decides, unless the rest begins with a
    // parameter, which belongs to the challenge before it (RFC 9110 section 5.3).
    let begins_with_a_parameter = values.iter().any(|value| {
        let text = value.trim_ascii_start().strip_prefix(b",").unwrap_or(value);
        let is_token =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        let name = text.trim_ascii_start().iter().take_while(|byte| is_token(byte)).count();
        text.trim_ascii_start()[name..].trim_ascii_start().starts_with(b"=")
    });
    assert!(refusal || begins_with_a_parameter || !behind("Bearer error=\"insufficient_scope\""));
}

/// Challenges of RFC 9110 section 11.6.1, in every form. Also whether one of them says that the token is
/// invalid, or gives another reason.
fn made(bytes: &mut Unstructured<'_>) -> Result<()> {
    let (mut values, mut token, mut other) = (Vec::new(), false, false);
    let mut challenges = 0;
    for _ in 0..bytes.int_in_range(1..=3)? {
        let mut value = String::new();
        for _ in 0..bytes.int_in_range(0..=4)? {
            challenges += 1;
            if !value.is_empty() {
                value += *bytes.choose(&[",", ", ", " ,\t", ",,  "])?;
            }
            value += *bytes.choose(&["Bearer", "DPoP", "x", "!#$%&'*+-.^_`|~"])?;
            if bytes.ratio(1, 6)? {
                value += *bytes.choose(&[" YWJj", " YWJj==", " a/b+c="])?;
                continue;
            }
            let mut errors = Vec::new();
            for param in 0..bytes.int_in_range(0..=3)? {
                value += if param == 0 { " " } else { *bytes.choose(&[",", ", ", " , "])? };
                let name = *bytes.choose(&["error", "ERROR", "realm", "error_description", "a"])?;
                let text = *bytes.choose(&[
                    "invalid_token",
                    "insufficient_scope",
                    "invalid_request",
                    "Bearer error=\"invalid_token\", x",
                    "a, b=c",
                    "",
                    "\"\\",
                ])?;
                value += name;
                value += *bytes.choose(&["=", " = ", "= ", "\t="])?;
                let quoted = bytes.arbitrary()?
                    || !text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
                if quoted || text.is_empty() {
                    value += &quote(text, bytes.arbitrary()?);
                } else {
                    value += text;
                }
                if name.eq_ignore_ascii_case("error") {
                    errors.push(text);
                }
            }
            // No specification says which of two counts. This crate uses the first.
            match errors.first() {
                Some(&("insufficient_scope" | "invalid_request")) => other = true,
                Some(_) => token = true,
                None => {}
            }
        }
        values.push(value);
    }
    assert!(challenges <= 16);
    let bytes: Vec<_> = values.iter().map(|value| value.as_bytes()).collect();
    assert_eq!(is_refusal(&bytes), token || !other, "{values:?}");
    Ok(())
}

/// With as few escapes as possible, or one for each character.
fn quote(text: &str, escape_all: bool) -> String {
    let escape = |c: char| match escape_all || matches!(c, '"' | '\\') {
        true => format!("\\{c}"),
        false => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}
