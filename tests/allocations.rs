//! Promises 16 and 19, checked by a counting allocator: a request with a usable token allocates
//! nothing, and no memory grows.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderName, HeaderValue, Request, Response, Uri};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
use tower_outbound_auth::replay::{Off, ReplayBody, Replayable, Wrap};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};
use tower_outbound_auth::{AuthLayer, BoxError, InspectBodyLayer, Origin, Peeked, TokenSource};

type Body = Full<Bytes>;

/// Answers at once and allocates nothing. It drops the request's headers when the call ends.
#[derive(Clone)]
struct Api;

impl Service<Request<Body>> for Api {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Ok(Response::new(Body::default())))
    }
}

struct World {
    runtime: tokio::runtime::Runtime,
    clock: ManualClock,
    exchange: ScriptedExchange,
    layer: AuthLayer<HeaderScheme>,
}

fn world(name: HeaderName) -> World {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (clock, exchange) = (ManualClock::new(), ScriptedExchange::new());
    let source = TokenSource::builder(HeaderScheme::new(name, ""), exchange.clone())
        .clock(clock.clone())
        .build();
    let layer = AuthLayer::new(source).with_origin(Origin::parse("https://api.example").unwrap());
    runtime.block_on(layer.source().token()).unwrap();
    World { runtime, clock, exchange, layer }
}

/// With four headers, whose values are static or already shared, and room for one more.
fn request(body: &Bytes) -> Request<Body> {
    let mut request = Request::new(Body::new(body.clone()));
    *request.uri_mut() = Uri::from_static("https://api.example/v1/things");
    request.headers_mut().reserve(8);
    for name in ["accept", "content-type", "user-agent", "x-request-id"] {
        let name = HeaderName::from_static(name); // otherwise its first clone allocates
        request.headers_mut().insert(name, HeaderValue::from_static("value"));
    }
    request
}

/// The allocations of a hundred calls in steady state, without those of making the requests.
fn a_hundred_calls(
    service: &mut impl Service<Request<Body>, Response = Response<Body>>,
) -> AllocationInfo {
    let body = Bytes::from_static(b"one body");
    a_hundred_calls_of(service, || request(&body))
}

fn a_hundred_calls_of(
    service: &mut impl Service<Request<Body>, Response = Response<Body>>,
    request: impl Fn() -> Request<Body>,
) -> AllocationInfo {
    let mut run = |requests: Vec<Request<Body>>| {
        measure(|| {
            for request in requests {
                let response = service.call(request).now_or_never().expect("at once");
                assert!(response.is_ok_and(|response| response.status() == 200));
            }
        })
    };
    run((0..10).map(|_| request()).collect());
    run((0..100).map(|_| request()).collect())
}

#[test]
fn a_request_with_a_usable_token_allocates_nothing() {
    let name = HeaderName::from_static("token");
    let made_at_run_time = HeaderName::from_bytes(b"x-made-at-run-time").unwrap();
    for name in [http::header::AUTHORIZATION, name, made_at_run_time] {
        let world = world(name);
        let service = world.layer.clone().with_replay(Off).layer(Api);
        let off = a_hundred_calls(&mut service.clone());
        assert_eq!(off.count_total, 0, "without a second sending");
        let mut cloning = service_fn(|request| service.clone().call(request));
        assert_eq!(a_hundred_calls(&mut cloning).count_total, 0, "with a clone for each request");
        let armed = a_hundred_calls(&mut world.layer.layer(Api));
        assert_eq!(armed.count_total, 0, "with a kept request");
    }
}

#[test]
fn a_response_that_is_not_inspected_or_has_no_body_allocates_nothing() {
    let body = Bytes::from_static(b"one body");
    for (status, text, allocates) in [(500, "text", false), (200, "", false), (200, "text", true)] {
        let inspect = InspectBodyLayer::new(move |response| response.status == status);
        let api = inspect.layer(service_fn(move |_: Request<Body>| {
            ready(Ok::<_, Infallible>(Response::new(Body::from(text))))
        }));
        let back = |response: Response<Peeked<Body>>| response.map(|_| Body::default());
        let mut service = world(http::header::AUTHORIZATION).layer.layer(api).map_response(back);
        let allocations = a_hundred_calls_of(&mut service, || request(&body)).count_total;
        assert_eq!(allocations > 0, allocates, "{status} {text}: {allocations}");
    }
}

