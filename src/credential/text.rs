//! The text of a credential in a file or a variable.

use std::time::Duration;

use crate::credential::error::Unreadable;
use crate::secret::Secret;

/// The longest file, in bytes.
pub(crate) const MAX_FILE: usize = 64 * 1024;

/// The longest time for a reading: half of the default time of an exchange. The other half is for the token
/// endpoint.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// Whether a text has a control character that no credential has. A private key (PEM or JSON) may have line breaks and tabs,
/// and a PEM may have other text before it.
pub(crate) fn has_control_character(text: &str) -> bool {
    let is_key = text.contains("-----BEGIN ") || text.trim_start().starts_with('{');
    let is_white = |c: char| matches!(c, '\n' | '\r' | '\t');
    text.chars().any(|c| c.is_control() && !(is_key && is_white(c)))
}

/// The bytes as text.
///
/// # Errors
///
/// If they are no UTF-8. The message says what to do with a certificate or a key in DER.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(bytes).map_err(|_| {
        let message = match is_like_der(bytes) {
            true => {
                "it is no text, and may be DER: write a certificate as PEM by `openssl x509 -inform DER -in old.der -out \
                 new.pem`, or a key by `openssl pkey -inform DER -in old.der -out new.pem`"
            }
            false => "it is not UTF-8",
        };
        Unreadable(message.to_owned())
    })
}

/// A sequence (X.690 section 8.9), as a certificate and a key are one.
fn is_like_der(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x81 | 0x82, ..] => true,
        [0x30, length, rest @ ..] => usize::from(*length) == rest.len(),
        _ => false,
    }
}

/// Removes a byte order mark at the start and one line break at the end, which editors add.
pub(crate) fn trimmed(text: &str) -> Secret {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let line = text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n'));
    Secret::from(line.unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_editors_add_is_removed_once() {
        for (text, trimmed_text) in [
            ("\u{feff}hunter2\r\n", "hunter2"),
            ("hunter2\n\n", "hunter2\n"),
            ("\u{feff}", ""),
            ("hunter2\u{feff}", "hunter2\u{feff}"),
            ("hunter2\r", "hunter2\r"),
        ] {
            assert_eq!(trimmed(text).expose(), trimmed_text, "{text:?}");
        }
    }

    #[test]
    fn only_a_private_key_may_have_line_breaks_and_tabs() {
        for good in [
            "hunter2",
            "",
            "-----BEGIN PRIVATE KEY-----\r\nMC4C\n",
            "{\n\t\"kty\":\"EC\"\r\n}",
            "\n{}",
            "Bag Attributes\n\tfriendlyName: x\n-----BEGIN X\n",
        ] {
            assert!(!has_control_character(good), "{good:?}");
        }
        for bad in ["a\nb", "a\tb", "a\n{}", "-----BEGIN X\0", "{\u{b}}", "-----END X\n"] {
            assert!(has_control_character(bad), "{bad:?}");
        }
    }
}
