//! [`TokenStore`] behind a pointer. It costs one allocation per call, and sources need no type parameter for the store.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::clock::Now;
use crate::secret::Secret;
use crate::store::error::StoreError;
use crate::store::key::Key;
use crate::store::lease::{Acquire, Fence, Lease, Publish, Stored};
use crate::store::token_store::TokenStore;

pub(crate) type StoreFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

pub(crate) trait ErasedStore: Send + Sync {
    fn load<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Stored>;
    fn acquire<'a>(
        &'a self,
        key: &'a Key,
        seen: Option<Fence>,
        ttl: Duration,
        now: Now,
    ) -> StoreFuture<'a, Acquire>;
    fn keep<'a>(&'a self, lease: &'a Lease, carry: &'a Secret) -> StoreFuture<'a, Publish>;
    fn publish<'a>(
        &'a self,
        lease: &'a Lease,
        token: &'a Secret,
        carry: &'a Secret,
    ) -> StoreFuture<'a, Publish>;
    fn release(&self, lease: Lease) -> StoreFuture<'_, ()>;
    fn is_for_one_login(&self) -> bool;
}

impl<S: TokenStore> ErasedStore for S {
    fn load<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Stored> {
        Box::pin(TokenStore::load(self, key))
    }

    fn acquire<'a>(
        &'a self,
        key: &'a Key,
        seen: Option<Fence>,
        ttl: Duration,
        now: Now,
    ) -> StoreFuture<'a, Acquire> {
        Box::pin(TokenStore::acquire(self, key, seen, ttl, now))
    }

    fn keep<'a>(&'a self, lease: &'a Lease, carry: &'a Secret) -> StoreFuture<'a, Publish> {
        Box::pin(TokenStore::keep(self, lease, carry))
    }

    fn publish<'a>(
        &'a self,
        lease: &'a Lease,
        token: &'a Secret,
        carry: &'a Secret,
    ) -> StoreFuture<'a, Publish> {
        Box::pin(TokenStore::publish(self, lease, token, carry))
    }

    fn release(&self, lease: Lease) -> StoreFuture<'_, ()> {
        Box::pin(TokenStore::release(self, lease))
    }

    fn is_for_one_login(&self) -> bool {
        TokenStore::is_for_one_login(self)
    }
}
