//! Promise 1: at most one exchange is under way per source.

use futures::future::join_all;
use tower::Layer;

use tower_outbound_auth::exchange::ExchangeErrorKind;

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn ten_thousand_concurrent_callers_cause_exactly_one_exchange() {
    let world = world_with_delay(millis(50));
    let service = world.layer.layer(world.api.clone());
    let calls = (0..10_000).map(|_| {
        tokio::spawn({
            let service = service.clone();
            async move { send(&service, get("/")).await }
        })
    });
    for call in join_all(calls).await {
        assert_eq!(call.unwrap().unwrap().status(), 200);
    }
    assert_eq!(world.exchange.exchanges(), 1);
    assert_eq!(world.api.requests(), 10_000);
    assert!(world.api.tokens().iter().all(|token| token == "token-1"));
}

#[tokio::test(start_paused = true)]
async fn layers_that_share_a_source_share_its_exchange() {
    let world = world_with_delay(millis(50));
    let first = world.layer.layer(world.api.clone());
    let second = world.layer.clone().layer(world.api.clone());
    let calls = (0..100).map(|n| send(if n % 2 == 0 { &first } else { &second }, get("/")));
    let tokens = (0..100).map(|_| world.source.token());
    let (answers, tokens) = futures::join!(join_all(calls), join_all(tokens));
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().status() == 200));
    assert!(tokens.iter().all(|token| token.as_ref().unwrap().expose() == "token-1"));
    assert_eq!(world.api.tokens(), vec!["token-1"; 100]);
    assert_eq!(world.exchange.exchanges(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_exchanges_never_run_at_once_across_expiries_failures_and_refusals() {
    let world = world_with_delay(millis(700));
    world.exchange.set_lifetime(Some(secs(3)));
    let service = world.layer.layer(world.api.clone());
    for round in 0..200_u64 {
        if round % 40 == 7 {
            world.exchange.fail_next(1, unavailable());
        }
        if round % 10 == 0 {
            world.api.revoke(&format!("token-{}", world.exchange.exchanges()));
        }
        for _ in 0..5 {
            let service = service.clone();
            tokio::spawn(async move { send(&service, get("/")).await });
        }
        tokio::time::sleep(millis(100 + round % 400)).await;
    }
    world.source.settled().await;
    assert!(world.exchange.exchanges() > 10, "the script has to cause exchanges");
    assert_eq!(world.exchange.most_under_way(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_whose_exchange_hangs_delays_no_other_source() {
    let (hanging, other) = (world_with_delay(HOUR), world_with_delay(millis(50)));
    let hangs = hanging.layer.layer(hanging.api.clone());
    let waits =
        tokio::spawn(async move { join_all((0..100).map(|_| send(&hangs, get("/")))).await });
    tokio::task::yield_now().await;
    assert_eq!(hanging.exchange.under_way(), 1);
    let start = now();
    let service = other.layer.layer(other.api.clone());
    for answer in join_all((0..100).map(|_| send(&service, get("/")))).await {
        assert_eq!(answer.unwrap().status(), 200);
    }
    assert_eq!(start.elapsed(), millis(50));
    for answer in waits.await.unwrap() {
        let error = answer.unwrap_err();
        assert_eq!(exchange_kind(ours(&error)), ExchangeErrorKind::Timeout);
    }
    assert_eq!((hanging.api.requests(), other.api.requests()), (0, 100));
}
