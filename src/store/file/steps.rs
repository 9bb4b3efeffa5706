//! The steps on the file system, one by one, so that a test can stop or fail each of them.

use std::fmt;
use std::io;

/// A step on the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Opens the lock file and locks it.
    Lock,
    /// Reads the login.
    Read,
    /// Creates the new file beside the old one.
    Create,
    /// Writes the new file.
    Write,
    /// Makes the content of the new file durable.
    SyncFile,
    /// Puts the new file in the place of the old one.
    Rename,
    /// Makes the new name durable.
    SyncFolder,
}

/// Called before each step.
pub(crate) trait Steps: fmt::Debug + Send + Sync + 'static {
    /// # Errors
    ///
    /// If the step must fail.
    fn before(&self, step: Step) -> io::Result<()>;
}

/// All steps are taken.
#[derive(Debug)]
pub(crate) struct AllSteps;

impl Steps for AllSteps {
    fn before(&self, _: Step) -> io::Result<()> {
        Ok(())
    }
}
