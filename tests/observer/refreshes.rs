//! Refreshes, and the callers that wait for them.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use tokio::runtime::Builder;
use tower_outbound_auth::TokenSource;
use tower_outbound_auth::clock::{Clock, Now};
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind, from_fn};
use tower_outbound_auth::system::{Atlas, HeaderScheme};
use tower_outbound_auth::testkit::{AtlasServer, ManualClock, ScriptedExchange};
use tower_outbound_auth::token::{Event, EventKind, Observer};

use crate::secs;
use crate::told::Told;
use crate::until::until;

/// A source with tokens of a hundred seconds.
fn scripted() -> (TokenSource<HeaderScheme>, ScriptedExchange, ManualClock, Told) {
    let (clock, told) = (ManualClock::new(), Told::default());
    let exchange = ScriptedExchange::new().with_lifetime(secs(100));
    let source = TokenSource::builder(HeaderScheme::bearer(), exchange.clone())
        .clock(clock.clone())
        .observer(told.clone())
        .build();
    (source, exchange, clock, told)
}

#[tokio::test]
async fn a_refresh_tells_its_start_its_end_and_the_state_and_its_caller_tells_its_wait() {
    let (source, _, clock, told) = scripted();
    source.token().await.unwrap();
    until(|| told.has("state fresh, 0 failures, due: false")).await;
    let mut lines = told.take();
    lines.sort(); // the caller and the refresh may tell in either order
    assert_eq!(
        lines,
        [
            "0 wait after Some(0ns): token: ok",
            "1 wait: token",
            "refresh 1 finished: first, 0ns, 1: ok, token 1, Some(100s), Some(100s)",
            "refresh 1 started: first",
            "state fresh, 0 failures, due: false",
        ]
    );
    clock.advance(secs(100));
    source.token().await.unwrap();
    until(|| told.has("refresh 3 finished: expired, 0ns, 1: ok, token 2, Some(100s), Some(100s)"))
        .await;
}

#[tokio::test]
async fn a_request_with_a_fresh_token_tells_nothing() {
    let (source, _, _, told) = scripted();
    source.token().await.unwrap();
    until(|| told.has("state fresh, 0 failures, due: false")).await;
    told.take();
    for _ in 0..100 {
        source.token().await.unwrap();
    }
    assert_eq!(told.take(), [""; 0]);
}

#[tokio::test]
async fn each_caller_that_gets_the_stored_error_tells_it_without_a_wait() {
    let (source, exchange, clock, told) = scripted();
    let refused = ExchangeError::new(ExchangeErrorKind::Refused, "no").with_code("invalid_client");
    exchange.fail_next(1, refused);
    source.token().await.unwrap_err();
    until(|| told.has("state failing, 1 failures, due: false")).await;
    let lines = told.take();
    for line in [
        "refresh 1 finished: first, 0ns, 1: refused, invalid_client",
        "0 wait after Some(0ns): token: refused",
    ] {
        assert!(lines.iter().any(|it| it == line), "{lines:?}");
    }
    for _ in 0..3 {
        source.token().await.unwrap_err();
    }
    assert_eq!(told.take(), ["0 wait after None: token: refused"; 3]);

    source.retry_now();
    assert_eq!(told.take(), ["state failing, 1 failures, due: true"]);
    clock.advance(secs(1));
    source.token().await.unwrap();
    until(|| told.has("state fresh, 0 failures, due: false")).await;
}

#[tokio::test]
async fn a_code_that_a_server_made_up_is_told_as_other() {
    let (source, exchange, _, told) = scripted();
    exchange.fail_next(1, ExchangeError::new(ExchangeErrorKind::Refused, "no").with_code("E-77"));
    source.token().await.unwrap_err();
    until(|| told.has("refresh 1 finished: first, 0ns, 1: refused, other")).await;
}