#[test]
fn a_request_to_the_second_of_two_origins_allocates_nothing() {
    let source = TokenSource::fixed(HeaderScheme::bearer(), "token").unwrap();
    let [first, second] = ["https://login.example", "https://api.example"];
    let layer = AuthLayer::new(source)
        .with_origin(Origin::parse(first).unwrap())
        .with_origin(Origin::parse(second).unwrap());
    assert_eq!(a_hundred_calls(&mut layer.layer(Api)).count_total, 0);
}

/// With a `Host` header, as a reverse proxy forwards it, and with ten more headers.
#[test]
fn a_request_with_a_host_header_and_many_headers_allocates_nothing() {
    let world = world(http::header::AUTHORIZATION);
    let mut service = world.layer.layer(Api);
    let with_host = || {
        let mut request = request(&Bytes::new());
        request.headers_mut().insert(http::header::HOST, HeaderValue::from_static("api.example"));
        request
    };
    assert_eq!(a_hundred_calls_of(&mut service, with_host).count_total, 0);
    let with_many = || {
        let mut request = with_host();
        request.headers_mut().reserve(16);
        for name in ["x-0", "x-1", "x-2", "x-3", "x-4", "x-5", "x-6", "x-7", "x-8", "x-9"] {
            let name = HeaderName::from_static(name);
            request.headers_mut().insert(name, HeaderValue::from_static("value"));
        }
        request
    };
    assert_eq!(a_hundred_calls_of(&mut service, with_many).count_total, 0);
}

#[test]
fn a_request_in_the_refresh_ahead_window_allocates_nothing_while_the_endpoint_is_down() {
    let world = world(http::header::AUTHORIZATION);
    let down = ExchangeError::new(ExchangeErrorKind::Unreachable, "down");
    world.exchange.fail_next(1_000, down);
    world.clock.advance(Duration::from_secs(3_300));
    let mut service = world.layer.layer(Api);
    // The first request in the refresh-ahead window makes an attempt, which fails.
    world.runtime.block_on(async {
        service.call(request(&Bytes::new())).await.unwrap();
        world.layer.source().settled().await;
    });
    assert_eq!(world.exchange.exchanges(), 2);
    assert_eq!(a_hundred_calls(&mut service).count_total, 0);
    assert_eq!(world.exchange.exchanges(), 2);
}

/// `bytes` makes a value shared when it is first cloned. There is no other allocation.
#[test]
fn keeping_a_request_allocates_once_for_each_value_that_is_not_shared_yet() {
    let world = world(http::header::AUTHORIZATION);
    let unshared = || {
        let mut request = request(&Bytes::new());
        for value in request.headers_mut().values_mut() {
            *value = HeaderValue::from_bytes(b"made at run time").unwrap();
        }
        request
    };
    let mut off = world.layer.clone().with_replay(Off).layer(Api);
    assert_eq!(a_hundred_calls_of(&mut off, unshared).count_total, 0, "nothing is kept");
    let armed = a_hundred_calls_of(&mut world.layer.layer(Api), unshared);
    assert_eq!(armed.count_total, 100 * 4, "there are four values in a request");
}

