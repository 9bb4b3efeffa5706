//! A store whose calls are told to the observers of its source.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Now;
use crate::secret::Secret;
use crate::store::erased::{ErasedStore, StoreFuture};
use crate::store::error::StoreError;
use crate::store::key::Key;
use crate::store::lease::{Acquire, Fence, Lease, Publish, Stored};
use crate::token::observer::event::{Event, EventKind};
use crate::token::observer::store_operation::{StoreOperation, StoreOutcome};
use crate::token::options::SourceOptions;

pub(crate) struct WatchedStore {
    store: Arc<dyn ErasedStore>,
    options: SourceOptions,
    system: &'static str,
}

/// A call. It is told when it is dropped, so also if its future is dropped before its end. No lock is held then.
struct Call<'a> {
    of: &'a WatchedStore,
    operation: StoreOperation,
    began: Now,
    outcome: StoreOutcome,
}

impl WatchedStore {
    /// The store as it is, if nobody observes the source.
    pub(crate) fn of(
        store: Arc<dyn ErasedStore>,
        options: &SourceOptions,
        system: &'static str,
    ) -> Arc<dyn ErasedStore> {
        match options.observers.is_empty() {
            true => store,
            false => Arc::new(WatchedStore { store, options: options.clone(), system }),
        }
    }

    async fn call<T>(
        &self,
        operation: StoreOperation,
        call: StoreFuture<'_, T>,
        outcome: impl FnOnce(&T) -> StoreOutcome,
    ) -> Result<T, StoreError> {
        let began = self.options.clock.now();
        let mut told = Call { of: self, operation, began, outcome: StoreOutcome::GaveUp };
        let answer = call.await;
        told.outcome = match &answer {
            Ok(answer) => outcome(answer),
            Err(error) if error.is_lasting() => StoreOutcome::Configuration,
            Err(_) => StoreOutcome::Unreachable,
        };
        answer
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let WatchedStore { options, system, .. } = self.of;
        let (operation, outcome, at) = (self.operation, self.outcome, options.clock.now());
        let took = at.since(self.began);
        let kind = EventKind::StoreOperationFinished { operation, took, outcome };
        let source = options.name.as_deref().unwrap_or(system);
        options.observers.tell(&Event { system, source, at, kind });
    }
}

fn acquired(answer: &Acquire) -> StoreOutcome {
    match answer {
        Acquire::Newer(_) => StoreOutcome::Newer,
        Acquire::Lead(_) => StoreOutcome::Ok,
        Acquire::Busy { .. } => StoreOutcome::Busy,
    }
}

fn written(answer: &Publish) -> StoreOutcome {
    match answer {
        Publish::Stored => StoreOutcome::Ok,
        Publish::Superseded(_) => StoreOutcome::Superseded,
    }
}

impl ErasedStore for WatchedStore {
    fn load<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Stored> {
        let call = self.store.load(key);
        Box::pin(self.call(StoreOperation::Load, call, |_| StoreOutcome::Ok))
    }

    fn acquire<'a>(
        &'a self,
        key: &'a Key,
        seen: Option<Fence>,
        ttl: Duration,
        now: Now,
    ) -> StoreFuture<'a, Acquire> {
        let call = self.store.acquire(key, seen, ttl, now);
        Box::pin(self.call(StoreOperation::Acquire, call, acquired))
    }

    fn keep<'a>(&'a self, lease: &'a Lease, carry: &'a Secret) -> StoreFuture<'a, Publish> {
        let call = self.store.keep(lease, carry);
        Box::pin(self.call(StoreOperation::Keep, call, written))
    }

    fn publish<'a>(
        &'a self,
        lease: &'a Lease,
        token: &'a Secret,
        carry: &'a Secret,
    ) -> StoreFuture<'a, Publish> {
        let call = self.store.publish(lease, token, carry);
        Box::pin(self.call(StoreOperation::Publish, call, written))
    }

    fn release(&self, lease: Lease) -> StoreFuture<'_, ()> {
        let call = self.store.release(lease);
        Box::pin(self.call(StoreOperation::Release, call, |()| StoreOutcome::Ok))
    }

    fn is_for_one_login(&self) -> bool {
        self.store.is_for_one_login()
    }
}
