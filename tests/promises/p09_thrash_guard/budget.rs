//! Each renewal for a refusal takes one from the budget. An accepted second sending gives it back.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use http::{Request, Response};
use tower::{Layer, service_fn};
use tower_outbound_auth::{BoxError, Recovery};

use crate::log::Log;
use crate::support::*;

#[tokio::test(start_paused = true)]
async fn honest_revocations_in_a_row_are_all_healed() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    for revocation in 1..=50 {
        world.api.revoke(&format!("token-{revocation}"));
        for answer in join_all((0..20).map(|_| send(&service, get("/")))).await {
            assert_eq!(answer.unwrap().status(), 200, "revocation {revocation}");
        }
    }
    assert_eq!(world.exchange.exchanges(), 51);
    assert_eq!(world.source.status().renewal_budget, 5);
}

#[tokio::test(start_paused = true)]
async fn one_bad_route_at_one_percent_of_a_thousand_a_second_costs_six_exchanges_in_its_first_minute()
 {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    world.api.refuse_path("/bad");
    send(&service, get("/")).await.unwrap();
    let before = world.exchange.exchanges();
    let start = now();
    let mut good = 0;
    while start.elapsed() < secs(60) {
        tokio::time::sleep(millis(10)).await;
        assert_eq!(send(&service, get("/bad")).await.unwrap().status(), 401);
        for answer in join_all((0..10).map(|_| send(&service, get("/")))).await {
            assert_eq!(answer.unwrap().status(), 200);
            good += 1;
        }
    }
    assert!(good > 50_000);
    let caused = world.exchange.exchanges() - before;
    assert!(caused <= 6, "{caused}");
    assert!(caused >= 5, "{caused}");
}

#[tokio::test(start_paused = true)]
async fn an_api_that_always_refuses_gets_at_most_two_requests_per_call_and_six_exchanges() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    world.api.refuse_path("/");
    let mut handed_on = 0;
    for call in 1..=100 {
        let answer = send(&service, get("/")).await.unwrap();
        assert_eq!(answer.status(), 401);
        handed_on += usize::from(answer.extensions().get() == Some(&Recovery::BudgetSpent));
        assert!(world.api.requests() <= 2 * call);
    }
    assert_eq!(world.exchange.exchanges(), 1 + 5);
    assert_eq!(handed_on, 95);
    assert_eq!(world.source.status().renewal_budget, 0);
}

#[tokio::test(start_paused = true)]
async fn an_api_that_refuses_new_tokens_is_logged_once_until_a_renewal_helps() {
    let log = Log::default();
    let guard = log.on_this_thread();
    let world = world();
    let service = world.layer.layer(world.api.clone());
    let logged = || log.text().matches("the API refuses new tokens").count();
    world.api.refuse_path("/bad");
    for call in 1..=20 {
        send(&service, get("/bad")).await.unwrap();
        assert_eq!(logged(), usize::from(call > 5), "call {call}");
    }
    tokio::time::sleep(secs(30)).await; // one renewal more
    world.api.revoke("token-6");
    assert_eq!(send(&service, get("/good")).await.unwrap().status(), 200);
    assert_eq!(logged(), 1);
    for _ in 0..20 {
        send(&service, get("/bad")).await.unwrap();
    }
    assert_eq!(logged(), 2);
    drop(guard);
}

#[tokio::test(start_paused = true)]
async fn one_bad_server_in_a_hundred_does_not_cost_an_exchange_per_refusal() {
    let world = world_with_delay(millis(20));
    let service = world.layer.layer(world.api.clone());
    world.api.refuse_one_in(100);
    let start = now();
    let before = world.exchange.exchanges();
    while start.elapsed() < secs(60) {
        // A thousand a second, whether or not one of them waits.
        for _ in 0..10 {
            tokio::spawn(send(&service, get("/")));
        }
        tokio::time::sleep(millis(10)).await;
    }
    let caused = world.exchange.exchanges() - before;
    assert!(caused <= 12, "{caused} exchanges in a minute");
}

