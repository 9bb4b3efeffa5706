//! The text of a credential in a file or a variable.

use std::time::Duration;

use crate::secret::Secret;

/// The longest file, in bytes.
pub(crate) const MAX_FILE: usize = 64 * 1024;

/// The longest time for a reading: half of the default time of an exchange. The other half is for the token
/// endpoint.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// Whether a text has a control character that no credential has. A private key (PEM or JSON) may have line breaks.
pub(crate) fn has_control_character(text: &str) -> bool {
    let is_key = text.starts_with("-----BEGIN ") || text.starts_with('{');
    let is_line_break = |c: char| matches!(c, '\n' | '\r');
    text.chars().any(|c| c.is_control() && !(is_key && is_line_break(c)))
}

/// Removes one line break at the end, which editors add.
pub(crate) fn without_line_break(text: &str) -> Secret {
    let trimmed = text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n'));
    Secret::from(trimmed.unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_private_key_may_have_line_breaks() {
        for good in
            ["hunter2", "", "-----BEGIN PRIVATE KEY-----\r\nMC4C\n", "{\n \"kty\":\"EC\"\r\n}"]
        {
            assert!(!has_control_character(good), "{good:?}");
        }
        for bad in ["a\nb", "\n{}", " -----BEGIN X\n", "-----BEGIN X\0", "{\t}", "-----END X\n"] {
            assert!(has_control_character(bad), "{bad:?}");
        }
    }
}
