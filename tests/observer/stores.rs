//! Calls of the store that keeps a login.

use tower_outbound_auth::TokenSource;
use tower_outbound_auth::store::{MemoryStore, StoreError};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};

use crate::failing_store::{FailingStore, Wrong};
use crate::secs;
use crate::told::Told;
use crate::until::until;

fn source(store: FailingStore, clock: &ManualClock, told: &Told) -> TokenSource<HeaderScheme> {
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
    let failing = FailingStore::new(store.clone());
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
    let second = source(FailingStore::new(store), &clock, &told);
    second.token().await.unwrap();
    until(|| told.has("state ")).await;
    assert!(told.has("store acquire: newer") && !told.has("store publish"), "{:?}", told.take());
}