/// An accepted second sending shows that the old token was at fault. A 429 or a 5xx shows nothing; a second refusal shows
/// that the token was not at fault.
#[tokio::test(start_paused = true)]
async fn a_renewal_is_refunded_only_if_the_api_accepts_the_second_sending() {
    for (status, given_back) in [
        (200, true),
        (204, true),
        (301, true),
        (400, true),
        (403, true),
        (404, true),
        (409, true),
        (401, false),
        (429, false),
        (500, false),
        (502, false),
        (503, false),
    ] {
        let world = world();
        let requests = AtomicUsize::new(0);
        let service =
            world.layer.layer(service_fn(|_: Request<Body>| {
                let is_first = requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
                let status = if is_first { 401 } else { status };
                async move {
                    Ok::<_, BoxError>(Response::builder().status(status).body(Body::default())?)
                }
            }));
        for _ in 0..5 {
            assert_eq!(send(&service, get("/")).await.unwrap().status(), status);
        }
        let left = world.source.status().renewal_budget;
        assert_eq!(left, if given_back { 5 } else { 0 }, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn revocations_are_healed_while_another_route_answers_503() {
    let world = world_with_delay(millis(50));
    let service = world.layer.layer(world.api.clone());
    world.api.fail_path("/health", 503);
    send(&service, get("/")).await.unwrap();
    for revocation in 1..=20 {
        world.api.revoke(&format!("token-{revocation}"));
        let health = tokio::spawn({
            let service = service.clone();
            async move {
                for _ in 0..20 {
                    let answer = send(&service, get("/health")).await.unwrap();
                    assert_eq!(answer.status(), 503);
                    tokio::time::sleep(millis(5)).await;
                }
            }
        });
        let answer = send(&service, get("/")).await.unwrap();
        assert_eq!(answer.status(), 200, "revocation {revocation}");
        health.await.unwrap();
    }
    assert_eq!(world.exchange.exchanges(), 1 + 20);
    assert_eq!(world.source.status().renewal_budget, 5);
}

#[tokio::test(start_paused = true)]
async fn when_the_first_caller_gives_up_the_replays_of_the_others_refund_the_budget() {
    let world = world_with_delay(millis(50));
    let service = world.layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    for revocation in 1..=20 {
        world.api.revoke(&format!("token-{revocation}"));
        let payer = tokio::time::timeout(millis(10), send(&service, get("/")));
        let others = async {
            tokio::time::sleep(millis(1)).await;
            join_all((0..20).map(|_| send(&service, get("/")))).await
        };
        let (payer, others) = futures::join!(payer, others);
        assert!(payer.is_err(), "it gave up");
        assert!(others.iter().all(|answer| answer.as_ref().unwrap().status() == 200));
    }
    assert_eq!(world.exchange.exchanges(), 1 + 20);
    assert_eq!(world.source.status().renewal_budget, 5);
}

#[tokio::test(start_paused = true)]
async fn with_the_budget_spent_a_newer_token_is_still_used() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    world.api.refuse_path("/bad");
    for _ in 0..10 {
        send(&service, get("/bad")).await.unwrap();
    }
    assert_eq!(world.source.status().renewal_budget, 0);
    let current = format!("token-{}", world.exchange.exchanges());
    // A slow request leaves with the current token, and meanwhile that one is replaced by age.
    world.api.delay(HOUR);
    let late = tokio::spawn({
        let service = service.clone();
        async move { send(&service, get("/late")).await }
    });
    tokio::time::sleep(HOUR - secs(1)).await;
    world.api.delay(secs(0));
    world.api.revoke(&current);
    world.source.token().await.unwrap();
    world.source.settled().await;
    let exchanges = world.exchange.exchanges();
    let answer = late.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.extensions().get(), Some(&Recovery::Replayed));
    assert_eq!(world.exchange.exchanges(), exchanges);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_cannot_be_replayed_says_that_the_budget_is_spent() {
    use tower_outbound_auth::replay::Off;
    let world = world();
    let service = world.layer.clone().with_replay(Off).layer(world.api.clone());
    world.api.refuse_path("/bad");
    let mut recoveries = Vec::new();
    for _ in 0..7 {
        let answer = send(&service, get("/bad")).await.unwrap();
        recoveries.push(*answer.extensions().get::<Recovery>().unwrap());
        world.source.settled().await;
    }
    assert_eq!(recoveries[..5], [Recovery::NotReplayable; 5]);
    assert_eq!(recoveries[5..], [Recovery::BudgetSpent; 2]);
}

#[tokio::test(start_paused = true)]
async fn the_refusal_of_a_fixed_token_costs_nothing() {
    use tower_outbound_auth::system::HeaderScheme;
    use tower_outbound_auth::{AuthLayer, Origin, TokenSource};
    let source = TokenSource::fixed(HeaderScheme::bearer(), "fixed").unwrap();
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
    let world = world();
    let service = layer.layer(world.api.clone());
    world.api.revoke("fixed");
    let answer = send(&service, get("/")).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.extensions().get(), Some(&Recovery::FixedToken));
    assert_eq!(source.status().counters.exchanges(), 0);
    let error = source.reject(&source.token().await.unwrap()).await.unwrap_err();
    assert_eq!(error.recovery(), Some(Recovery::FixedToken));
    assert!(!error.is_transient());
}
