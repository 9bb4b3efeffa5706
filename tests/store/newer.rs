//! A store that has a newer token at each call, and none that can be used.

use std::time::Duration;

use tower_outbound_auth::clock::Now;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::store::{
    Acquire, Entry, Fence, Key, Lease, Publish, StoreError, Stored, TokenStore,
};
use tower_outbound_auth::{Secret, TokenSource};

use super::{Setup, secs};

struct AlwaysNewer;

impl TokenStore for AlwaysNewer {
    async fn load(&self, _: &Key) -> Result<Stored, StoreError> {
        Ok(Stored::default())
    }

    async fn acquire(
        &self,
        _: &Key,
        seen: Option<Fence>,
        _: Duration,
        now: Now,
    ) -> Result<Acquire, StoreError> {
        Ok(Acquire::Newer(Entry::new(Fence::next(now, [seen]), "{}")))
    }

    async fn keep(&self, _: &Lease, _: &Secret) -> Result<Publish, StoreError> {
        Ok(Publish::Stored)
    }

    async fn publish(&self, _: &Lease, _: &Secret, _: &Secret) -> Result<Publish, StoreError> {
        Ok(Publish::Stored)
    }
}

#[test]
fn an_exchange_that_only_finds_unusable_newer_tokens_ends_at_its_deadline() {
    let (ended, end) = std::sync::mpsc::channel();
    // If it does not end, its runtime does not end either.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let error = runtime.block_on(async {
            let setup = Setup::new().await;
            let source = setup.unkept(&setup.server.endpoint(), "seed").store(AlwaysNewer);
            let clock = tower_outbound_auth::clock::SystemClock::new();
            let source: TokenSource<_> = source.clock(clock).exchange_timeout(secs(1)).build();
            source.token().await.unwrap_err()
        });
        ended.send(error.exchange().unwrap().kind()).unwrap();
    });
    let kind = end.recv_timeout(secs(20)).expect("the exchange does not end");
    assert_eq!(kind, ExchangeErrorKind::Timeout);
}
