//! Observers that panic, use their source, or block: ADR 34.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::AtomicBool;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use shuttle::future::spawn;
use shuttle::sync::Condvar;
use tower_outbound_auth::token::{Event, Observer};

use super::callers::ask;
use super::*;

/// Panics at each event. The tool's hook, which reports a failure, is not called.
struct Panics;

impl Observer for Panics {
    fn event(&self, _: &Event<'_>) {
        resume_unwind(Box::new("a panic"));
    }
}

/// Uses its source at each event.
#[derive(Clone, Default)]
struct UsesItsSource {
    source: Arc<Mutex<Option<TokenSource<Plain>>>>,
    /// The tool panics where a thread would wait for itself, and the crate catches what an observer panics.
    failed: Arc<AtomicBool>,
}

impl Observer for UsesItsSource {
    fn event(&self, _: &Event<'_>) {
        let source = self.source.lock().unwrap().clone();
        let Some(source) = source else { return };
        let used = catch_unwind(AssertUnwindSafe(|| {
            let before = source.status().counters.exchanges();
            let _ = source.token().now_or_never();
            assert!(source.status().counters.exchanges() >= before);
        }));
        self.failed.fetch_or(used.is_err(), SeqCst);
    }
}

impl UsesItsSource {
    fn observes(login: &Login) -> (UsesItsSource, TokenSource<Plain>) {
        let observer = UsesItsSource::default();
        let source = builder_of(login).observer(observer.clone()).build();
        *observer.source.lock().unwrap() = Some(source.clone());
        (observer, source)
    }

    fn assert_well(self) {
        assert!(!self.failed.load(SeqCst), "the observer could not use its source");
        drop(self.source.lock().unwrap().take());
    }
}

/// Blocks the thread of one event, until it is let go.
#[derive(Clone)]
struct Blocks {
    /// This many events are told before.
    before: Arc<AtomicUsize>,
    gate: Arc<(shuttle::sync::Mutex<bool>, Condvar)>,
}

impl Blocks {
    /// At one of the first events.
    fn at_some_event() -> Blocks {
        let before = Arc::new(AtomicUsize::new(thread_rng().gen_range(0..9)));
        Blocks { before, gate: Arc::default() }
    }

    fn let_go(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }
}

impl Observer for Blocks {
    fn event(&self, _: &Event<'_>) {
        if self.before.fetch_sub(1, SeqCst) == 0 {
            let mut is_open = self.gate.0.lock().unwrap();
            while !*is_open {
                is_open = self.gate.1.wait(is_open).unwrap();
            }
        }
    }
}

/// Asks, and checks that all waiting callers got the outcome of one exchange.
async fn one_exchange_for_all(login: &Login, source: &TokenSource<Plain>) {
    let token = (!login.fails).then(|| "1".to_owned());
    assert_eq!(ask(source).await, vec![token; 3]);
    assert_eq!((login.exchanges(), source.status().waiters), (1, 0));
}

#[test]
fn all_callers_get_the_outcome_of_one_exchange_although_an_observer_panics() {
    in_every_order(async || {
        let login = Login { fails: thread_rng().r#gen(), ..Login::default() };
        let source = builder_of(&login).observer(Panics).build();
        one_exchange_for_all(&login, &source).await;
    });
}

#[test]
fn all_callers_get_the_outcome_of_one_exchange_although_an_observer_uses_its_source() {
    in_every_order(async || {
        let login = Login { fails: thread_rng().r#gen(), ..Login::default() };
        let (observer, source) = UsesItsSource::observes(&login);
        one_exchange_for_all(&login, &source).await;
        source.settled().await;
        observer.assert_well();
    });
}

#[test]
fn an_observer_that_blocks_delays_one_of_the_callers_at_most() {
    in_every_order(async || {
        let (login, observer) = (Login::default(), Blocks::at_some_event());
        let source = builder_of(&login).observer(observer.clone()).build();
        let ask = |source: TokenSource<Plain>| async move {
            source.token().await.map(|token| token.expose().to_owned())
        };
        let callers = (0..3).map(|_| spawn(ask(source.clone())));
        let mut callers: FuturesUnordered<_> = callers.collect();
        for _ in 0..2 {
            assert_eq!(callers.next().await.unwrap().unwrap().unwrap(), "1");
        }
        // A caller that comes later is not delayed, and the source is not locked.
        let later = source.token().now_or_never().expect("it waits").unwrap();
        assert_eq!((later.expose(), source.status().counters.exchanges()), ("1", 1));
        observer.let_go();
        assert_eq!(callers.next().await.unwrap().unwrap().unwrap(), "1");
        assert_eq!((login.exchanges(), source.status().waiters), (1, 0));
    });
}

#[test]
fn simultaneous_refusals_cause_one_exchange_although_an_observer_blocks_one_of_them() {
    in_every_order(async || {
        let (login, observer) = (Login::default(), Blocks::at_some_event());
        let source = builder_of(&login).observer(observer.clone()).build();
        observer.before.fetch_add(5, SeqCst); // the events of the first token are not delayed
        let first = source.token().await.unwrap();
        let refuse = |source: TokenSource<Plain>, first| async move {
            source.reject(&first).await.map(|token| token.expose().to_owned())
        };
        let refused = (0..3).map(|_| spawn(refuse(source.clone(), first.clone())));
        let mut refused: FuturesUnordered<_> = refused.collect();
        for _ in 0..2 {
            assert_eq!(refused.next().await.unwrap().unwrap().unwrap(), "2");
        }
        observer.let_go();
        assert_eq!(refused.next().await.unwrap().unwrap().unwrap(), "2");
        assert_eq!(login.exchanges(), 2);
    });
}

#[test]
fn simultaneous_refusals_cause_one_exchange_although_an_observer_uses_its_source() {
    in_every_order(async || {
        let login = Login::default();
        let (observer, source) = UsesItsSource::observes(&login);
        let first = source.token().await.unwrap();
        let refused = [(); 2].map(|()| {
            let (source, first) = (source.clone(), first.clone());
            spawn(async move { source.reject(&first).await.unwrap().expose().to_owned() })
        });
        for successor in refused {
            assert_eq!(successor.await.unwrap(), "2");
        }
        assert_eq!(login.exchanges(), 2);
        source.settled().await;
        observer.assert_well();
    });
}
