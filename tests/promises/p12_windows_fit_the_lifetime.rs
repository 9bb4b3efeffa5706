//! Promise 12: the windows fit the lifetime, whatever it is.

use futures::future::join_all;
use tower::Layer;
use tower_outbound_auth::exchange::{ExchangeErrorKind, Reason};
use tower_outbound_auth::replay::ReplayMethods;

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn refresh_moments_are_spread_over_80_to_90_percent_and_drawn_once_per_token() {
    let mut moments = Vec::new();
    for _ in 0..100 {
        let world = world();
        world.source.token().await.unwrap();
        let start = now();
        let drawn = world.source.status().next_attempt_in.unwrap();
        assert!(drawn >= HOUR.mul_f64(0.8) && drawn <= HOUR.mul_f64(0.9), "{drawn:?}");
        // A busy client does not draw again.
        for _ in 0..30 {
            tokio::time::sleep(secs(60)).await;
            world.source.token().await.unwrap();
            assert_eq!(world.source.status().next_attempt_in.unwrap() + start.elapsed(), drawn);
        }
        moments.push(drawn);
    }
    moments.sort();
    assert!(moments[99] - moments[0] > secs(180), "a fleet does not move in step: {moments:?}");
}

#[tokio::test(start_paused = true)]
async fn in_the_hard_margin_callers_wait_for_the_successor() {
    let world = world_with_delay(secs(2));
    world.source.token().await.unwrap();
    let margin = world.source.status().expires_in.unwrap() - secs(20);
    tokio::time::sleep(margin).await;
    let start = now();
    assert_eq!(world.source.token().await.unwrap().expose(), "token-2");
    assert_eq!(start.elapsed(), secs(2));
    assert_eq!(world.exchange.reasons(), [Reason::First, Reason::Expiring]);
}

#[tokio::test(start_paused = true)]
async fn in_the_hard_margin_a_request_waits_for_the_whole_exchange_also_if_it_cannot_be_sent_again()
{
    for methods in [ReplayMethods::All, ReplayMethods::Idempotent] {
        let world = world_with_delay(secs(5));
        world.source.token().await.unwrap();
        tokio::time::sleep(world.source.status().expires_in.unwrap() - secs(20)).await;
        let layer = world.layer.clone().with_replay_methods(methods);
        let start = now();
        send(&layer.layer(world.api.clone()), post("/", "a document")).await.unwrap();
        assert_eq!(start.elapsed(), secs(5));
        assert!(world.api.tokens()[0].ends_with("token-2"), "{:?}", world.api.tokens());
    }
}

#[tokio::test(start_paused = true)]
async fn in_the_hard_margin_a_caller_sends_the_old_token_before_it_ends() {
    let world = world();
    world.exchange.set_lifetime(Some(secs(60)));
    world.source.token().await.unwrap();
    tokio::time::sleep(secs(55)).await;
    // The endpoint hangs. The token has five seconds left.
    let hanging = world.exchange.clone().with_delay(secs(3_600), world.clock.clone());
    drop(hanging);
    let start = now();
    assert_eq!(world.source.token().await.unwrap().expose(), "token-1");
    assert_eq!(start.elapsed(), secs(4), "it is sent with a second left");
    let start = now();
    assert_eq!(world.source.token().await.unwrap().expose(), "token-1");
    assert_eq!(start.elapsed(), millis(500), "then with half of what was left");
}

#[tokio::test(start_paused = true)]
async fn in_the_hard_margin_a_token_that_cannot_be_renewed_is_sent_until_it_ends() {
    let world = world_with_delay(millis(500));
    let service = world.layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    world.exchange.fail_next(1_000, unavailable());
    tokio::time::sleep(world.source.status().expires_in.unwrap() - secs(20)).await;
    let start = now();
    while start.elapsed() < secs(19) {
        let called = now();
        assert_eq!(send(&service, get("/")).await.unwrap().status(), 200);
        assert!(called.elapsed() <= millis(500), "at most one refresh is waited for");
        tokio::time::sleep(millis(100)).await;
    }
    tokio::time::sleep(secs(2)).await;
    let sent = world.api.requests();
    let error = send(&service, get("/")).await.unwrap_err();
    assert_eq!(exchange_kind(ours(&error)), ExchangeErrorKind::Unavailable);
    assert_eq!(world.api.requests(), sent);
    assert!(world.api.tokens().iter().all(|token| token == "token-1"));
    // 20 s of requests at ten a second: an attempt per slot.
    assert!(world.exchange.exchanges() <= 8, "{}", world.exchange.exchanges());
}

#[tokio::test(start_paused = true)]
async fn in_the_hard_margin_during_a_pause_no_caller_waits() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    world.exchange.fail_next(1_000, unavailable());
    tokio::time::sleep(world.source.status().expires_in.unwrap() - secs(20)).await;
    send(&service, get("/")).await.unwrap();
    let exchanges = world.exchange.exchanges();
    for _ in 0..100 {
        use futures::FutureExt;
        let mut service = service.clone();
        let call = tower::Service::call(&mut service, get("/"));
        assert_eq!(call.now_or_never().expect("at once").unwrap().status(), 200);
    }
    assert_eq!(world.exchange.exchanges(), exchanges);
}

#[tokio::test(start_paused = true)]
async fn tokens_of_three_seconds_cost_no_more_exchanges_than_their_windows_allow() {
    let world = world_with_delay(millis(20));
    world.exchange.set_lifetime(Some(secs(3)));
    let service = world.layer.layer(world.api.clone());
    let start = now();
    while start.elapsed() < secs(30) {
        for answer in join_all((0..50).map(|_| send(&service, get("/")))).await {
            assert_eq!(answer.unwrap().status(), 200);
        }
        tokio::time::sleep(millis(10)).await;
    }
    // ⌈30 / (3 × 0.8)⌉ + 1
    assert!(world.exchange.exchanges() <= 14, "{}", world.exchange.exchanges());
}
