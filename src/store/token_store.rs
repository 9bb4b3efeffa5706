//! The trait of all stores.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Now;
use crate::secret::Secret;
use crate::store::error::StoreError;
use crate::store::key::Key;
use crate::store::lease::{Acquire, Fence, Lease, Publish, Stored};

/// Keeps the newest token of each key, and what is needed to renew it. It lets one holder at a time renew it.
///
/// A store reads no text of a token or of a carry: both are JSON objects, which it keeps as they are. `testkit::store_laws`
/// (feature `test-util`) checks what a store must do:
///
/// 1. At most one lease of a key is live.
/// 2. The fences of the leases of a key only grow, also over restarts and after a loss of data.
/// 3. [`publish`](TokenStore::publish) with a fence that is not larger than that of the stored token changes nothing.
/// 4. [`publish`](TokenStore::publish) needs no live lease: a slow holder's token is welcome if no newer one is stored.
/// 5. A lease that has ended releases nobody else's lease, and [`keep`](TokenStore::keep) under it changes nothing if there was
///    a later lease.
/// 6. [`acquire`](TokenStore::acquire) returns a newer token than the one seen, and no lease, if there is one.
/// 7. After a holder has died, another one gets the lease within `ttl`.
/// 8. A carry that was kept is there for the next lease as it is, whatever became of the holder. It replaces the one before as a whole: a
///    refresh token and its DPoP key belong together.
/// 9. An error means that the store cannot be reached or used. That somebody else has the lease is [`Acquire::Busy`].
/// 10. If the future of a call is dropped, the laws above hold.
///
/// All futures may be dropped at any point: a write then happens as a whole or not at all.
pub trait TokenStore: Send + Sync + 'static {
    /// All that is stored under a key. Needs no lease.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached or used.
    fn load(&self, key: &Key) -> impl Future<Output = Result<Stored, StoreError>> + Send;

    /// Asks for the lease of a key, or for a newer token than `seen`. `ttl` is the longest time that the caller needs the lease,
    /// and `now` the time by the caller's clock.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached or used.
    fn acquire(
        &self,
        key: &Key,
        seen: Option<Fence>,
        ttl: Duration,
        now: Now,
    ) -> impl Future<Output = Result<Acquire, StoreError>> + Send;

    /// Replaces the carry, and leaves the token as it is. The carry is durable when this returns.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached or used. Then the carry may be stored or not.
    fn keep(
        &self,
        lease: &Lease,
        carry: &Secret,
    ) -> impl Future<Output = Result<Publish, StoreError>> + Send;

    /// Replaces the token and the carry in one step. The token gets the fence of the lease. Both are durable when this returns.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached or used. Then both may be stored or not.
    fn publish(
        &self,
        lease: &Lease,
        token: &Secret,
        carry: &Secret,
    ) -> impl Future<Output = Result<Publish, StoreError>> + Send;

    /// Ends a lease, and changes nothing else. Default: drops it.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached. The lease then ends after its time.
    fn release(&self, lease: Lease) -> impl Future<Output = Result<(), StoreError>> + Send {
        drop(lease);
        std::future::ready(Ok(()))
    }

    /// Whether the store is for one login, as a file is. Then the key of a login does not depend on the value of its seed, nor on a
    /// function that gives it: a restart finds the login again, and a new seed replaces the old one. Default: false, so that the
    /// logins of two persons with the same client never have the same key.
    fn is_for_one_login(&self) -> bool {
        false
    }
}

impl<S: TokenStore> TokenStore for Arc<S> {
    fn load(&self, key: &Key) -> impl Future<Output = Result<Stored, StoreError>> + Send {
        S::load(self, key)
    }

    fn acquire(
        &self,
        key: &Key,
        seen: Option<Fence>,
        ttl: Duration,
        now: Now,
    ) -> impl Future<Output = Result<Acquire, StoreError>> + Send {
        S::acquire(self, key, seen, ttl, now)
    }

    fn keep(
        &self,
        lease: &Lease,
        carry: &Secret,
    ) -> impl Future<Output = Result<Publish, StoreError>> + Send {
        S::keep(self, lease, carry)
    }

    fn publish(
        &self,
        lease: &Lease,
        token: &Secret,
        carry: &Secret,
    ) -> impl Future<Output = Result<Publish, StoreError>> + Send {
        S::publish(self, lease, token, carry)
    }

    fn release(&self, lease: Lease) -> impl Future<Output = Result<(), StoreError>> + Send {
        S::release(self, lease)
    }

    fn is_for_one_login(&self) -> bool {
        S::is_for_one_login(self)
    }
}
