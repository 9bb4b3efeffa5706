//! A store in memory that fails when the test wants it.
#![allow(dead_code)] // each suite uses its part

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower_outbound_auth::Secret;
use tower_outbound_auth::clock::Now;
use tower_outbound_auth::store::{
    Acquire, Fence, Key, Lease, MemoryStore, Publish, StoreError, Stored, TokenStore,
};

/// What is wrong with the store.
#[derive(Clone, Debug)]
pub(crate) enum Wrong {
    Nothing,
    Fails(StoreError),
    Hangs,
}

#[derive(Clone)]
pub(crate) struct FailingStore {
    store: MemoryStore,
    wrong: Arc<Mutex<Wrong>>,
}

impl FailingStore {
    pub(crate) fn new(store: MemoryStore) -> FailingStore {
        FailingStore { store, wrong: Arc::new(Mutex::new(Wrong::Nothing)) }
    }

    pub(crate) fn set(&self, wrong: Wrong) {
        *self.wrong.lock().unwrap() = wrong;
    }

    async fn fails(&self) -> Result<(), StoreError> {
        let wrong = self.wrong.lock().unwrap().clone();
        match wrong {
            Wrong::Nothing => Ok(()),
            Wrong::Fails(error) => Err(error),
            Wrong::Hangs => pending().await,
        }
    }
}

impl TokenStore for FailingStore {
    async fn load(&self, key: &Key) -> Result<Stored, StoreError> {
        self.fails().await?;
        self.store.load(key).await
    }

    async fn acquire(
        &self,
        key: &Key,
        seen: Option<Fence>,
        ttl: Duration,
        now: Now,
    ) -> Result<Acquire, StoreError> {
        self.fails().await?;
        self.store.acquire(key, seen, ttl, now).await
    }

    async fn keep(&self, lease: &Lease, carry: &Secret) -> Result<Publish, StoreError> {
        self.store.keep(lease, carry).await
    }

    async fn publish(
        &self,
        lease: &Lease,
        token: &Secret,
        carry: &Secret,
    ) -> Result<Publish, StoreError> {
        self.store.publish(lease, token, carry).await
    }
}
