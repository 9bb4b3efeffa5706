//! Calls of the store that keeps a login.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower_outbound_auth::clock::Now;
use tower_outbound_auth::store::{
    Acquire, Fence, Key, Lease, MemoryStore, Publish, StoreError, Stored, TokenStore,
};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};
use tower_outbound_auth::{Secret, TokenSource};

use crate::secs;
use crate::told::Told;
use crate::until::until;

/// What is wrong with the store.
#[derive(Clone, Debug)]
enum Wrong {
    Nothing,
    Fails(StoreError),
    Hangs,
}

/// A store in memory that fails when the test wants it.
#[derive(Clone)]
struct Failing {
    store: MemoryStore,
    wrong: Arc<Mutex<Wrong>>,
}

impl Failing {
    fn new(store: MemoryStore) -> Failing {
        Failing { store, wrong: Arc::new(Mutex::new(Wrong::Nothing)) }
    }

    fn set(&self, wrong: Wrong) {
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

impl TokenStore for Failing {
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

fn source(store: Failing, clock: &ManualClock, told: &Told) -> TokenSource<HeaderScheme> {
    TokenSource::builder(HeaderScheme::bearer(), ScriptedExchange::new())
        .clock(clock.clone())
        .store(store)
        .observer(told.clone())
        .build()
}

/// The lines about the store of one more exchange.
async fn exchange(
    source: &TokenSource<HeaderScheme>,
    clock: &ManualClock,
    told: &Told,
) -> Vec<String> {
    clock.advance(secs(10_000));
    let caller = tokio::spawn({
        let source = source.clone();
        async move { source.token().await.map(drop) }
    });
    until(|| told.has("wait after") || source.status().waiters == 1).await;
    clock.advance(secs(10)); // the deadline of an exchange
    let _ = caller.await.unwrap();
    until(|| told.has("state ")).await;
    told.take().into_iter().filter(|line| line.starts_with("store ")).collect()
}

#[tokio::test]
async fn each_call_of_a_store_is_told_with_its_outcome() {
    let (clock, told, store) = (ManualClock::new(), Told::default(), MemoryStore::new());
    let failing = Failing::new(store.clone());
    let first = source(failing.clone(), &clock, &told);
    let all = ["store acquire: ok", "store publish: ok", "store release: ok"];
    assert_eq!(exchange(&first, &clock, &told).await, all);
    for (error, line) in [
        (StoreError::unreachable("no route"), "store acquire: unreachable"),
        (StoreError::configuration("the disk is full"), "store acquire: configuration"),
    ] {
        failing.set(Wrong::Fails(error));
        assert_eq!(exchange(&first, &clock, &told).await, [line]);
    }
    failing.set(Wrong::Hangs);
    assert_eq!(exchange(&first, &clock, &told).await, ["store acquire: gave_up"]);
    failing.set(Wrong::Nothing);
    assert_eq!(exchange(&first, &clock, &told).await, all);
    // Another process takes the token of the first one.
    let second = source(Failing::new(store), &clock, &told);
    second.token().await.unwrap();
    until(|| told.has("state ")).await;
    assert!(told.has("store acquire: newer") && !told.has("store publish"), "{:?}", told.take());
}
