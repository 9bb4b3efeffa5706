//! The text of a credential in a file or a variable.

use std::time::Duration;

use crate::secret::Secret;

/// The longest file, in bytes.
pub(crate) const MAX_FILE: usize = 64 * 1024;

/// The longest time for a reading: half of the default time of an exchange. The other half is for the token
/// endpoint.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// Removes one line break at the end, which editors add.
pub(crate) fn without_line_break(text: &str) -> Secret {
    let trimmed = text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n'));
    Secret::from(trimmed.unwrap_or(text))
}
