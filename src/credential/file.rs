//! Reading a credential from a file that somebody else writes.
//!
//! If somebody writes into the file while it is read, the text may be incomplete. A file that replaced the old one by
//! a rename, or by a new symbolic link (Kubernetes), is complete. But a file that was deleted and is being written
//! again looks the same. So a new text is used only when the file has not changed for a while.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use crate::clock;
use crate::credential::error::Unreadable;
#[cfg(unix)]
use crate::credential::pipe;
use crate::credential::text::{MAX_FILE, trimmed, utf8};
use crate::secret::Secret;

/// The time until a new text is read a second time.
const SECOND_LOOK: Duration = Duration::from_millis(20);

/// A new text is used when the file has not changed for this long. A writer rarely pauses longer in the middle of a
/// secret.
const UNTOUCHED_FOR: Duration = Duration::from_millis(250);

/// One reading of the file.
struct Look {
    text: Secret,
    modified: Option<SystemTime>,
}

/// The text of the file. None if the file is being written. `known` is the last good text.
///
/// This may block in a file system that hangs.
pub(crate) fn read(path: &Path, known: Option<&Secret>) -> Result<Option<Secret>, Unreadable> {
    let kind = fs::metadata(path).map_err(Unreadable::of)?.file_type();
    if !kind.is_file() {
        // A process substitution of a shell is a pipe, which can be read only once.
        #[cfg(unix)]
        if known.is_none() && std::os::unix::fs::FileTypeExt::is_fifo(&kind) {
            return pipe::read(path).map(Some);
        }
        return Err(Unreadable("not a regular file".to_owned()));
    }
    let first = look(path)?;
    if known.is_none_or(|known| known.expose() != first.text.expose()) {
        std::thread::sleep(wait(first.modified.and_then(clock::age_of)));
        if look(path)?.text.expose() != first.text.expose() {
            return Ok(None);
        }
    }
    Ok(Some(first.text))
}

/// The wait before the second reading of a file, by the age of its last change.
fn wait(age: Option<Duration>) -> Duration {
    UNTOUCHED_FOR.saturating_sub(age.unwrap_or_default()).max(SECOND_LOOK)
}

fn look(path: &Path) -> Result<Look, Unreadable> {
    let file = File::open(path).map_err(Unreadable::of)?;
    let modified = file.metadata().map_err(Unreadable::of)?.modified().ok();
    // Allocated at full size: growing would copy the secret and leave the old buffer unwiped.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_FILE + 1));
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut text).map_err(Unreadable::of)?;
    if text.len() > MAX_FILE {
        return Err(Unreadable("longer than 64 KiB".to_owned()));
    }
    Ok(Look { text: trimmed(utf8(&text)?), modified })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_text_is_used_only_after_the_file_was_left_unchanged() {
        let millis = Duration::from_millis;
        for (age, waits) in [
            (Some(millis(0)), 250),
            (Some(millis(100)), 150),
            (Some(millis(240)), 20),
            (Some(millis(9_000)), 20),
            (None, 250), // changed in the future: the clocks differ
        ] {
            assert_eq!(wait(age), millis(waits), "{age:?}");
        }
    }
}
