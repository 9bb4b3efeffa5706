//! Reading a credential from a file that somebody else writes.
//!
//! A writer that opens the file and writes into it may be half done when it is read. One that renames another
//! file over it, or swaps a symbolic link (Kubernetes), never is. So new text in the same file is believed
//! once nobody has touched the file for a while.

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use super::Unreadable;
use crate::Secret;
use crate::clock;

/// A secret that is longer than this is another file.
const MAX_FILE: usize = 64 * 1024;

/// New text is looked at a second time after this long.
const SECOND_LOOK: Duration = Duration::from_millis(20);

/// A file that was changed in place is believed once nobody has touched it for this long: a writer that pauses
/// for longer between two parts of a secret has other troubles.
const UNTOUCHED_FOR: Duration = Duration::from_millis(250);

/// What was read, and in which file.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) text: Secret,
    pub(super) file: Option<FileId>,
}

/// Tells files apart that take each other's place under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Option<FileId> {
        use std::os::unix::fs::MetadataExt;
        Some(FileId(metadata.dev(), metadata.ino()))
    }

    #[cfg(not(unix))]
    fn of(_: &Metadata) -> Option<FileId> {
        None
    }
}

/// One look at the file.
struct Look {
    text: Secret,
    file: Option<FileId>,
    modified: Option<SystemTime>,
}

/// The text of the file; none if it is being written. `known` is what was read last and was good.
///
/// This may block: in a file system that hangs, or at a pipe that nobody writes into.
pub(super) fn read(path: &Path, known: Option<&Found>) -> Result<Option<Found>, Unreadable> {
    let kind = fs::metadata(path).map_err(Unreadable::of)?.file_type();
    if !kind.is_file() {
        // What a shell's process substitution leaves is a pipe, which gives what it has once.
        return match known {
            None if is_pipe(kind) => Ok(Some(Found { text: look(path)?.text, file: None })),
            _ => Err(Unreadable("not a regular file".to_owned())),
        };
    }
    let first = look(path)?;
    if known.is_none_or(|known| known.text.expose() != first.text.expose()) {
        let known = known.and_then(|known| known.file);
        std::thread::sleep(wait(known, first.file, first.modified.and_then(clock::age_of)));
        let second = look(path)?;
        if first.text.expose() != second.text.expose() || first.modified != second.modified {
            return Ok(None);
        }
    }
    Ok(Some(Found { text: first.text, file: first.file }))
}

/// How long to wait before the second look. A file that has taken another one's place was complete when it did.
fn wait(known: Option<FileId>, found: Option<FileId>, age: Option<Duration>) -> Duration {
    let was_swapped = known.is_some() && found.is_some() && known != found;
    let untouched = UNTOUCHED_FOR.saturating_sub(age.unwrap_or_default());
    if was_swapped { SECOND_LOOK } else { untouched.max(SECOND_LOOK) }
}

fn look(path: &Path) -> Result<Look, Unreadable> {
    let file = File::open(path).map_err(Unreadable::of)?;
    let metadata = file.metadata().map_err(Unreadable::of)?;
    // Allocated at full size: growing would copy the secret and leave the old buffer unwiped.
    let mut text = Zeroizing::new(String::with_capacity(MAX_FILE + 1));
    file.take(MAX_FILE as u64 + 1).read_to_string(&mut text).map_err(Unreadable::of)?;
    if text.len() > MAX_FILE {
        return Err(Unreadable("longer than 64 KiB".to_owned()));
    }
    Ok(Look {
        text: super::without_line_break(&text),
        file: FileId::of(&metadata),
        modified: metadata.modified().ok(),
    })
}

#[cfg(unix)]
fn is_pipe(kind: fs::FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&kind)
}

#[cfg(not(unix))]
fn is_pipe(_: fs::FileType) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_changed_in_place_is_waited_for_until_nobody_touches_it() {
        let millis = Duration::from_millis;
        let (one, other) = (Some(FileId(1, 1)), Some(FileId(1, 2)));
        for (known, found, age, waits) in [
            (one, one, Some(millis(0)), 250),
            (one, one, Some(millis(100)), 150),
            (one, one, Some(millis(240)), 20),
            (one, one, Some(millis(9_000)), 20),
            (one, one, None, 250), // changed in the future: the clocks differ
            (one, other, Some(millis(0)), 20),
            (None, one, Some(millis(0)), 250),
            (None, one, Some(millis(9_000)), 20),
            (None, None, Some(millis(0)), 250),
        ] {
            assert_eq!(wait(known, found, age), millis(waits), "{known:?} {found:?} {age:?}");
        }
    }
}
