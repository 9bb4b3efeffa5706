//! Promise 4: a usable token is never replaced by an error, and never cleared before its successor.

use tower::Layer;

use tower_outbound_auth::exchange::ExchangeErrorKind;

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_usable_token_is_sent_until_it_ends_while_refreshes_fail() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    let start = now();
    send(&service, get("/")).await.unwrap();
    world.exchange.fail_next(1_000, unavailable());
    while start.elapsed() < HOUR - secs(1) {
        assert_eq!(send(&service, get("/")).await.unwrap().status(), 200);
        tokio::time::sleep(secs(1)).await;
    }
    assert!(world.exchange.exchanges() > 2, "it was tried");
    assert!(world.api.tokens().iter().all(|token| token == "token-1"));
    tokio::time::sleep(secs(2)).await;
    let sent = world.api.requests();
    let error = send(&service, get("/")).await.unwrap_err();
    assert_eq!(exchange_kind(ours(&error)), ExchangeErrorKind::Unavailable);
    assert_eq!(world.api.requests(), sent, "an ended token is not sent");
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_stays_when_its_renewal_fails() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    world.exchange.fail_next(1_000, unavailable());
    world.api.refuse_path("/bad");
    assert_eq!(send(&service, get("/bad")).await.unwrap().status(), 401);
    assert_eq!(send(&service, get("/good")).await.unwrap().status(), 200);
    assert_eq!(world.source.token().await.unwrap().expose(), "token-1");
}

#[tokio::test(start_paused = true)]
async fn other_requests_send_a_refused_token_while_it_is_renewed() {
    let world = world_with_delay(secs(5));
    let service = world.layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    world.api.refuse_path("/bad");
    let bad = tokio::spawn(send(&service, get("/bad")));
    tokio::time::sleep(secs(1)).await;
    assert!(world.source.status().exchange_under_way);
    let start = now();
    assert_eq!(send(&service, get("/good")).await.unwrap().status(), 200);
    assert_eq!(start.elapsed(), secs(0), "a single route may be at fault");
    assert_eq!(bad.await.unwrap().unwrap().status(), 401);
}

#[tokio::test(start_paused = true)]
async fn an_ended_token_is_not_sent_even_in_a_pause() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    // The endpoint asks to be left alone for longer than the token lives.
    world.exchange.fail_next(2, unavailable().with_retry_after(secs(300)));
    tokio::time::sleep(HOUR - secs(100)).await;
    send(&service, get("/")).await.unwrap();
    world.source.settled().await;
    tokio::time::sleep(secs(90)).await;
    send(&service, get("/")).await.unwrap(); // the one attempt in the hard margin
    world.source.settled().await;
    assert_eq!(world.exchange.exchanges(), 3);
    tokio::time::sleep(secs(10)).await; // its very end
    let before = world.api.requests();
    let error = send(&service, get("/")).await.unwrap_err();
    assert_eq!(exchange_kind(ours(&error)), ExchangeErrorKind::Unavailable);
    assert_eq!(world.api.requests(), before);
}
