//! A store in the memory of this process.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Now;
use crate::secret::Secret;
use crate::store::error::StoreError;
use crate::store::key::Key;
use crate::store::lease::{Acquire, Entry, Fence, Lease, Publish, Stored};
use crate::store::token_store::TokenStore;

/// How long a caller waits before it asks for a lease again.
const RETRY_IN: Duration = Duration::from_millis(20);

/// Keeps logins in the memory of this process: at its end they are lost. Clones are the same store, so that several sources
/// of a process can share a login.
///
/// A source whose login begins with a refresh token has a store of this kind if it gets no other one.
///
/// ```
/// use tower_outbound_auth::store::MemoryStore;
///
/// let store = MemoryStore::new();
/// let same = store.clone();
/// # let _ = same;
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<HashMap<Key, Slot>>>);

/// What is stored under one key.
#[derive(Default)]
struct Slot {
    stored: Stored,
    /// The fence of the last lease.
    last: Option<Fence>,
    /// The lease that is live until this time.
    held: Option<(Fence, Now)>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, key: &Key, seen: Option<Fence>, ttl: Duration, now: Now) -> Acquire {
        let mut slots = self.lock();
        let slot = slots.entry(*key).or_default();
        if let Some(entry) = slot.stored.entry.as_ref().filter(|it| Some(it.fence) > seen) {
            return Acquire::Newer(entry.clone());
        }
        if slot.held.is_some_and(|(_, until)| !now.has_reached(until)) {
            return Acquire::Busy { retry_in: RETRY_IN };
        }
        let fence = Fence::next(now, [slot.last, slot.stored.fence(), seen]);
        (slot.last, slot.held) = (Some(fence), Some((fence, now + ttl)));
        let held = Held { store: self.clone(), key: *key, fence };
        Acquire::Lead(Lease::new(*key, fence, slot.stored.clone()).with_state(held))
    }

    /// Changes a slot, if `may` allows it.
    fn change(
        &self,
        lease: &Lease,
        may: impl FnOnce(&Slot) -> bool,
        change: impl FnOnce(&mut Stored),
    ) -> Publish {
        let mut slots = self.lock();
        let slot = slots.entry(*lease.key()).or_default();
        if !may(slot) {
            return Publish::Superseded(slot.stored.entry.clone());
        }
        change(&mut slot.stored);
        Publish::Stored
    }
}

impl TokenStore for MemoryStore {
    async fn load(&self, key: &Key) -> Result<Stored, StoreError> {
        Ok(self.lock().get(key).map(|slot| slot.stored.clone()).unwrap_or_default())
    }

    async fn acquire(
        &self,
        key: &Key,
        seen: Option<Fence>,
        ttl: Duration,
        now: Now,
    ) -> Result<Acquire, StoreError> {
        Ok(self.take(key, seen, ttl, now))
    }

    async fn keep(&self, lease: &Lease, carry: &Secret) -> Result<Publish, StoreError> {
        let is_last = |slot: &Slot| slot.last.is_none_or(|last| last <= lease.fence());
        Ok(self.change(lease, is_last, |stored| stored.carry = Some(carry.clone())))
    }

    async fn publish(
        &self,
        lease: &Lease,
        token: &Secret,
        carry: &Secret,
    ) -> Result<Publish, StoreError> {
        let is_newer = |slot: &Slot| slot.stored.fence() < Some(lease.fence());
        Ok(self.change(lease, is_newer, |stored| {
            let entry = Entry::new(lease.fence(), token.clone());
            *stored = Stored::new(Some(entry), Some(carry.clone()));
        }))
    }
}

/// A live lease. It ends when this is dropped.
struct Held {
    store: MemoryStore,
    key: Key,
    fence: Fence,
}

/// This only locks, so it does not panic.
impl Drop for Held {
    fn drop(&mut self) {
        if let Some(slot) = self.store.lock().get_mut(&self.key) {
            slot.held.take_if(|(fence, _)| *fence == self.fence);
        }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryStore(…)")
    }
}
