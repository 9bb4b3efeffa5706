//! The laws of each store.

use std::sync::Arc;

use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::store::{FileStore, Key, MemoryStore};
use tower_outbound_auth::testkit::{ManualClock, store_laws};

use super::Folder;

const KEY: Key = Key::new([7; 16]);

#[tokio::test]
async fn a_memory_store_keeps_the_laws() {
    let (store, now) = (MemoryStore::new(), ManualClock::new().now());
    store_laws(|| store.clone(), KEY, now).await.unwrap();
    // Another key of the same store is another login.
    store_laws(|| Arc::new(store.clone()), Key::new([8; 16]), now).await.unwrap();
}

#[tokio::test]
async fn a_file_store_keeps_the_laws() {
    let folder = Folder::new();
    store_laws(|| FileStore::new(folder.file()), KEY, ManualClock::new().now()).await.unwrap();
    let mut names: Vec<_> = std::fs::read_dir(&folder.0).unwrap().collect();
    assert_eq!(names.len(), 2, "the login and its lock: {names:?}");
    names.clear();
}

#[tokio::test]
async fn fences_grow_although_the_clock_was_set_back_and_the_file_was_lost() {
    use tower_outbound_auth::store::{Acquire, Lease, TokenStore};

    let (folder, clock) = (Folder::new(), ManualClock::new());
    let lead = async || -> Lease {
        let store = FileStore::new(folder.file());
        match store.acquire(&KEY, None, super::HOUR, clock.now()).await.unwrap() {
            Acquire::Lead(lease) => lease,
            other => panic!("{other:?}"),
        }
    };
    let first = lead().await.fence();
    let lease = lead().await;
    let second = lease.fence();
    FileStore::new(folder.file()).keep(&lease, &"{}".into()).await.unwrap();
    drop(lease);
    std::fs::remove_file(folder.file()).unwrap();
    clock.set_wall(std::time::UNIX_EPOCH);
    let third = lead().await.fence();
    assert!(first < second && second < third, "{first:?} {second:?} {third:?}");
}
