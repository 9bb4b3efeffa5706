//! The layers around ours still work: layers above see one request and one answer, layers below see
//! each sending.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tower::retry::RetryLayer;
use tower::{Layer, ServiceBuilder};
use tower_http::compression::CompressionLayer;
use tower_http::decompression::DecompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::set_header::SetRequestHeaderLayer;
use tower_outbound_auth::replay::Wrap;

use super::table::ServerErrors;
use super::*;

const ID: HeaderName = HeaderName::from_static("x-request-id");

/// The headers of a request that is refused, and of its second sending.
async fn both(world: &World, mut stack: Stack) -> [HeaderMap; 2] {
    world.api.revoke("token-1");
    assert_eq!(call(&mut stack, get("/")).await.unwrap().status(), 200);
    let seen = world.api.seen();
    let [first, second] = &seen[..] else { panic!("two requests: {seen:?}") };
    [first.headers.clone(), second.headers.clone()]
}

#[tokio::test(start_paused = true)]
async fn a_request_id_from_above_is_in_both_sendings_and_one_from_below_is_new_in_each() {
    let (above, below) = (world(), world());
    let ids = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(PropagateRequestIdLayer::x_request_id());
    let [first, second] =
        both(&above, stack(ids.clone().service(above.layer.layer(api(&above))))).await;
    assert_eq!(first[ID], second[ID]);
    let [first, second] = both(&below, stack(below.layer.layer(ids.service(api(&below))))).await;
    assert_ne!(first[ID], second[ID]);
}

#[tokio::test(start_paused = true)]
async fn headers_that_are_set_above_or_below_are_on_both_sendings_once() {
    let set = || SetRequestHeaderLayer::appending(ID, HeaderValue::from_static("1"));
    let (above, below) = (world(), world());
    let one = both(&above, stack(set().layer(above.layer.layer(api(&above))))).await;
    let other = both(&below, stack(below.layer.layer(set().layer(api(&below))))).await;
    for headers in one.iter().chain(&other) {
        assert_eq!(headers.get_all(ID).iter().count(), 1);
    }
}

/// A layer above that sets the credential's header counts as a caller that does.
#[tokio::test(start_paused = true)]
async fn a_credential_header_from_above_is_replaced_and_ours_stays_sensitive_below() {
    let world = world();
    let stray =
        SetRequestHeaderLayer::overriding(AUTHORIZATION, HeaderValue::from_static("Bearer stray"));
    let below = SetSensitiveRequestHeadersLayer::new([ID]);
    let both = both(&world, stack(stray.layer(world.layer.layer(below.layer(api(&world)))))).await;
    for (headers, token) in both.iter().zip(["Bearer token-1", "Bearer token-2"]) {
        assert_eq!(headers[AUTHORIZATION], token);
        assert!(headers[AUTHORIZATION].is_sensitive());
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_server_errors_above_or_below_causes_no_renewal() {
    for above in [true, false] {
        let world = world();
        let retry = RetryLayer::new(ServerErrors(2));
        let mut stack = match above {
            true => stack(retry.layer(world.layer.layer(api(&world)))),
            false => stack(world.layer.layer(retry.layer(api(&world)))),
        };
        world.api.answer(StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(call(&mut stack, get("/")).await.unwrap().status(), 503);
        assert_eq!((world.api.requests(), world.exchange.exchanges()), (3, 1), "above: {above}");
    }
}

/// A layer below may decompress. Then the bytes on the wire count for the limit of what is read of a refusal.
#[tokio::test(start_paused = true)]
async fn a_compressed_answer_is_decompressed_above_and_below() {
    for above in [true, false] {
        let world = world();
        let packed = CompressionLayer::new().layer(api(&world));
        let unpack = DecompressionLayer::new();
        let mut stack = match above {
            true => stack(unpack.layer(world.layer.layer(packed))),
            false => stack(world.layer.layer(unpack.layer(packed))),
        };
        world.api.revoke("token-1");
        let text = "text to be packed ".repeat(100);
        let request = Request::post(API).body(Body::from(text.clone())).unwrap();
        let answer = call(&mut stack, request).await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), text);
        assert!(world.api.seen().iter().all(|seen| seen.headers["accept-encoding"] == "gzip"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_limit_above_or_below_answers_413_and_above_needs_no_token() {
    for above in [true, false] {
        let world = world();
        let limit = RequestBodyLimitLayer::new(3);
        let mut stack = match above {
            true => {
                stack(limit.layer(world.layer.clone().with_replay(Wrap::new()).layer(api(&world))))
            }
            false => stack(world.layer.layer(limit.layer(api(&world)))),
        };
        let request = Request::post(API).header("content-length", "4").body(Body::from("text"));
        assert_eq!(call(&mut stack, request.unwrap()).await.unwrap().status(), 413);
        assert_eq!((world.api.requests(), world.exchange.exchanges()), (0, usize::from(!above)));
    }
}

/// A timeout below is for each sending.
#[tokio::test(start_paused = true)]
async fn a_timeout_below_is_for_each_sending_and_not_for_the_wait_for_a_token() {
    let world = world_with_delay(secs(8));
    let mut below =
        stack(world.layer.layer(ServiceBuilder::new().timeout(secs(3)).service(api(&world))));
    world.api.delay(secs(2));
    world.api.revoke("token-1");
    let start = now();
    assert_eq!(call(&mut below, get("/")).await.unwrap().status(), 200);
    assert_eq!(start.elapsed(), secs(8 + 2 + 8 + 2));
}
