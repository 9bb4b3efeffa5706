//! Promise 9: refusals cause a bounded number of exchanges; honest revocations are always healed.

use futures::future::join_all;
use tower::Layer;
use tower_outbound_auth::Recovery;

use crate::support::*;

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
async fn an_api_that_always_refuses_gets_at_most_two_requests_per_call_and_few_exchanges() {
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
async fn with_the_budget_spent_a_newer_token_is_still_used_for_free() {
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
    let exchanges = world.exchange.exchanges();
    let answer = late.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.extensions().get(), Some(&Recovery::Replayed));
    assert_eq!(world.exchange.exchanges(), exchanges);
}
