//! A refresh starts when a request is first polled. It goes on when its callers give up, and ends at its own deadline.

use std::future::Future;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::task::noop_waker;
use tower::{Layer, Service};
use tower_outbound_auth::exchange::{self, ExchangeErrorKind, Issued};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};
use tower_outbound_auth::{ErrorKind, TokenSource};

use crate::support::*;

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    future.poll_unpin(&mut Context::from_waker(&noop_waker()))
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_never_polled_starts_no_exchange() {
    let world = world();
    let mut service = world.layer.layer(world.api.clone());
    let call = service.call(get("/"));
    tokio::time::sleep(secs(1)).await;
    drop(call);
    tokio::time::sleep(secs(1)).await;
    assert_eq!(world.exchange.exchanges(), 0);
}

#[tokio::test(start_paused = true)]
async fn readiness_without_a_call_starts_no_exchange() {
    let world = world_with_delay(secs(5));
    let mut service = world.layer.layer(world.api.clone());
    let mut ready = || {
        let ready = futures::future::poll_fn(|cx| {
            Service::<http::Request<Body>>::poll_ready(&mut service, cx)
        });
        ready.now_or_never().expect("the inner service is ready").unwrap();
    };
    ready();
    tokio::time::sleep(secs(1)).await; // for what it might have begun
    assert_eq!((world.exchange.exchanges(), world.source.status().counters.exchanges()), (0, 0));
    assert!(world.source.token().now_or_never().is_none(), "now one is under way");
    ready();
    assert_eq!(world.source.status().waiters, 0);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_early_does_not_shorten_the_exchange() {
    let world = world_with_delay(secs(5));
    let impatient = tokio::time::timeout(secs(1), world.source.token());
    let patient = world.source.token();
    let (impatient, patient) = futures::join!(impatient, patient);
    assert!(impatient.is_err());
    assert_eq!(patient.unwrap().expose(), "token-1");
    assert_eq!(world.exchange.exchanges(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_token_of_an_exchange_that_nobody_waited_for_is_kept() {
    let world = world_with_delay(millis(50));
    for _ in 0..3 {
        assert!(world.source.token().now_or_never().is_none(), "polled once, then dropped");
    }
    world.source.settled().await;
    assert_eq!(world.source.token().now_or_never().unwrap().unwrap().expose(), "token-1");
    assert_eq!(world.exchange.exchanges(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_leaked_call_blocks_no_other_caller() {
    let world = world_with_delay(millis(50));
    let mut leaked = Box::pin({
        let source = world.source.clone();
        async move { source.token().await }
    });
    assert!(poll_once(&mut leaked).is_pending());
    std::mem::forget(leaked);
    assert_eq!(world.source.token().await.unwrap().expose(), "token-1");
}

#[tokio::test(start_paused = true)]
async fn settled_waits_for_the_exchange_under_way() {
    let clock = tower_outbound_auth::testkit::TokioClock::new();
    let slow = exchange::from_fn(|| async {
        tokio::time::sleep(secs(3)).await;
        Ok(Issued::new("slow"))
    });
    let source = TokenSource::builder(HeaderScheme::bearer(), slow).clock(clock).build();
    assert!(source.token().now_or_never().is_none());
    let start = now();
    source.settled().await;
    assert_eq!(start.elapsed(), secs(3));
    assert!(!source.status().exchange_under_way);
    assert_eq!(source.token().now_or_never().unwrap().unwrap().expose(), "slow");
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_never_ends_fails_for_all_callers_at_its_deadline() {
    let clock = tower_outbound_auth::testkit::TokioClock::new();
    let never = exchange::from_fn(futures::future::pending);
    let source = TokenSource::builder(HeaderScheme::bearer(), never)
        .clock(clock)
        .exchange_timeout(secs(10))
        .build();
    let start = now();
    let waits = futures::future::join_all((0..50).map(|_| source.token())).await;
    assert_eq!(start.elapsed().as_secs(), 10);
    for wait in waits {
        let error = wait.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exchange);
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Timeout);
    }
    assert_eq!(source.status().counters.exchanges(), 1);
}

#[tokio::test]
async fn the_deadline_of_an_exchange_counts_from_its_start_and_not_from_its_first_poll() {
    let clock = ManualClock::new();
    let exchange = ScriptedExchange::new().with_delay(secs(9), clock.clone());
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange.clone()).clock(clock.clone()).build();
    let mut wait = Box::pin(source.token());
    assert!((&mut wait).now_or_never().is_none());
    clock.advance(secs(5)); // the runtime was busy: the exchange begins only now
    while exchange.under_way() == 0 {
        tokio::task::yield_now().await;
    }
    clock.advance(secs(5)); // the ten seconds are over
    let error = wait.await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Timeout);
    assert_eq!((exchange.exchanges(), source.status().counters.exchanges_lost), (1, 0));
}

#[tokio::test]
async fn setting_the_wall_clock_during_an_exchange_starts_no_second_exchange() {
    let clock = ManualClock::new();
    let exchange = ScriptedExchange::new().with_delay(secs(1), clock.clone());
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange.clone()).clock(clock.clone()).build();
    let wait = tokio::spawn({
        let source = source.clone();
        async move { source.token().await }
    });
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    clock.suspend(secs(30));
    assert!(source.token().now_or_never().is_none(), "joins");
    tokio::task::yield_now().await;
    clock.advance(secs(1));
    wait.await.unwrap().unwrap();
    assert_eq!((exchange.exchanges(), exchange.most_under_way()), (1, 1));
}
