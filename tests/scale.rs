//! A hundred thousand callers wait for one exchange, in real time and on two threads. The token is
//! published before any caller is woken, so callers that come during the wake-up do not wait. The last caller
//! is woken within a fifth of a second, or, on a slow or busy machine, within twice the time that it takes to
//! wake as many tasks that only wait.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]
#![allow(clippy::disallowed_methods)] // durations are measured in real time

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use futures::FutureExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tower_outbound_auth::TokenSource;
use tower_outbound_auth::exchange::{self, Issued};
use tower_outbound_auth::system::HeaderScheme;

const WAITERS: usize = 100_000;
/// From the token's arrival to the last caller.
const MOST: Duration = Duration::from_millis(200);
const ROUNDS: usize = 10;

#[test]
#[ignore = "wants optimised code: .ci/deep"]
fn a_hundred_thousand_waiting_callers_are_woken_soon_and_later_callers_do_not_wait() {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().unwrap();
    let rounds: Vec<_> =
        (0..ROUNDS).map(|_| runtime.block_on(async { (floor().await, ours().await) })).collect();
    println!("{WAITERS} waiters, without the source and with it: {rounds:?}");
    let is_soon = |(floor, ours): &(Duration, Duration)| *ours < MOST.max(2 * *floor);
    assert!(rounds.iter().any(is_soon), "{rounds:?}");
}

/// The time to wake tasks that only wait.
async fn floor() -> Duration {
    let (arrives, waiting) = (Arc::new(Notify::new()), Arc::<AtomicUsize>::default());
    let wait = |arrives: Arc<Notify>, waiting: Arc<AtomicUsize>| async move {
        let mut notified = pin!(arrives.notified());
        notified.as_mut().enable();
        waiting.fetch_add(1, SeqCst);
        notified.await;
        Instant::now()
    };
    let waiters = (0..WAITERS).map(|_| wait(arrives.clone(), waiting.clone())).collect();
    until_all(|| waiting.load(SeqCst)).await;
    last_of(waiters, || arrives.notify_waiters()).await
}

/// The same for tasks that wait for a token.
async fn ours() -> Duration {
    let (arrives, exchanges) = (Arc::new(Notify::new()), Arc::<AtomicUsize>::default());
    let exchange = exchange::from_fn({
        let (arrives, exchanges) = (arrives.clone(), exchanges.clone());
        move || {
            exchanges.fetch_add(1, SeqCst);
            let arrives = arrives.clone();
            async move {
                arrives.notified().await;
                Ok(Issued::new("a-token").with_expires_in(Duration::from_secs(3_600)))
            }
        }
    });
    let source = TokenSource::builder(HeaderScheme::bearer(), exchange)
        .exchange_timeout(Duration::from_secs(300))
        .build();
    let wait = |source: TokenSource<_>| async move {
        assert_eq!(source.token().await.unwrap().expose(), "a-token");
        let late = source.token().now_or_never(); // without a wait
        assert_eq!(late.unwrap().unwrap().expose(), "a-token");
        Instant::now()
    };
    let waiters = (0..WAITERS).map(|_| wait(source.clone())).collect();
    until_all(|| source.status().waiters).await;
    let took = last_of(waiters, || arrives.notify_one()).await;
    assert_eq!((exchanges.load(SeqCst), source.status().waiters), (1, 0));
    took
}

async fn until_all(waiting: impl Fn() -> usize) {
    while waiting() < WAITERS {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// From the wake-up to the last task.
async fn last_of(waiters: JoinSet<Instant>, wake: impl FnOnce()) -> Duration {
    let arrived = Instant::now();
    wake();
    waiters.join_all().await.into_iter().max().unwrap() - arrived
}
