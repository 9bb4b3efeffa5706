//! A refused request is sent again once, byte for byte, with the new token. A second refusal goes to the caller.

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::replay::{Off, ReplayMethods};
use tower_outbound_auth::scheme::{Judge, Verdict};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::ScriptedExchange;
use tower_outbound_auth::{AuthLayer, Origin, Recovery, TokenSource};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_sent_again_byte_for_byte_with_the_new_token() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    world.api.revoke("token-1");
    let mut request = post("/orders?dry=1", "one body");
    request.headers_mut().append("x-trace", "a".parse().unwrap());
    request.headers_mut().append("x-trace", "b".parse().unwrap());
    let answer = send(&service, request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.extensions().get(), Some(&Recovery::Replayed));

    let seen = world.api.seen();
    let [_, first, second] = seen.as_slice() else { panic!("three requests: {}", seen.len()) };
    assert_eq!((first.token(), second.token()), (Some("token-1"), Some("token-2")));
    assert_eq!(
        (&first.method, &first.uri, &first.body),
        (&second.method, &second.uri, &second.body)
    );
    assert_eq!(second.body, "one body");
    let traces: Vec<_> = second.headers.get_all("x-trace").iter().collect();
    assert_eq!(traces, ["a", "b"]);
    assert_eq!(second.headers.get_all("authorization").iter().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_sent_again_as_soon_as_there_is_a_successor() {
    let world = world_with_delay(millis(50));
    let service = world.layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    world.api.revoke("token-1");
    let start = now();
    assert_eq!(send(&service, get("/")).await.unwrap().status(), 200);
    assert_eq!(start.elapsed(), millis(50), "the exchange, and no pause");
}

#[tokio::test(start_paused = true)]
async fn a_second_refusal_goes_to_the_caller() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    world.api.refuse_path("/bad");
    let answer = send(&service, get("/bad")).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.extensions().get(), Some(&Recovery::Replayed));
    assert_eq!(text(answer).await, "no");
    assert_eq!(world.api.tokens(), ["token-1", "token-2"]);
}

