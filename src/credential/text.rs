//! The text of a credential, as it stands in a file or a variable.

use std::time::Duration;

use crate::secret::Secret;

/// A file may be this long.
pub(crate) const MAX_FILE: usize = 64 * 1024;

/// Half the time that an exchange has by default: the other half is for the token endpoint.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// One line break at the end is an editor's.
pub(crate) fn without_line_break(text: &str) -> Secret {
    let trimmed = text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n'));
    Secret::from(trimmed.unwrap_or(text))
}