#[tokio::test]
async fn a_caller_that_gives_up_tells_so() {
    let (source, told) = (ManualClock::new(), Told::default());
    let hangs = from_fn(std::future::pending);
    let source = TokenSource::builder(HeaderScheme::bearer(), hangs)
        .clock(source)
        .observer(told.clone())
        .build();
    let caller = tokio::spawn({
        let source = source.clone();
        async move { source.token().await.map(drop) }
    });
    until(|| source.status().waiters == 1).await;
    caller.abort();
    let _ = caller.await;
    assert!(told.has("0 wait after Some(0ns): token: gave_up"), "{:?}", told.take());
    assert_eq!(source.status().waiters, 0);
}

/// A second passes when a caller is woken.
struct Slow(ManualClock);

impl Wake for Slow {
    fn wake(self: Arc<Self>) {
        self.0.advance(secs(1));
    }
}

#[tokio::test]
async fn the_end_of_a_refresh_has_a_time_before_its_callers_are_woken() {
    /// Keeps the time of the end.
    struct End(Mutex<Option<Now>>);

    impl Observer for End {
        fn event(&self, event: &Event<'_>) {
            if let EventKind::RefreshFinished { .. } = event.kind {
                *self.0.lock().unwrap() = Some(event.at);
            }
        }
    }

    let (clock, end) = (ManualClock::new(), Arc::new(End(Mutex::default())));
    let start = clock.now();
    let source = TokenSource::builder(HeaderScheme::bearer(), ScriptedExchange::new())
        .clock(clock.clone())
        .observer(end.clone())
        .build();
    let mut caller = pin!(source.token());
    let waker = Waker::from(Arc::new(Slow(clock.clone())));
    assert!(caller.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    until(|| end.0.lock().unwrap().is_some()).await;
    assert_eq!(clock.now().since(start), secs(1), "the caller was woken");
    assert_eq!(*end.0.lock().unwrap(), Some(start));
}

#[tokio::test]
async fn the_requests_on_the_wire_are_counted() {
    let server = AtlasServer::start().await.unwrap();
    let told = Told::default();
    let atlas = Atlas::new(server.endpoint(), server.client_id(), server.client_secret()).unwrap();
    let client = tower_outbound_auth::endpoint::HttpClient::plain().unwrap();
    let source = TokenSource::builder_over_http(atlas, client).observer(told.clone()).build();
    source.token().await.unwrap();
    until(|| told.has("state ")).await;
    let lines = told.take();
    let end = lines.iter().find(|line| line.starts_with("refresh 1 finished")).unwrap();
    assert!(end.contains(", 1: ok, token 1,"), "{end}");
    assert_eq!(server.counts().exchanges, 1);
}

#[test]
fn a_refresh_that_is_lost_with_its_runtime_tells_so() {
    let told = Told::default();
    let hangs = from_fn(std::future::pending);
    let source = TokenSource::builder(HeaderScheme::bearer(), hangs).observer(told.clone()).build();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let caller = source.clone();
    runtime.spawn(async move { caller.token().await.map(drop) });
    runtime.block_on(until(|| source.status().exchange_under_way));
    drop(runtime);
    let lines = told.take();
    let lost =
        |line: &&String| line.contains("refresh 1 finished") && line.contains(": lost, none");
    assert_eq!(lines.iter().filter(lost).count(), 1, "{lines:?}");
}

#[tokio::test]
async fn the_source_is_named_by_its_builder_or_else_by_its_system() {
    /// Checks the names of each event.
    struct Named(&'static str);

    impl Observer for Named {
        fn event(&self, event: &Event<'_>) {
            assert_eq!((event.system, event.source), ("exchange", self.0));
        }
    }

    let (told, exchange) = (Told::default(), ScriptedExchange::new());
    for name in [None, Some("reports")] {
        let named = Arc::new(Named(name.unwrap_or("exchange")));
        let builder = TokenSource::builder(HeaderScheme::bearer(), exchange.clone());
        let builder = match name {
            Some(name) => builder.name(name),
            None => builder,
        };
        let log = crate::log::Log::default();
        let guard = log.on_this_thread();
        let source = builder.observer(named).observer(told.clone()).build();
        source.token().await.unwrap();
        until(|| told.has("state fresh, 0 failures, due: false")).await;
        drop(guard);
        assert!(!log.text().contains("an observer panicked"), "{}", log.text());
        told.take();
    }
}
