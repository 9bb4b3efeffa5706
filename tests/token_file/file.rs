//! The file of a token, and the ways in which platforms write it.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder of one test. Dropping it removes the folder.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("outbound-auth-token-file-{}-{nth}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).unwrap();
        folder
    }

    pub(crate) fn token(&self) -> PathBuf {
        self.0.join("token")
    }

    /// Into the file itself, as an editor does.
    pub(crate) fn write(&self, token: &str) {
        fs::write(self.token(), token).unwrap();
    }

    /// By a file that takes the place of the old one, as a Vault agent does.
    pub(crate) fn rename_to(&self, token: &str) {
        let new = self.0.join("token.new");
        fs::write(&new, token).unwrap();
        fs::rename(new, self.token()).unwrap();
    }

    /// By a new symbolic link to a folder, as Kubernetes does.
    #[cfg(unix)]
    pub(crate) fn swap_link_to(&self, token: &str) {
        use std::os::unix::fs::symlink;
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let version = format!("..{}", NEXT.fetch_add(1, Ordering::Relaxed));
        fs::create_dir(self.0.join(&version)).unwrap();
        fs::write(self.0.join(&version).join("token"), token).unwrap();
        symlink(&version, self.0.join("..data_tmp")).unwrap();
        fs::rename(self.0.join("..data_tmp"), self.0.join("..data")).unwrap();
        if !self.token().is_symlink() {
            symlink("..data/token", self.token()).unwrap();
        }
    }

    pub(crate) fn remove(&self) {
        fs::remove_file(self.token()).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
