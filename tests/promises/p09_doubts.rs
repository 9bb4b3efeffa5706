//! Promise 9, of doubted responses: a renewal a minute at most, and none out of the budget of refusals.

use futures::future::join_all;
use http::StatusCode;
use tower::Layer;
use tower_outbound_auth::exchange::Reason;
use tower_outbound_auth::scheme::{Judge, Verdict};
use tower_outbound_auth::{AuthLayer, Recovery};

use crate::support::*;

/// An API that answers 404 to a token that it does not know.
fn doubting(layer: &AuthLayer<tower_outbound_auth::system::HeaderScheme>) -> AuthLayer {
    let layer = layer.clone().with_judge(Judge::new(|response| match response.status {
        StatusCode::UNAUTHORIZED => Verdict::Refused,
        StatusCode::NOT_FOUND => Verdict::Doubted,
        _ => Verdict::Accepted,
    }));
    layer.erased()
}

#[tokio::test(start_paused = true)]
async fn an_honest_404_a_second_costs_one_exchange_a_minute_and_none_of_the_budget() {
    let world = world();
    let service = doubting(&world.layer).layer(world.api.clone());
    world.api.fail_path("/missing", 404);
    let start = now();
    for second in 0..600 {
        tokio::time::sleep_until(start + secs(second)).await;
        assert_eq!(send(&service, get("/missing")).await.unwrap().status(), 404);
        assert_eq!(send(&service, get("/")).await.unwrap().status(), 200);
    }
    assert_eq!(world.exchange.exchanges(), 1 + 10);
    let status = world.source.status();
    assert_eq!(status.renewal_budget, 5);
    assert_eq!((status.counters.doubts, status.counters.refusals), (600, 0));
    assert_eq!(status.counters.exchanges_for(Reason::Doubted), 10);
    // Each second, one of each; and a second sending where the token was renewed.
    assert_eq!(world.api.requests(), 600 + 600 + 10);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_doubted_at_once_cause_one_exchange_and_are_sent_again_with_its_token() {
    let world = world_with_delay(millis(200));
    let service = doubting(&world.layer).layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    world.api.fail_path("/missing", 404);
    let answers = join_all((0..1_000).map(|_| send(&service, get("/missing")))).await;
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.extensions().get(), Some(&Recovery::Replayed));
    }
    assert_eq!(world.exchange.exchanges(), 2);
    let tokens = world.api.tokens();
    assert_eq!(tokens.iter().filter(|token| *token == "token-1").count(), 1 + 1_000);
    assert_eq!(tokens.iter().filter(|token| *token == "token-2").count(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_idempotent_is_not_sent_again_and_the_next_one_has_the_new_token() {
    let world = world();
    let service = doubting(&world.layer).layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    world.api.fail_path("/missing", 404);
    let answer = send(&service, post("/missing", "x")).await.unwrap();
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.extensions().get(), Some(&Recovery::NotReplayable));
    world.source.settled().await;
    send(&service, get("/")).await.unwrap();
    assert_eq!(world.api.tokens(), ["token-1", "token-1", "token-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_doubted_response_waits_a_second_for_its_renewal_and_no_longer() {
    let world = world_with_delay(secs(5));
    let service = doubting(&world.layer).layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    world.api.fail_path("/missing", 404);
    let start = now();
    let answer = send(&service, get("/missing")).await.unwrap();
    assert_eq!(start.elapsed(), secs(1));
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.extensions().get(), Some(&Recovery::RenewalFailed));
    assert_eq!(text(answer).await, "", "the API's own body");
    // What it began goes on.
    world.source.settled().await;
    send(&service, get("/")).await.unwrap();
    assert_eq!(world.api.tokens(), ["token-1", "token-1", "token-2"]);
}

#[tokio::test(start_paused = true)]
async fn within_a_minute_the_next_doubted_response_comes_at_once_and_says_why() {
    let world = world_with_delay(millis(100));
    let service = doubting(&world.layer).layer(world.api.clone());
    world.api.fail_path("/missing", 404);
    send(&service, get("/missing")).await.unwrap();
    tokio::time::sleep(secs(30)).await;
    let start = now();
    let answer = send(&service, get("/missing")).await.unwrap();
    assert_eq!(start.elapsed(), secs(0));
    assert_eq!(answer.extensions().get(), Some(&Recovery::RenewedLately));
    assert_eq!(world.exchange.exchanges(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_doubt_does_not_take_from_the_budget_and_does_not_give_back_to_it() {
    let world = world();
    let service = doubting(&world.layer).layer(world.api.clone());
    world.api.refuse_path("/bad");
    for _ in 0..5 {
        send(&service, get("/bad")).await.unwrap();
    }
    assert_eq!(world.source.status().renewal_budget, 0);
    let before = world.exchange.exchanges();
    // The token that the last renewal brought is doubted, renewed, and accepted.
    world.api.fail_once("/flaky", 404);
    assert_eq!(send(&service, get("/flaky")).await.unwrap().status(), 200);
    assert_eq!(world.exchange.exchanges(), before + 1);
    assert_eq!(world.source.status().renewal_budget, 0);
}
