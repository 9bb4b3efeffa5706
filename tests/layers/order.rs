//! The documented order as one stack: each layer does its part.
//!
//! `Trace > Timeout > FollowRedirect > Retry (5xx) > AuthLayer > Decompression > limits > client`

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::StatusCode;
use tower::retry::RetryLayer;
use tower::timeout::error::Elapsed;
use tower::{Layer, ServiceBuilder};
use tower_http::compression::CompressionLayer;
use tower_http::decompression::DecompressionLayer;
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_http::trace::TraceLayer;
use tower_outbound_auth::{Error, Foreign, assert_accepts};

use super::table::ServerErrors;
use super::*;

/// `/moved` redirects to `/new`, `/away` redirects to another host, and every second request to
/// `/flaky` fails.
fn route(request: &Request<Body>, number: usize) -> Option<Response<Body>> {
    let redirect = |to: &str| Response::builder().status(307).header("location", to);
    let answer = match (request.uri().host(), request.uri().path()) {
        (Some("api.example"), "/moved") => redirect("/new"),
        (Some("api.example"), "/away") => redirect("https://elsewhere.test/"),
        (Some("api.example"), "/flaky") if number % 2 == 1 => Response::builder().status(503),
        (Some("elsewhere.test"), _) => {
            let bare = !request.headers().contains_key("authorization");
            Response::builder().status(if bare { 202 } else { 500 })
        }
        _ => return None,
    };
    Some(answer.body(Body::default()).unwrap())
}

fn documented(world: &World) -> Stack {
    let (api, requests) = (api(world), Arc::new(AtomicUsize::new(0)));
    let client = service_fn(move |request: Request<Body>| {
        let api = api.clone();
        let routed = route(&request, requests.fetch_add(1, Ordering::Relaxed) + 1);
        async move {
            match routed {
                Some(answer) => Ok(answer),
                None => api.oneshot(request).await,
            }
        }
    });
    let service = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .timeout(secs(10))
        .layer(FollowRedirectLayer::new())
        .layer(RetryLayer::new(ServerErrors(1)))
        .layer(world.layer.clone().with_foreign(Foreign::SendUnauthenticated))
        .layer(DecompressionLayer::new())
        .concurrency_limit(1)
        .service(CompressionLayer::new().layer(client));
    assert_accepts::<Body>(&service);
    stack(service)
}

#[tokio::test(start_paused = true)]
async fn after_a_redirect_and_a_failure_a_refused_request_is_sent_again_and_its_answer_decompressed()
 {
    let world = world();
    let mut stack = documented(&world);
    let text = "text to be packed ".repeat(100);
    for (token, moved) in [(1, "/"), (2, "/moved")] {
        // The redirected request has no body, because `FollowRedirect` has no second one.
        world.api.revoke(&format!("token-{token}"));
        assert_eq!(call(&mut stack, get(moved)).await.unwrap().status(), 200);
        let request = Request::post(API).body(Body::from(text.clone())).unwrap();
        let answer = call(&mut stack, request).await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), text);
    }
    assert_eq!(
        world.api.tokens(),
        ["token-1", "token-2", "token-2", "token-2", "token-3", "token-3"]
    );
    for _ in 0..2 {
        assert_eq!(call(&mut stack, get("/flaky")).await.unwrap().status(), 200);
    }
    assert_eq!(world.exchange.exchanges(), 3, "a server error causes no renewal");
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_another_origin_is_followed_without_the_credential() {
    let mut stack = documented(&world());
    assert_eq!(call(&mut stack, get("/away")).await.unwrap().status(), 202);
}

#[tokio::test(start_paused = true)]
async fn a_failing_token_endpoint_is_an_error_of_this_crate_at_the_top_and_is_tried_once() {
    let world = world();
    let mut stack = documented(&world);
    world.exchange.fail_next(9, unavailable());
    let error = call(&mut stack, get("/")).await.unwrap_err();
    let ours = Error::find(&*error).unwrap();
    assert_eq!(ours.exchange().unwrap().to_string(), "scripted outage");
    assert_eq!((world.exchange.exchanges(), world.api.requests()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_slow_token_endpoint_and_a_slow_api_are_cut_off_by_the_timeout_and_free_the_limit() {
    let world = world_with_delay(secs(9));
    let mut stack = documented(&world);
    world.api.delay(secs(2));
    assert!(call(&mut stack, get("/")).await.unwrap_err().is::<Elapsed>());
    world.api.delay(secs(0));
    assert_eq!(call(&mut stack, get("/")).await.unwrap().status(), StatusCode::OK);
}
