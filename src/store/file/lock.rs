//! The lock of a login: a second file, which is never replaced.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};

use crate::store::error::StoreError;
use crate::store::file::place::{Place, unusable};
use crate::store::lease::Fence;

/// A lock that this process has. The kernel releases it when the process dies. It does not hold between machines.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// None if somebody else has the lock.
    ///
    /// # Errors
    ///
    /// If the lock file cannot be made, or if the file system has no locks.
    pub(crate) fn take(place: &Place) -> Result<Option<Lock>, StoreError> {
        let file = options().open(&place.lock);
        let file = file.map_err(|error| unusable("lock", &place.lock, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(unusable("lock", &place.lock, error)),
        }
    }

    /// The fence of the last lease, which the lock file has. None if the file has something else.
    pub(crate) fn last_fence(&mut self) -> Option<Fence> {
        let mut text = String::new();
        self.file.rewind().ok()?;
        (&self.file).take(32).read_to_string(&mut text).ok()?;
        Fence::new(text.lines().next()?.parse().ok()?).filter(|fence| fence.can_grow())
    }

    /// Notes the fence of a new lease, so that the next process gives a larger one.
    ///
    /// # Errors
    ///
    /// If the lock file cannot be written.
    pub(crate) fn note(&mut self, fence: Fence) -> io::Result<()> {
        self.file.rewind()?;
        // The rest of a longer text stays: only the first line counts.
        self.file.write_all(format!("{}\n", fence.number()).as_bytes())
    }
}

/// This only unlocks, so it does not panic. Closing the file would do the same, unless a child process of this moment has it too.
impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
