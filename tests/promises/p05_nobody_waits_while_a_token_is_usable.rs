//! Promise 5: nobody waits while a token is usable, not even the request that triggers the refresh. The exception is a
//! request that cannot be sent again: it waits up to a second for a fresher token.

use std::time::Duration;

use futures::future::join_all;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::Recovery;
use tower_outbound_auth::exchange::Reason;
use tower_outbound_auth::replay::{Off, ReplayBody, ReplayMethods, Wrap};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn in_the_refresh_ahead_window_none_of_ten_thousand_callers_waits() {
    let world = world_with_delay(secs(5));
    let service = world.layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    tokio::time::sleep(HOUR.mul_f64(0.91)).await;
    let start = now();
    let calls = (0..10_000).map(|_| send(&service, get("/")));
    assert!(join_all(calls).await.iter().all(|answer| answer.as_ref().unwrap().status() == 200));
    assert_eq!(start.elapsed(), secs(0));
    assert!(world.api.tokens().iter().all(|token| token == "token-1"));
    world.source.settled().await;
    assert_eq!(world.exchange.reasons(), [Reason::First, Reason::RefreshAhead]);
    send(&service, get("/")).await.unwrap();
    assert_eq!(world.api.tokens().last().unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn a_slow_token_endpoint_delays_no_request() {
    let world = world_with_delay(secs(5));
    world.exchange.set_lifetime(Some(secs(600)));
    let service = world.layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    for _ in 0..3_000 {
        tokio::time::sleep(secs(1)).await;
        let start = now();
        send(&service, get("/")).await.unwrap();
        assert_eq!(start.elapsed(), secs(0));
    }
    assert!(world.exchange.exchanges() >= 5);
}

#[tokio::test(start_paused = true)]
async fn a_caller_of_the_source_does_not_wait_either() {
    let world = world_with_delay(secs(5));
    world.source.token().await.unwrap();
    tokio::time::sleep(HOUR.mul_f64(0.91)).await;
    let start = now();
    assert_eq!(world.source.token().await.unwrap().expose(), "token-1");
    assert_eq!(start.elapsed(), secs(0));
    world.source.settled().await;
    assert_eq!(world.exchange.exchanges(), 2, "but it asked for a successor");
}

#[test]
fn a_fresh_token_needs_no_runtime() {
    use futures::FutureExt;
    use tower_outbound_auth::TokenSource;
    use tower_outbound_auth::system::HeaderScheme;
    let source = TokenSource::fixed(HeaderScheme::bearer(), "fixed").unwrap();
    assert_eq!(source.token().now_or_never().unwrap().unwrap().expose(), "fixed");
}

/// A successor is due, and its exchange takes this long.
async fn due_in(exchange: Duration, fails: bool) -> World {
    let world = world_with_delay(exchange);
    world.source.token().await.unwrap();
    tokio::time::sleep(secs(3_300)).await;
    if fails {
        world.exchange.fail_next(1, unavailable());
    }
    world
}

async fn due(fails: bool) -> World {
    due_in(millis(500), fails).await
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_sent_again_waits_for_a_successor_that_is_due() {
    for fails in [false, true] {
        let world = due(fails).await;
        let layer = world.layer.clone().with_replay_methods(ReplayMethods::Idempotent);
        let service = layer.layer(world.api.clone());
        let start = now();
        let calls = (0..10).map(|_| send(&service, post("/", "once")));
        for response in futures::future::join_all(calls).await {
            assert_eq!(response.unwrap().status(), 200);
        }
        assert_eq!(start.elapsed(), millis(500), "one refresh, for all");
        let token = if fails { "token-1" } else { "token-2" };
        assert_eq!(world.api.tokens(), [token; 10]);
        assert_eq!(world.exchange.exchanges(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn only_bodies_over_the_cap_and_methods_that_are_not_replayed_wait() {
    let cap = Wrap::new().with_cap(4);
    let idempotent = ReplayMethods::Idempotent;
    for (body, methods, waits) in [
        ("four", ReplayMethods::All, false),
        ("fives", ReplayMethods::All, true),
        ("four", idempotent, true),
    ] {
        let world = due(false).await;
        let layer = world.layer.clone().with_replay(cap).with_replay_methods(methods);
        let api = tower::service_fn(|_: http::Request<ReplayBody<Body>>| async {
            Ok::<_, tower_outbound_auth::BoxError>(http::Response::new(Body::default()))
        });
        let start = now();
        layer.layer(api).oneshot(post("/", body)).await.unwrap();
        assert_eq!(start.elapsed(), millis(if waits { 500 } else { 0 }), "{body} {methods:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_sent_again_waits_one_second_at_most() {
    let world = due_in(secs(9), false).await;
    let layer = world.layer.clone().with_replay_methods(ReplayMethods::Idempotent);
    let service = layer.layer(world.api.clone());
    let start = now();
    for seconds in [1, 2] {
        assert_eq!(send(&service, post("/", "once")).await.unwrap().status(), 200);
        assert_eq!(start.elapsed(), secs(seconds));
    }
    send(&service, get("/")).await.unwrap();
    assert_eq!(start.elapsed(), secs(2), "one that can be sent again does not wait");
    assert_eq!(world.api.tokens(), ["token-1"; 3]);
    assert_eq!(world.exchange.exchanges(), 2);
}

#[tokio::test(start_paused = true)]
async fn in_a_pause_no_request_waits_for_a_successor() {
    let world = due(true).await;
    let layer = world.layer.clone().with_replay_methods(ReplayMethods::Idempotent);
    let service = layer.layer(world.api.clone());
    send(&service, post("/", "once")).await.unwrap();
    let start = now();
    send(&service, post("/", "once")).await.unwrap();
    assert_eq!(start.elapsed(), secs(0));
}

#[tokio::test(start_paused = true)]
async fn with_replay_off_no_request_waits_for_a_successor() {
    let world = due_in(secs(9), false).await;
    let service = world.layer.clone().with_replay(Off).layer(world.api.clone());
    let start = now();
    send(&service, post("/", "once")).await.unwrap();
    assert_eq!(start.elapsed(), secs(0));
    assert_eq!(world.api.tokens(), ["token-1"]);
    assert!(world.source.status().exchange_under_way, "it is renewed all the same");
}

/// An upload that was refused and cannot be sent again by the layer is sent again by its caller.
#[tokio::test(start_paused = true)]
async fn after_a_refusal_requests_that_cannot_be_sent_again_wait_for_the_renewal() {
    // How long the exchange takes, whether anything is replayed, how long the callers wait, and how often the
    // API refuses.
    for (exchange, off, waited, refusals) in
        [(millis(500), false, 500, 1), (secs(9), false, 1_000, 21), (millis(500), true, 0, 21)]
    {
        let world = world_with_delay(exchange);
        world.source.token().await.unwrap();
        world.api.revoke("token-1");
        let idempotent = world.layer.clone().with_replay_methods(ReplayMethods::Idempotent);
        let (start, api) = (now(), world.api.clone());
        let upload = async || match off {
            true => {
                send(&world.layer.clone().with_replay(Off).layer(api.clone()), post("/", "x")).await
            }
            false => send(&idempotent.clone().layer(api.clone()), post("/", "x")).await,
        };
        let response = upload().await.unwrap();
        assert_eq!(response.extensions().get(), Some(&Recovery::NotReplayable));
        assert_eq!(start.elapsed(), secs(0));
        futures::future::join_all((0..20).map(|_| upload())).await;
        assert_eq!(start.elapsed(), millis(waited), "{exchange:?} {off}");
        let refused = world.api.tokens().iter().filter(|token| *token == "token-1").count();
        assert_eq!(refused, refusals, "{exchange:?} {off}");
    }
}

/// During the renewal, a request that can be sent again goes out with the refused token: a single route may be at fault.
#[tokio::test(start_paused = true)]
async fn after_a_refusal_a_request_that_can_be_sent_again_does_not_wait() {
    let world = world_with_delay(secs(9));
    world.source.token().await.unwrap();
    world.api.refuse_path("/bad");
    let idempotent = world.layer.clone().with_replay_methods(ReplayMethods::Idempotent);
    let service = idempotent.layer(world.api.clone());
    assert_eq!(send(&service, post("/bad", "x")).await.unwrap().status(), 401);
    let start = now();
    assert_eq!(send(&service, get("/good")).await.unwrap().status(), 200);
    assert_eq!(start.elapsed(), secs(0));
}
