//! An observer that panics, blocks, or uses the source harms nobody.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures::FutureExt;
use tokio::runtime::Builder;
use tokio::time::timeout;
use tower_outbound_auth::TokenSource;
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};
use tower_outbound_auth::token::{Event, EventKind, Observer};

use crate::log::log_of;
use crate::secs;
use crate::told::Told;
use crate::until::until;

/// A panic whose payload panics again when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("the payload, too");
        }
    }
}

struct Panics;

impl Observer for Panics {
    fn event(&self, _: &Event<'_>) {
        std::panic::panic_any(Bomb);
    }
}

#[test]
fn an_observer_that_panics_is_logged_once_and_harms_nobody() {
    let log = log_of(async {
        let (clock, told, exchange) =
            (ManualClock::new(), Told::default(), ScriptedExchange::new().with_lifetime(secs(100)));
        let source = TokenSource::builder(HeaderScheme::bearer(), exchange.clone())
            .clock(clock.clone())
            .observer(Panics)
            .observer(told.clone())
            .build();
        for _ in 0..3 {
            source.token().await.unwrap();
            until(|| told.has("state fresh, 0 failures, due: false")).await;
            assert!(told.take().len() >= 4, "the other observer is told");
            clock.advance(secs(1_000));
        }
        assert_eq!((exchange.exchanges(), source.status().waiters), (3, 0));
    });
    assert_eq!(log.matches("an observer panicked").count(), 1, "{log}");
    assert!(log.contains("WARN"), "{log}");
}

/// Uses its source at each event.
#[derive(Default)]
struct UsesItsSource {
    source: OnceLock<TokenSource>,
    seen: Mutex<Vec<usize>>,
}

impl Observer for UsesItsSource {
    fn event(&self, _: &Event<'_>) {
        let source = self.source.get().unwrap();
        let _ = source.token().now_or_never();
        source.retry_now();
        self.seen.lock().unwrap().push(source.status().waiters);
    }
}

#[tokio::test]
async fn an_observer_may_use_its_source() {
    let (observer, exchange) = (Arc::new(UsesItsSource::default()), ScriptedExchange::new());
    exchange.fail_next(1, ExchangeError::new(ExchangeErrorKind::Unreachable, "down"));
    let source = TokenSource::builder(HeaderScheme::bearer(), exchange.clone())
        .clock(ManualClock::new())
        .observer(observer.clone())
        .build();
    observer.source.set(source.clone().erased()).unwrap_or_else(|_| panic!("set twice"));
    // The observer lifts the pause after the failure, and asks for a token: the first caller may get it.
    let _ = timeout(secs(20), source.token()).await.expect("it does not hang");
    let second = timeout(secs(20), source.token()).await.expect("it does not hang");
    second.unwrap();
    assert!(!observer.seen.lock().unwrap().is_empty());
    assert_eq!(source.status().waiters, 0);
}

/// Blocks the thread at the start of a refresh, until it is told to go on.
struct Blocks {
    is_blocked: Sender<()>,
    go_on: Mutex<Receiver<()>>,
}

impl Observer for Blocks {
    fn event(&self, event: &Event<'_>) {
        if let EventKind::RefreshStarted { .. } = event.kind {
            self.is_blocked.send(()).unwrap();
            let _ = self.go_on.lock().unwrap().recv_timeout(Duration::from_secs(20));
        }
    }
}

#[test]
fn an_observer_that_blocks_delays_only_its_own_thread() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let ((is_blocked, blocked), (go_on, wait)) = (channel(), channel());
    let observer = Blocks { is_blocked, go_on: Mutex::new(wait) };
    let source = TokenSource::builder(HeaderScheme::bearer(), ScriptedExchange::new())
        .observer(observer)
        .build();
    // A thread that is none of the runtime's.
    let (caller, handle) = (source.clone(), runtime.handle().clone());
    let first = std::thread::spawn(move || handle.block_on(caller.token()).map(drop));
    blocked.recv_timeout(secs(20)).unwrap();
    assert!(source.status().counters.exchanges() == 1, "the source is not locked");
    let other = runtime.block_on(async { timeout(secs(20), source.token()).await });
    other.expect("another caller is not delayed").unwrap();
    assert!(!first.is_finished());
    go_on.send(()).unwrap();
    first.join().unwrap().unwrap();
}
