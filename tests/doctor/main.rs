//! The doctor (`examples/doctor`): whole reports, against servers on loopback. `DOCTOR_WRITE=1` writes the texts anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod api;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../secrets/canary.rs"]
mod canary;
#[path = "../../examples/doctor/doctor/mod.rs"]
mod doctor;
mod findings;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../login/imitation.rs"]
mod imitation;
#[path = "../support/masked.rs"]
mod masked;
mod reports;
mod secrets;
mod snippets;
#[path = "../support/tls.rs"]
mod tls;
#[path = "../support/trap.rs"]
mod trap;
mod usage;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::doctor::Outcome;

/// A folder for the secrets and the files of one test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("doctor-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// Writes a file, and returns its path.
    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Writes a secret, and returns its place.
    fn secret(&self, name: &str, secret: &str) -> String {
        format!("file:{}", self.write(name, secret))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the doctor with these arguments, in an empty environment.
async fn run(args: &[&str]) -> Outcome {
    let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
    doctor::run(&args, &|_| None).await
}

/// Compares a report with `texts/<name>.txt`.
#[track_caller]
fn assert_text(name: &str, report: &str, folder: &Folder) {
    let path = format!("{}/tests/doctor/texts/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let masked = masked::masked(report, folder.path());
    if std::env::var_os("DOCTOR_WRITE").is_some() {
        std::fs::write(&path, &masked).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(masked == expected, "{path} differs from this report:\n{masked}");
}