/// `Adopt::WhenDue` reads no token before a renewal is due.
#[cfg(feature = "rotating")]
#[test]
fn a_token_in_a_response_costs_no_allocation_before_a_renewal_is_due() {
    use tower_outbound_auth::scheme::Adopt;
    use tower_outbound_auth::system::Rotating;

    let endpoint = service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::from("the-first-of-all-tokens")))
    });
    let scheme = Rotating::new("https://api.example", "key", "secret").unwrap();
    let scheme = scheme.danger_without_verification().adopt(Adopt::WhenDue);
    let layer = AuthLayer::new(TokenSource::over_http(scheme, endpoint))
        .with_origin(Origin::parse("https://api.example").unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(layer.source().token()).unwrap();
    let mut api = service_fn(|_: Request<Body>| {
        let mut response = Response::new(Body::default());
        let successor = HeaderValue::from_static("Bearer the-second");
        response.headers_mut().insert(http::header::AUTHORIZATION, successor);
        ready(Ok::<_, Infallible>(response))
    });
    let bare = a_hundred_calls(&mut api);
    let off = a_hundred_calls(&mut layer.clone().with_replay(Off).layer(api));
    assert_eq!(off.count_total, bare.count_total);
    assert_eq!(layer.source().status().counters.rotations_adopted, 0);
}

#[test]
fn failures_renewals_and_waiting_callers_leave_no_memory_behind() {
    let world = world(http::header::AUTHORIZATION);
    let round = || {
        let down = ExchangeError::new(ExchangeErrorKind::Unreachable, "down");
        world.exchange.fail_next(1, down);
        world.runtime.block_on(async {
            world.clock.advance(Duration::from_secs(3_600));
            let waits = (0..100).map(|_| world.layer.source().token());
            for wait in futures::future::join_all(waits).await {
                let kind = wait.unwrap_err().exchange().unwrap().kind();
                assert_eq!(kind, ExchangeErrorKind::Unreachable);
            }
            world.clock.advance(Duration::from_secs(60));
            world.layer.source().token().await.unwrap();
        });
    };
    for _ in 0..50 {
        round();
    }
    let grown = measure(|| {
        for _ in 0..200 {
            round();
        }
    });
    // The script's list of reasons grows by a byte per exchange, and sometimes doubles its
    // capacity.
    assert!(grown.bytes_current < 4 * 1024, "{} bytes after 200 rounds", grown.bytes_current);
}

/// 64 frames of 16 KiB, and a server that reads them all. It refuses the tokens that the test names.
fn upload_a_mebibyte(world: &World, refuse: bool, give_up: bool) {
    let frames = (0..64).map(|_| Ok::<_, Infallible>(Frame::data(Bytes::from(vec![7; 16 * 1024]))));
    let body = StreamBody::new(futures::stream::iter(frames));
    let first = &Cell::new(true);
    let api = service_fn(move |request: Request<ReplayBody<_>>| {
        let refused = first.replace(false) && refuse;
        async move {
            let read = request.into_body().collect().await.unwrap().to_bytes().len();
            assert_eq!(read, 1 << 20);
            if give_up {
                futures::future::pending::<()>().await; // while the whole body is kept
            }
            let status = if refused { 401 } else { 200 };
            Ok::<_, Infallible>(Response::builder().status(status).body(Body::default()).unwrap())
        }
    });
    let layer = world.layer.clone().with_replay(Wrap::new().with_cap(2 << 20));
    let request = Request::post("https://api.example/").body(body).unwrap();
    let call = layer.layer(api).oneshot(request);
    world.runtime.block_on(async {
        if give_up {
            assert!(call.now_or_never().is_none());
        } else {
            assert_eq!(call.await.unwrap().status(), 200);
        }
    });
}

#[test]
fn a_stream_leaves_no_memory_behind() {
    for (refuse, give_up) in [(false, false), (true, false), (false, true)] {
        let world = world(http::header::AUTHORIZATION);
        upload_a_mebibyte(&world, refuse, give_up); // buffers and the runtime's queues grow once
        let grown = measure(|| upload_a_mebibyte(&world, refuse, give_up));
        assert!(grown.bytes_max >= 1 << 20, "the body was kept");
        assert!(grown.bytes_current < 4 * 1024, "{} bytes are left", grown.bytes_current);
    }
}