#[tokio::test(start_paused = true)]
async fn an_accepted_response_is_untouched() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    let answer = send(&service, post("/", "echo")).await.unwrap();
    assert!(answer.extensions().get::<Recovery>().is_none());
    assert!(answer.headers().is_empty());
    assert_eq!(text(answer).await, "echo");
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_no_refusal_causes_no_second_sending() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    for status in [400, 403, 404, 407, 419, 429, 500, 503, 302] {
        world.api.answer(StatusCode::from_u16(status).unwrap());
        let before = world.api.requests();
        assert_eq!(send(&service, get("/")).await.unwrap().status(), status);
        assert_eq!(world.api.requests(), before + 1, "{status}");
    }
    assert_eq!(world.exchange.exchanges(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_401_for_another_reason_than_the_token_causes_no_second_sending() {
    let world = world();
    for (reason, again) in [
        (r#"Bearer error="invalid_token""#, true),
        (r#"Bearer realm="x", error="insufficient_scope", scope="admin""#, false),
        (r#"Basic realm="x", Bearer error="invalid_request""#, false),
    ] {
        let api = world.api.clone();
        let refusing = service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move {
                let mut response = api.oneshot(request).await?;
                *response.status_mut() = StatusCode::UNAUTHORIZED;
                let value = HeaderValue::from_static(reason);
                response.headers_mut().insert(http::header::WWW_AUTHENTICATE, value);
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let (before, exchanges) = (world.api.requests(), world.exchange.exchanges());
        let answer = world.layer.layer(refusing).oneshot(get("/")).await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.headers()["www-authenticate"], reason, "untouched");
        assert_eq!(world.api.requests() - before, 1 + usize::from(again), "{reason}");
        let first = usize::from(exchanges == 0);
        assert_eq!(world.exchange.exchanges() - exchanges, first + usize::from(again), "{reason}");
    }
}

/// The judge of an API that refuses with 419.
fn says_419() -> Judge {
    Judge::new(|response| match response.status.as_u16() {
        419 => Verdict::Refused,
        _ => Verdict::Accepted,
    })
}

/// `with_judge` replaces the judge of any source: a 419 is renewed and sent again, and a 401 is handed on.
#[tokio::test(start_paused = true)]
async fn with_a_judge_of_its_own_a_layer_decides_which_responses_are_refusals() {
    for (status, renewed) in [(419, true), (401, false)] {
        let world = world();
        let refuses = service_fn(move |request: Request<Body>| async move {
            let is_first = request.headers()[AUTHORIZATION] == "Bearer token-1";
            let status = if is_first { status } else { 200 };
            Ok::<_, std::convert::Infallible>(
                Response::builder().status(status).body(Body::default()).unwrap(),
            )
        });
        let service = world.layer.clone().with_judge(says_419()).layer(refuses);
        let response = send(&service, get("/")).await.unwrap();
        let recovery = renewed.then_some(&Recovery::Replayed);
        assert_eq!(response.extensions().get(), recovery, "{status}");
        assert_eq!(response.status() == 200, renewed, "{status}");
        assert_eq!(world.exchange.exchanges(), if renewed { 2 } else { 1 }, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn with_idempotent_methods_only_a_post_is_not_sent_again() {
    let world = world();
    let layer = world.layer.clone().with_replay_methods(ReplayMethods::Idempotent);
    let service = layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    world.api.revoke("token-1");
    assert_eq!(send(&service, post("/", "x")).await.unwrap().status(), 401);
    world.source.settled().await;
    world.api.revoke("token-2");
    assert_eq!(send(&service, get("/")).await.unwrap().status(), 200);
    assert_eq!(world.api.requests(), 4);
}

#[tokio::test(start_paused = true)]
async fn with_replay_off_the_refusal_is_handed_on_and_the_token_renewed_for_the_next_request() {
    let world = world();
    let service = world.layer.clone().with_replay(Off).layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    world.api.revoke("token-1");
    let answer = send(&service, post("/", "x")).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.extensions().get(), Some(&Recovery::NotReplayable));
    assert_eq!(text(answer).await, "no");
    world.source.settled().await;
    assert_eq!(send(&service, post("/", "x")).await.unwrap().status(), 200);
    assert_eq!(world.api.tokens(), ["token-1", "token-1", "token-2"]);
}

#[tokio::test(start_paused = true)]
async fn with_replay_off_a_body_of_any_type_is_sent() {
    struct Unshareable;
    let world = world();
    let api = service_fn(|_: Request<Unshareable>| async {
        Ok::<_, std::io::Error>(Response::new(Body::default()))
    });
    let service = world.layer.clone().with_replay(Off).layer(api);
    let request = Request::get(API).body(Unshareable).unwrap();
    assert_eq!(service.oneshot(request).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn stacked_layers_share_one_replay() {
    for status_path in ["/", "/bad"] {
        let (outer, inner) = (world(), world());
        let service = outer.layer.layer(inner.layer.layer(inner.api.clone()));
        inner.api.refuse_path("/bad");
        send(&service, get("/")).await.unwrap();
        inner.api.revoke("token-1");
        let before = inner.api.requests();
        let answer = send(&service, post(status_path, "x")).await.unwrap();
        assert_eq!(answer.status() == 200, status_path == "/");
        assert_eq!(inner.api.requests(), before + 2, "two layers, one replay");
    }
}

#[tokio::test(start_paused = true)]
async fn three_stacked_layers_share_one_replay_when_only_the_outermost_replays() {
    let (top, middle, bottom) = (world(), world(), world());
    let never = middle.layer.clone().with_replay(Off);
    let last = bottom.layer.clone().with_replay(Off);
    bottom.api.refuse_path("/bad");
    let service = top.layer.layer(never.layer(last.layer(bottom.api.clone())));
    assert_eq!(send(&service, get("/bad")).await.unwrap().status(), 401);
    assert_eq!(bottom.api.requests(), 2);
}

/// The outer layer replays a 401. The answer is a 419, which the inner layer would replay.
#[tokio::test(start_paused = true)]
async fn a_replay_of_the_outer_layer_is_not_replayed_by_the_inner_layer() {
    let outer = world();
    let gateway = HeaderScheme::new(HeaderName::from_static("x-gateway"), "");
    let source = TokenSource::builder(gateway, ScriptedExchange::new());
    let inner = AuthLayer::new(source.clock(outer.clock.clone()).build())
        .with_origin(Origin::parse(API).unwrap())
        .with_judge(says_419());
    let api = outer.api.clone();
    let status = service_fn(move |request: Request<Body>| {
        let (api, first) = (api.clone(), api.requests() == 0);
        async move {
            let mut response = api.oneshot(request).await?;
            *response.status_mut() =
                if first { StatusCode::UNAUTHORIZED } else { StatusCode::from_u16(419).unwrap() };
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let service = outer.layer.layer(inner.layer(status));
    assert_eq!(service.oneshot(get("/")).await.unwrap().status(), 419);
    assert_eq!(outer.api.requests(), 2);
}
