//! The text of a credential in a file or a variable.

use std::time::Duration;

use crate::secret::Secret;

/// The longest file, in bytes.
pub(crate) const MAX_FILE: usize = 64 * 1024;

/// The longest time for a reading: half of an exchange's default time. The other half is for the token endpoint.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// The text without one line break at its end, which editors put there.
pub(crate) fn without_line_break(text: &str) -> Secret {
    let trimmed = text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n'));
    Secret::from(trimmed.unwrap_or(text))
}
