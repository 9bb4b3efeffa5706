//! Reads a credential from a pipe, such as a shell's process substitution, `<(command)`.
//!
//! A pipe without a writer would block for ever, and a runtime waits for its threads when it ends. So opening and
//! reading do not block, and both end after the deadline of a reading.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::credential::error::Unreadable;
use crate::credential::text::{DEADLINE, MAX_FILE, trimmed, utf8};
use crate::secret::Secret;

/// The time between two readings.
const EVERY: Duration = Duration::from_millis(10);

/// The text up to the moment when the last writer closes the pipe.
pub(crate) fn read(path: &Path) -> Result<Secret, Unreadable> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).map_err(Unreadable::of)?;
    let mut pipe =
        OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(Unreadable::of)?;
    // Allocated at full size, as for a file.
    let mut text = Zeroizing::new(vec![0; MAX_FILE + 1]);
    let mut length = 0;
    let mut waits = 0..DEADLINE.as_millis() / EVERY.as_millis();
    loop {
        match pipe.read(&mut text[length..]) {
            Ok(0) if length > MAX_FILE => return Err(Unreadable("longer than 64 KiB".to_owned())),
            Ok(0) if length > 0 => break, // the last writer has closed it
            Ok(0) => {}                   // no writer has opened it
            Ok(more) => {
                length += more;
                continue;
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(Unreadable::of(error)),
        }
        if waits.next().is_none() {
            return Err(Unreadable("no writer has closed the pipe for 5 s".to_owned()));
        }
        std::thread::sleep(EVERY);
    }
    Ok(trimmed(utf8(&text[..length])?))
}
