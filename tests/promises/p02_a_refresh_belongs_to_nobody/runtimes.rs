//! A refresh and its runtime: no runtime, a runtime without a timer, one that ends, one that stands still.

use futures::FutureExt;
use tower::{Layer, Service};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};
use tower_outbound_auth::{AuthLayer, ErrorKind, Origin, TokenSource};

use crate::support::*;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn building_a_layer_and_a_call_needs_no_runtime_and_polling_outside_one_is_a_typed_error() {
    let exchange = ScriptedExchange::new();
    let source = TokenSource::new(HeaderScheme::bearer(), exchange.clone());
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
    let mut service = layer.layer(Api::default());

    let error = service.call(get("/")).now_or_never().expect("at once").unwrap_err();
    assert_eq!(ours(&error).kind(), ErrorKind::Runtime);
    assert_eq!(source.token().now_or_never().unwrap().unwrap_err().kind(), ErrorKind::Runtime);
    assert_eq!(exchange.exchanges(), 0);

    // The source still works.
    assert_eq!(runtime().block_on(source.token()).unwrap().expose(), "token-1");
}

#[test]
fn outside_a_runtime_warm_up_is_a_typed_error_and_settled_returns_at_once() {
    let source = TokenSource::new(HeaderScheme::bearer(), ScriptedExchange::new());
    let error = source.warm_up(secs(1)).now_or_never().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Runtime);
    source.settled().now_or_never().unwrap();
}

#[test]
fn a_runtime_without_a_timer_is_a_typed_error() {
    let source = TokenSource::new(HeaderScheme::bearer(), ScriptedExchange::new());
    let bare = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(bare.block_on(source.token()).unwrap_err().kind(), ErrorKind::Runtime);
}

#[test]
fn a_source_still_works_after_its_first_runtime_has_ended() {
    let clock = ManualClock::new();
    let exchange = ScriptedExchange::new();
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange.clone()).clock(clock.clone()).build();
    assert_eq!(runtime().block_on(source.token()).unwrap().expose(), "token-1");
    clock.advance(HOUR);
    assert_eq!(runtime().block_on(source.token()).unwrap().expose(), "token-2");
    assert_eq!(exchange.exchanges(), 2);
}

#[test]
fn an_exchange_that_vanished_with_its_runtime_is_started_again_by_a_waiter() {
    let clock = ManualClock::new();
    let exchange = ScriptedExchange::new().with_delay(secs(1), clock.clone());
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange.clone()).clock(clock.clone()).build();

    let first = runtime();
    first.block_on(async { assert!(source.token().now_or_never().is_none()) });
    first.block_on(tokio::task::yield_now()); // the exchange begins
    assert_eq!(exchange.under_way(), 1);

    let second = runtime();
    let waits = second.spawn({
        let source = source.clone();
        async move { futures::future::join_all((0..10).map(|_| source.token())).await }
    });
    second.block_on(tokio::task::yield_now()); // they wait
    assert_eq!(source.status().waiters, 10);
    drop(first);
    second.block_on(async {
        while exchange.exchanges() < 2 {
            tokio::task::yield_now().await;
        }
        clock.advance(secs(1));
    });
    for token in second.block_on(waits).unwrap() {
        assert_eq!(token.unwrap().expose(), "token-2");
    }
    assert_eq!(exchange.exchanges(), 2, "one vanished, one for all who waited");
    assert_eq!(source.status().counters.exchanges_lost, 1);
}

#[test]
fn a_usable_token_is_given_out_after_its_refresh_vanished_with_a_runtime() {
    let clock = ManualClock::new();
    let exchange = ScriptedExchange::new().with_delay(millis(1), clock.clone());
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange.clone()).clock(clock.clone()).build();
    let first = runtime();
    let token = first.spawn({
        let source = source.clone();
        async move { source.token().await }
    });
    first.block_on(async {
        while exchange.under_way() == 0 {
            tokio::task::yield_now().await;
        }
        clock.advance(millis(1));
    });
    first.block_on(token).unwrap().unwrap();
    clock.advance(HOUR - secs(20)); // in the hard margin
    let mut wait = Box::pin(source.token());
    let dying = runtime();
    dying.block_on(async { assert!((&mut wait).now_or_never().is_none()) });
    drop(dying);
    assert_eq!(runtime().block_on(wait).unwrap().expose(), "token-1");
}

