//! What a file store does to its files.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, UNIX_EPOCH};

use super::*;

const KEY: Key = Key::new([7; 16]);

/// A folder that is removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let folder = std::env::temp_dir().join(format!("toa-file-{:016x}", fastrand::u64(..)));
        fs::create_dir(&folder).unwrap();
        Folder(folder)
    }

    fn store(&self) -> FileStore {
        FileStore::new(self.0.join("login.json"))
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn now() -> Now {
    Now::new(Duration::from_secs(1), UNIX_EPOCH + Duration::from_secs(1_800_000_000))
}

fn lead(store: &FileStore, seen: Option<Fence>) -> Lease {
    match store.take(KEY, seen, now()).unwrap() {
        Acquire::Lead(lease) => lease,
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_that_a_dead_process_left_are_removed_after_a_minute() {
    let folder = Folder::new();
    let left = |name: &str, age: u64| {
        let file = File::create(folder.0.join(name)).unwrap();
        let now = file.metadata().unwrap().modified().unwrap();
        file.set_modified(now - Duration::from_secs(age)).unwrap();
    };
    left("login.json.0123456789abcdef.tmp", 61);
    left("login.json.0123456789abcdee.tmp", 30);
    left("login.json.0123456789abcde.tmp", 600); // not one of ours
    left("login.json.notes.of.a.user.tmp", 600);
    left("other.json.0123456789abcdef.tmp", 600);
    drop(lead(&folder.store(), None));
    assert_eq!(
        folder.names(),
        [
            "login.json.0123456789abcde.tmp",
            "login.json.0123456789abcdee.tmp",
            "login.json.lock",
            "login.json.notes.of.a.user.tmp",
            "other.json.0123456789abcdef.tmp"
        ]
    );
}

#[test]
fn a_step_that_fails_leaves_the_old_file_and_no_new_one() {
    #[derive(Debug)]
    struct Fails(Step);

    impl Steps for Fails {
        fn before(&self, step: Step) -> std::io::Result<()> {
            match step == self.0 {
                true => Err(std::io::ErrorKind::StorageFull.into()),
                false => Ok(()),
            }
        }
    }

    let folder = Folder::new();
    let place = Place::of(folder.store().path()).unwrap();
    replace(&place, "{}", &AllSteps).unwrap();
    for step in [Step::Create, Step::Write, Step::SyncFile, Step::Rename] {
        let error = replace(&place, "{\"a\": 1}", &Fails(step)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("login.json") && text.contains("make room on the disk"), "{text}");
        assert_eq!(fs::read_to_string(&place.file).unwrap(), "{}", "{step:?}");
        assert_eq!(folder.names(), ["login.json"], "{step:?}");
    }
    replace(&place, "{\"a\": 2}", &Fails(Step::SyncFolder)).unwrap_err();
    assert_eq!(fs::read_to_string(&place.file).unwrap(), "{\"a\": 2}", "the new file is complete");
}

#[tokio::test]
async fn a_write_whose_future_is_dropped_ends_and_keeps_the_lock_until_then() {
    /// The writer waits here until the test lets it go on.
    #[derive(Debug)]
    struct Gate(Mutex<mpsc::Receiver<()>>);

    impl Steps for Gate {
        fn before(&self, step: Step) -> std::io::Result<()> {
            if step == Step::Rename {
                self.0.lock().unwrap().recv().unwrap();
            }
            Ok(())
        }
    }

    let folder = Folder::new();
    let (open, gate) = mpsc::channel();
    let writer = folder.store().with_steps(Gate(Mutex::new(gate)));
    let lease = lead(&writer, None);
    let (fence, token, carry) = (lease.fence(), "{\"t\": 1}".into(), "{\"c\": 2}".into());
    let mut write = Box::pin(TokenStore::publish(&writer, &lease, &token, &carry));
    assert!(futures_util::FutureExt::now_or_never(&mut write).is_none());
    drop(write);
    drop(lease);
    let other = folder.store();
    let take = || other.take(KEY, Some(fence), now()).unwrap();
    for _ in 0..3 {
        assert!(matches!(take(), Acquire::Busy { .. }), "the writer has the lock");
    }
    open.send(()).unwrap();
    let stored = loop {
        match take() {
            Acquire::Lead(lease) => break lease.stored().clone(),
            Acquire::Busy { .. } => tokio::task::yield_now().await,
            other @ Acquire::Newer(_) => panic!("{other:?}"),
        }
    };
    assert_eq!(stored.fence(), Some(fence), "when the lock is free, the write has ended");
    assert_eq!(stored.carry.unwrap().expose(), "{\n  \"c\": 2\n}");
}

#[test]
fn outside_of_a_runtime_the_store_cannot_be_asked() {
    let folder = Folder::new();
    let store = folder.store();
    let mut load = Box::pin(TokenStore::load(&store, &KEY));
    let loaded = futures_util::FutureExt::now_or_never(&mut load).unwrap();
    assert!(loaded.unwrap_err().to_string().contains("needs a tokio runtime"));
}

#[tokio::test]
async fn a_lease_of_another_store_writes_nothing() {
    let folder = Folder::new();
    let lease = Lease::new(KEY, Fence::next(now(), []), Stored::default());
    let error = TokenStore::keep(&folder.store(), &lease, &"{}".into()).await.unwrap_err();
    assert!(error.to_string().contains("the lease is of another store"));
    assert!(folder.names().is_empty());
}
