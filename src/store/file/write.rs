//! Replaces the file of a login, so that a crash at any point leaves the old file or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::age_of;
use crate::store::error::StoreError;
use crate::store::file::place::{Place, unusable};
use crate::store::file::steps::{Step, Steps};

/// The end of the name of a new file that has not yet replaced the old one.
const TEMPORARY: &str = ".tmp";

/// An older temporary file is one of a process that died.
const ABANDONED: Duration = Duration::from_secs(60);

/// Replaces the file. It is durable when this returns.
///
/// # Errors
///
/// If a step fails. Then the old file is there, or the new one if only the last step failed.
pub(crate) fn replace(place: &Place, text: &str, steps: &dyn Steps) -> Result<(), StoreError> {
    let mut new = Temporary { path: temporary(place), is_there: false };
    write(place, text, steps, &mut new).map_err(|error| unusable("write", &place.file, error))
}

fn write(place: &Place, text: &str, steps: &dyn Steps, new: &mut Temporary) -> io::Result<()> {
    steps.before(Step::Create)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new.path)?;
    new.is_there = true;
    steps.before(Step::Write)?;
    file.write_all(text.as_bytes())?;
    steps.before(Step::SyncFile)?;
    file.sync_all()?;
    drop(file);
    steps.before(Step::Rename)?;
    fs::rename(&new.path, &place.file)?;
    new.is_there = false;
    steps.before(Step::SyncFolder)?;
    sync_folder(&place.folder)
}

/// Other systems have no such step.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(folder)?.sync_all(),
        false => Ok(()),
    }
}

/// A new name in the same folder, because a file can be renamed only within a file system.
fn temporary(place: &Place) -> PathBuf {
    let mut name = place.file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}{TEMPORARY}", fastrand::u64(..)));
    place.folder.join(name)
}

/// A file that has not yet replaced the old one. It is removed if it never does.
struct Temporary {
    path: PathBuf,
    is_there: bool,
}

/// Never panics.
impl Drop for Temporary {
    fn drop(&mut self) {
        if self.is_there {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes the temporary files of processes that died. Call it under the lock. What cannot be removed stays.
pub(crate) fn remove_abandoned(place: &Place) {
    let Some(name) = place.file.file_name().and_then(|name| name.to_str()) else { return };
    let Ok(entries) = fs::read_dir(&place.folder) else { return };
    for entry in entries.flatten() {
        let file = entry.file_name();
        let middle = file.to_str().and_then(|it| it.strip_prefix(name)?.strip_suffix(TEMPORARY));
        let is_ours = middle
            .and_then(|it| it.strip_prefix('.'))
            .is_some_and(|it| it.len() == 16 && it.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let modified = entry.metadata().and_then(|it| it.modified()).ok();
        if is_ours && modified.and_then(age_of).is_some_and(|age| age > ABANDONED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
