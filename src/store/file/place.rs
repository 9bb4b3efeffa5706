//! Where the files of a store are, and how the login is read.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::store::error::StoreError;

/// A longer file is no login.
const LONGEST: u64 = 1024 * 1024;

/// The paths of a store.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The file with the login. It is no symbolic link, because a link would be replaced by the new file.
    pub(crate) file: PathBuf,
    /// The file that is locked. It is never replaced: a lock on the login's file would be lost with the old file.
    pub(crate) lock: PathBuf,
    pub(crate) folder: PathBuf,
}

impl Place {
    /// # Errors
    ///
    /// If the path names no file.
    pub(crate) fn of(path: &Path) -> Result<Place, StoreError> {
        let is_link = fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_symlink());
        let file = match is_link {
            true => fs::canonicalize(path).map_err(|error| unusable("read", path, error))?,
            false => path.to_owned(),
        };
        let Some(name) = file.file_name().map(OsString::from) else {
            let path = path.display().to_string();
            let message = format!("the path {path:?} names no file: give the path of a file");
            return Err(StoreError::configuration(message));
        };
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let mut lock = name;
        lock.push(".lock");
        Ok(Place { lock: folder.join(lock), folder, file })
    }

    /// The text of the file. None if there is no file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is no file, is too long, or can be read or written by everybody.
    pub(crate) fn read(&self) -> Result<Option<Zeroizing<String>>, StoreError> {
        let failed = |error| unusable("read", &self.file, error);
        let file = match options().open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let metadata = file.metadata().map_err(failed)?;
        let path = self.file.display();
        if !metadata.is_file() || metadata.len() > LONGEST {
            let message = format!("{path} is no file with a login: give the path of another file");
            return Err(StoreError::configuration(message));
        }
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
            // Kubernetes gives the group of a volume (`fsGroup`) its rights at each start. The next write takes them away.
            if mode & 0o007 != 0 {
                let message = format!(
                    "{path} may have a refresh token, and others may read it (mode {mode:04o}): run `chmod 600 {path}`"
                );
                return Err(StoreError::configuration(message));
            }
        }
        // Allocated at full size: growing would copy a secret and leave the old buffer unwiped.
        let length = usize::try_from(metadata.len()).unwrap_or_default();
        let mut text = Zeroizing::new(String::with_capacity(length + 64));
        file.take(LONGEST).read_to_string(&mut text).map_err(failed)?;
        Ok(Some(text))
    }
}

/// Opening a pipe would block for ever, and a runtime waits for its threads when it ends.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    if let Ok(flags) = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()) {
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags);
    }
    options
}

/// The error of a step on the file system: what failed, where, why, and what to do.
pub(crate) fn unusable(what: &str, path: &Path, error: io::Error) -> StoreError {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            ": give this process the right to read and write there, and in the folder"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            ": the store needs a folder that this process may write to"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ": make room on the disk",
        io::ErrorKind::NotFound => ": create the folder",
        _ => "",
    };
    let is_file = |it: &&Path| error.kind() == io::ErrorKind::NotADirectory && it.is_file();
    let advice = match path.ancestors().skip(1).find(is_file) {
        Some(file) => format!(": {} is a file, and no folder", file.display()),
        None => advice.to_owned(),
    };
    let message = format!("cannot {what} {}: {error}{advice}", path.display());
    StoreError::configuration(message).with_source(error)
}
