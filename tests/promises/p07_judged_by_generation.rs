//! Promise 7: a refusal renews only if the refused token is still the current one.

use futures::future::join_all;
use tower::Layer;
use tower_outbound_auth::exchange::Reason;
use tower_outbound_auth::{ErrorKind, Recovery};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_thousand_refusals_of_one_token_cause_one_exchange() {
    let world = world_with_delay(millis(50));
    let service = world.layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    world.api.revoke("token-1");
    let calls = (0..1_000).map(|_| {
        tokio::spawn({
            let service = service.clone();
            async move { send(&service, post("/", "payload")).await }
        })
    });
    for answer in join_all(calls).await {
        let answer = answer.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.extensions().get(), Some(&Recovery::Replayed));
        assert_eq!(text(answer).await, "payload");
    }
    assert_eq!(world.exchange.reasons(), [Reason::First, Reason::Refused]);
    assert_eq!(world.api.requests(), 1 + 2 * 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_late_refusal_of_an_old_token_costs_no_exchange() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    // A slow request leaves with token 1 …
    world.api.delay(secs(10));
    let late = tokio::spawn({
        let service = service.clone();
        async move { send(&service, get("/slow")).await }
    });
    tokio::time::sleep(secs(1)).await;
    // … which is revoked and replaced while it is on its way.
    world.api.delay(secs(0));
    world.api.revoke("token-1");
    assert_eq!(send(&service, get("/fast")).await.unwrap().status(), 200);
    assert_eq!(world.exchange.exchanges(), 2);

    let answer = late.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(world.exchange.exchanges(), 2, "sent again with the current token");
    assert_eq!(world.api.tokens().last().unwrap(), "token-2");
}

/// The exchange began before the token was refused, so it may bring the refused token again.
#[tokio::test(start_paused = true)]
async fn a_refusal_that_joins_an_earlier_exchange_never_gets_the_refused_token() {
    for sticky in [false, true] {
        let world = world_with_delay(secs(5));
        if sticky {
            world.exchange.set_sticky(Some("token-1"));
        }
        let service = world.layer.layer(world.api.clone());
        send(&service, get("/")).await.unwrap();
        tokio::time::sleep(HOUR.mul_f64(0.91)).await;
        send(&service, get("/")).await.unwrap(); // begins the refresh
        tokio::time::sleep(secs(1)).await;
        world.api.revoke("token-1");
        let start = now();
        let answer = send(&service, get("/")).await.unwrap();
        assert_eq!(start.elapsed(), secs(4), "it waits for that exchange, and for no other");
        assert_eq!(world.exchange.exchanges(), 2);
        let recovery = if sticky { Recovery::SameToken } else { Recovery::Replayed };
        assert_eq!(answer.extensions().get(), Some(&recovery));
        let sent = &["token-1", "token-2"][..if sticky { 1 } else { 2 }];
        assert_eq!(&world.api.tokens()[2..], sent);
    }
}

#[tokio::test(start_paused = true)]
async fn if_the_renewal_fails_the_caller_gets_the_servers_own_refusal() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    world.api.revoke("token-1");
    world.exchange.fail_next(1, unavailable());
    let answer = send(&service, get("/")).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.extensions().get(), Some(&Recovery::RenewalFailed));
    assert_eq!(text(answer).await, "no");
    assert_eq!(world.exchange.exchanges(), 2);
    // Within the pause, further refusals are handed on at once.
    assert_eq!(send(&service, get("/")).await.unwrap().status(), 401);
    assert_eq!(world.exchange.exchanges(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_issues_the_same_token_again_causes_neither_a_loop_nor_a_replay() {
    let world = world();
    world.exchange.set_sticky(Some("forever"));
    let service = world.layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    world.api.revoke("forever");
    let answer = send(&service, get("/")).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.extensions().get(), Some(&Recovery::SameToken));
    assert_eq!(text(answer).await, "no", "the server's own answer");
    assert_eq!(world.exchange.exchanges(), 2);
    assert_eq!(world.api.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_issues_the_same_token_again_is_not_asked_for_each_request() {
    let world = world();
    world.exchange.set_sticky(Some("forever"));
    let start = now();
    // The endpoint hands out one token until it ends, with the life that is left.
    while start.elapsed() < HOUR - secs(1) {
        world.exchange.set_lifetime(Some(HOUR - start.elapsed()));
        world.source.token().await.unwrap();
        tokio::time::sleep(millis(100)).await;
    }
    assert!(world.exchange.exchanges() <= 20, "{}", world.exchange.exchanges());
}

#[tokio::test(start_paused = true)]
async fn reject_renews_only_the_current_token() {
    let world = world_with_delay(millis(50));
    let first = world.source.token().await.unwrap();
    let successors = join_all((0..100).map(|_| world.source.reject(&first))).await;
    assert!(successors.iter().all(|token| token.as_ref().unwrap().expose() == "token-2"));
    assert_eq!(world.exchange.exchanges(), 2);
    // Reported once more, late: the current one is the answer.
    assert_eq!(world.source.reject(&first).await.unwrap().expose(), "token-2");
    assert_eq!(world.exchange.exchanges(), 2);

    world.exchange.fail_next(1, unavailable());
    let second = world.source.token().await.unwrap();
    let error = world.source.reject(&second).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuccessor);
    assert_eq!(error.recovery(), Some(Recovery::RenewalFailed));
    assert_eq!(error.exchange().unwrap().to_string(), "scripted outage");
    assert!(error.is_transient());
    // It names the pause after the failure, and not the refresh-ahead time of the token.
    assert!(error.retry_after().unwrap() <= secs(1), "{error}");
    assert_eq!(world.source.token().await.unwrap().expose(), "token-2", "it stays current");
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_source_cannot_be_rejected() {
    let (one, other) = (world(), world());
    let token = one.source.token().await.unwrap();
    other.source.token().await.unwrap();
    let error = other.source.reject(&token).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(other.exchange.exchanges(), 1);
}