/// The sizes are part of the promise: how much larger a service and a future are than the
/// inner ones.
#[test]
fn a_service_and_its_future_stay_small() {
    fn future_size<S: Service<Request<Body>>>(_: &S) -> usize {
        size_of::<S::Future>()
    }
    let world = world(http::header::AUTHORIZATION);
    let service = world.layer.layer(Api);
    assert!(size_of_val(&service) - size_of::<Api>() <= 80, "{}", size_of_val(&service));
    let off = world.layer.clone().with_replay(Off).layer(Api);
    let over = future_size(&off) - size_of::<<Api as Service<Request<Body>>>::Future>();
    assert!(over <= 40, "the future is {over} bytes larger than the inner one");
}

/// an instance with its token, without the runtime and the script.
#[test]
fn an_instance_takes_less_than_8_kilobytes_and_its_token() {
    let token = "t".repeat(4 * 1024);
    let mut kept = None;
    let taken = measure(|| {
        let source = TokenSource::fixed(HeaderScheme::bearer(), token.as_str()).unwrap();
        let origin = Origin::parse("https://api.example").unwrap();
        kept = Some(AuthLayer::new(source).with_origin(origin).layer(Api));
    });
    let allowed = 8 * 1024 + 2 * token.len() as i64; // the text, and the header's value
    assert!(taken.bytes_current <= allowed, "{} bytes", taken.bytes_current);
    drop(kept);
}

#[test]
fn callers_that_give_up_during_an_exchange_leave_no_memory_behind() {
    let world = world(http::header::AUTHORIZATION);
    let slow = world.exchange.clone().with_delay(Duration::from_secs(9), world.clock.clone());
    drop(slow);
    world.clock.advance(Duration::from_secs(3_600));
    let give_up = || {
        world.runtime.block_on(async {
            assert!(world.layer.source().token().now_or_never().is_none());
        });
    };
    (0..100).for_each(|_| give_up());
    let grown = measure(|| (0..10_000).for_each(|_| give_up()));
    assert!(grown.bytes_current < 4 * 1024, "{} bytes are left", grown.bytes_current);
    assert_eq!(
        world.layer.source().status().counters.exchanges(),
        2,
        "all callers waited for one exchange"
    );
}

/// Sends this many bodies to an API that has read them and does not answer. Reports the memory in use
/// meanwhile.
fn held_while_under_way<B: Replayable + http_body::Body>(
    bodies: usize,
    body: impl Fn() -> B,
) -> i64 {
    let world = world(http::header::AUTHORIZATION);
    let api = service_fn(|request: Request<B>| async {
        drop(request.into_body().collect().await);
        futures::future::pending::<Result<Response<Body>, Infallible>>().await
    });
    let service = world.layer.layer(api);
    let mut calls = Vec::with_capacity(bodies);
    let held = measure(|| {
        for _ in 0..bodies {
            let request = Request::post("https://api.example/").body(body()).unwrap();
            let mut call = Box::pin(service.clone().oneshot(request));
            assert!((&mut call).now_or_never().is_none());
            calls.push(call);
        }
    });
    let again = measure(|| calls.clear());
    assert!(held.bytes_current + again.bytes_current < 16 * 1024, "the memory is freed");
    held.bytes_current
}

/// Promise 19: the memory for copies of bodies is bounded, whatever is sent.
#[test]
fn copies_of_texts_use_at_most_64_mebibytes() {
    let held = held_while_under_way(200, || "x".repeat(1 << 20));
    assert!(held >= 64 << 20, "the texts are copied: {held}");
    assert!(held < (64 << 20) + 200 * 4 * 1024, "{held}");
}

/// Promise 19: a reference to a small slice would keep the whole buffer.
#[test]
fn small_slices_of_large_buffers_do_not_keep_the_buffers() {
    let boxed = || {
        let frames = (0..16)
            .map(|_| Ok::<_, BoxError>(Frame::data(Bytes::from(vec![7; 1 << 20]).slice(..1))));
        UnsyncBoxBody::new(StreamBody::new(futures::stream::iter(frames)))
    };
    let held = held_while_under_way(16, boxed);
    assert!(held < 16 * 8 * 1024, "{held}");
}
