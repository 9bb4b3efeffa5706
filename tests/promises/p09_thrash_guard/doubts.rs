//! Doubted responses cause one renewal a minute at most, and leave the budget of refusals alone.

use futures::future::join_all;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use tower::{Layer, service_fn};
use tower_outbound_auth::exchange::Reason;
use tower_outbound_auth::replay::ReplayMethods;
use tower_outbound_auth::scheme::{
    InvalidToken, Judge, Presentation, Rotation, Verdict, bearer_value,
};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ScriptedExchange, TokioClock};
use tower_outbound_auth::{AuthLayer, BoxError, Origin, Recovery, Secret, TokenSource};

use crate::support::*;

/// An API that answers 404 to a token that it does not know.
fn doubting(layer: &AuthLayer<HeaderScheme>) -> AuthLayer {
    let layer = layer.clone().with_judge(Judge::new(|response| match response.status {
        StatusCode::UNAUTHORIZED => Verdict::Refused,
        StatusCode::NOT_FOUND => Verdict::Doubted,
        _ => Verdict::Accepted,
    }));
    layer.erased()
}

#[tokio::test(start_paused = true)]
async fn a_doubted_404_each_second_costs_one_exchange_a_minute_and_none_of_the_budget() {
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
async fn a_thousand_doubted_requests_cause_one_exchange_and_are_sent_again_with_its_token() {
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
async fn within_a_minute_the_next_doubted_response_is_returned_at_once_as_renewed_lately() {
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
    // The renewal goes on.
    world.source.settled().await;
    send(&service, get("/")).await.unwrap();
    assert_eq!(world.api.tokens(), ["token-1", "token-1", "token-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_doubted_post_is_not_sent_again_and_the_next_request_has_the_new_token() {
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
async fn a_doubt_neither_spends_nor_refunds_the_budget() {
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

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_sent_again_waits_when_a_refusal_joins_the_renewal_of_a_doubt() {
    for doubt_first in [false, true] {
        let world = world_with_delay(millis(500));
        let layer = doubting(&world.layer).with_replay_methods(ReplayMethods::Idempotent);
        let service = layer.layer(world.api.clone());
        send(&service, get("/")).await.unwrap();
        world.api.fail_path("/missing", 404);
        world.api.revoke("token-1");
        let spawn = |path: &'static str| {
            let service = service.clone();
            tokio::spawn(async move { send(&service, get(path)).await.unwrap().status() })
        };
        let doubt = doubt_first.then(|| spawn("/missing"));
        tokio::time::sleep(millis(1)).await;
        let refused = spawn("/");
        tokio::time::sleep(millis(1)).await;
        // It is known by now that the token is refused: this one waits for the next.
        assert_eq!(send(&service, post("/", "x")).await.unwrap().status(), 200, "{doubt_first}");
        assert_eq!(refused.await.unwrap(), 200);
        if let Some(doubt) = doubt {
            assert_eq!(doubt.await.unwrap(), 404);
        }
    }
}

/// A scheme whose responses bring successors.
struct Handing(Rotation);

impl Presentation for Handing {
    fn header_name(&self) -> &HeaderName {
        &AUTHORIZATION
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        bearer_value(token)
    }

    fn rotation(&self) -> Option<&Rotation> {
        Some(&self.0)
    }

    fn judge(&self) -> Judge {
        Judge::new(|response| match () {
            () if response.is_refusal() => Verdict::Refused,
            () if response.headers.contains_key("x-odd") => Verdict::Doubted,
            () => Verdict::Accepted,
        })
    }
}

fn handing(exchange: &ScriptedExchange) -> TokenSource<Handing> {
    let rotation = Rotation::in_header(HeaderName::from_static("x-next"));
    TokenSource::builder(Handing(rotation), exchange.clone()).clock(TokioClock::new()).build()
}

/// Answers by path: with a successor, with a doubted response, with both, or with neither.
fn odd_api(request: &Request<Body>) -> Response<Body> {
    let response = match request.uri().path() {
        "/next" => Response::builder().header("x-next", "shared"),
        "/odd" => Response::builder().status(500).header("x-odd", "maybe"),
        "/both" => Response::builder().header("x-next", "next-1").header("x-odd", "maybe"),
        _ => Response::builder(),
    };
    response.body(Body::default()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_doubted_response_waits_one_second_in_all_for_two_exchanges_in_a_row() {
    let exchange = ScriptedExchange::new().with_delay(millis(950), TokioClock::new());
    let source = handing(&exchange);
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
    let service = layer.layer(service_fn(|request: Request<Body>| {
        std::future::ready(Ok::<_, BoxError>(odd_api(&request)))
    }));
    send(&service, get("/")).await.unwrap();
    tokio::time::sleep(secs(3_300)).await;
    // The endpoint and the API hand out the same token: an exchange that began before it says nothing of a doubt.
    exchange.set_sticky(Some("shared"));
    send(&service, get("/")).await.unwrap();
    send(&service, get("/next")).await.unwrap();
    let start = now();
    send(&service, get("/odd")).await.unwrap();
    assert_eq!(start.elapsed(), secs(1));
}

#[tokio::test(start_paused = true)]
async fn the_successor_in_a_doubted_success_is_adopted() {
    let source = handing(&ScriptedExchange::new());
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
    let service = layer.layer(service_fn(|request: Request<Body>| {
        std::future::ready(Ok::<_, BoxError>(odd_api(&request)))
    }));
    let answer = send(&service, post("/both", "x")).await.unwrap();
    assert!(!answer.headers().contains_key("x-next"));
    assert_eq!(source.status().counters.rotations_adopted, 1);
}

#[tokio::test(start_paused = true)]
async fn doubted_responses_do_not_prevent_refresh_ahead() {
    let exchange = ScriptedExchange::new().with_lifetime(secs(60));
    let exchange = exchange.with_delay(millis(200), TokioClock::new());
    let source = handing(&exchange);
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
    let service = layer.layer(service_fn(|request: Request<Body>| {
        std::future::ready(Ok::<_, BoxError>(odd_api(&request)))
    }));
    send(&service, get("/")).await.unwrap();
    let start = now();
    for nth in 1..3_600 {
        tokio::time::sleep_until(start + millis(50 * nth)).await;
        send(&service, post("/odd", "x")).await.unwrap();
    }
    // Three tokens end in that time. A moment between 80 and 90 % of a life may lie just before the last tenth.
    let counters = source.status().counters;
    assert!(counters.exchanges_for(Reason::RefreshAhead) > 0, "{counters:?}");
}