#[test]
fn a_runtime_per_call_does_not_cause_an_exchange_per_call() {
    let clock = ManualClock::new();
    let exchange = ScriptedExchange::new();
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange.clone()).clock(clock.clone()).build();
    runtime().block_on(source.token()).unwrap();
    clock.advance(HOUR.mul_f64(0.91));
    for _ in 0..50 {
        // Each of them ends before the background exchange has run.
        assert_eq!(runtime().block_on(source.token()).unwrap().expose(), "token-1");
    }
    let begun = source.status().counters.exchanges();
    assert_eq!(begun, 2, "the first exchange, and one ahead of time");
}

#[test]
fn callers_on_other_runtimes_do_not_wait_for_ever_for_a_runtime_that_stands_still() {
    let clock = ManualClock::new();
    let exchange = ScriptedExchange::new().with_delay(millis(1), clock.clone());
    let source = TokenSource::builder(HeaderScheme::bearer(), exchange.clone())
        .clock(clock.clone())
        .exchange_timeout(secs(10))
        .build();
    let still = runtime(); // not dropped, and not driven again
    still.block_on(async { assert!(source.token().now_or_never().is_none()) });

    let other = runtime();
    let wait = other.spawn({
        let source = source.clone();
        async move { source.token().await }
    });
    other.block_on(tokio::task::yield_now());
    clock.advance(secs(11));
    let error = other.block_on(wait).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);

    // The next caller starts anew.
    let wait = other.spawn({
        let source = source.clone();
        async move { source.token().await }
    });
    other.block_on(async {
        while exchange.under_way() == 0 {
            tokio::task::yield_now().await;
        }
        clock.advance(millis(1));
    });
    assert_eq!(other.block_on(wait).unwrap().unwrap().expose(), "token-1");
    drop(still);
}

#[test]
fn a_caller_that_joins_late_waits_no_longer_than_the_exchange_may_take() {
    let clock = ManualClock::new();
    let exchange = ScriptedExchange::new().with_delay(millis(1), clock.clone());
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange).clock(clock.clone()).build();
    let still = runtime();
    still.block_on(async { assert!(source.token().now_or_never().is_none()) });
    clock.advance(secs(8));
    let other = runtime();
    let late = other.spawn({
        let source = source.clone();
        async move { source.token().await }
    });
    other.block_on(tokio::task::yield_now());
    clock.advance(secs(3));
    assert_eq!(other.block_on(late).unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    drop(still);
}

#[test]
fn a_refresh_that_ends_after_it_was_given_up_does_not_replace_the_next_refresh() {
    let clock = ManualClock::new();
    let exchange = ScriptedExchange::new().with_delay(secs(1), clock.clone());
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange.clone()).clock(clock.clone()).build();
    let still = runtime();
    still.block_on(async {
        assert!(source.token().now_or_never().is_none());
        while exchange.under_way() == 0 {
            tokio::task::yield_now().await;
        }
    });
    clock.advance(secs(11));
    let other = runtime();
    other.block_on(async {
        assert!(source.token().now_or_never().is_none(), "another one starts");
        while exchange.exchanges() < 2 {
            tokio::task::yield_now().await;
        }
    });
    still.block_on(async {
        for _ in 0..10 {
            tokio::task::yield_now().await; // the first one ends after all
        }
    });
    assert!(source.status().exchange_under_way);
    other.block_on(async {
        assert!(source.settled().now_or_never().is_none(), "the second one is waited for");
        clock.advance(secs(1));
        source.settled().await;
    });
    assert!(!source.status().exchange_under_way);
    drop(still);
}

#[test]
fn settled_does_not_wait_for_ever_for_a_runtime_that_stands_still() {
    let clock = ManualClock::new();
    let exchange = ScriptedExchange::new().with_delay(millis(1), clock.clone());
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange).clock(clock.clone()).build();
    let still = runtime();
    still.block_on(async { assert!(source.token().now_or_never().is_none()) });
    let other = runtime();
    let settled = other.spawn({
        let source = source.clone();
        async move { source.settled().await }
    });
    other.block_on(tokio::task::yield_now());
    clock.advance(secs(11));
    other.block_on(settled).unwrap();
    assert_eq!(source.status().counters.exchanges_succeeded, 0, "the exchange has not ended");
    drop(still);
}
