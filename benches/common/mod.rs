//! Shared by all benches: the same request goes through the same inner service under different layers.
//!
//! | row | what it is |
//! |---|---|
//! | `bare` | the inner service alone; every figure is the cost above it |
//! | `c1` | tower-http's layer that sends one prebuilt value, and can renew nothing |
//! | `c2` | the same, with a future that reads the status: the least cost of seeing a 401 |
//! | `c3` | `tower::retry` with a policy that clones the request: the usual price of being able to retry |
//! | `checks` | the checks of this crate's hot path, written by hand; it can wait for nothing and renew nothing |
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub(crate) mod by_hand;
pub(crate) mod callgrind;
pub(crate) mod cpu_time;
pub(crate) mod floor;
pub(crate) mod floor_with_checks;
pub(crate) mod goals;
pub(crate) mod loopback;
pub(crate) mod ours;
pub(crate) mod rotating;
pub(crate) mod rounds;

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderName, HeaderValue, Request, Response, Uri, Version};
use http_body_util::Full;
use http_body_util::combinators::UnsyncBoxBody;
use tower::Service;

pub(crate) type Body = Full<Bytes>;

/// The inner service. It takes the request and answers at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Api;

impl Service<Request<Body>> for Api {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline(never)]
    fn call(&mut self, request: Request<Body>) -> Self::Future {
        drop(std::hint::black_box(request));
        ready(Ok(Response::new(Body::default())))
    }
}

/// Four headers, static or already shared, and room for one more. The map's memory stays below 1 KiB: above
/// that, the allocator's cost depends on the rest of the heap (up to 270 instructions).
pub(crate) fn request() -> Request<Body> {
    let mut request = Request::new(Body::from(Bytes::from_static(b"body")));
    *request.uri_mut() = Uri::from_static("https://api.example/v1/things");
    request.headers_mut().reserve(6);
    for name in ["accept", "content-type", "user-agent", "x-request-id"] {
        let name = HeaderName::from_static(name);
        request.headers_mut().insert(name, HeaderValue::from_static("value"));
    }
    request
}

/// The same with the `Host` header, as a reverse proxy forwards it.
pub(crate) fn request_with_host() -> Request<Body> {
    let mut request = request();
    request.headers_mut().insert(HOST, HeaderValue::from_static("api.example"));
    request
}

/// The same with ten headers.
pub(crate) fn request_with_ten() -> Request<Body> {
    let mut request = request();
    request.headers_mut().reserve(8);
    for name in ["x-1", "x-2", "x-3", "x-4", "x-5", "x-6"] {
        let name = HeaderName::from_static(name);
        request.headers_mut().insert(name, HeaderValue::from_static("value"));
    }
    request
}

/// The same as hyper receives it over HTTP/2: the authority is in the URI, and there is no `Host`.
pub(crate) fn request_of_http2() -> Request<Body> {
    let mut request = request();
    *request.version_mut() = Version::HTTP_2;
    request
}

/// The same as tonic makes it: only the channel knows the authority.
pub(crate) fn request_without_authority() -> Request<Body> {
    let mut request = request_of_http2();
    *request.uri_mut() = Uri::from_static("/v1.Things/Get");
    request
}

pub(crate) type BoxedBody = UnsyncBoxBody<Bytes, Infallible>;

/// The same with a boxed body.
pub(crate) fn request_with_boxed_body() -> Request<BoxedBody> {
    request().map(UnsyncBoxBody::new)
}

/// The inner service for such requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unboxing;

impl Service<Request<BoxedBody>> for Unboxing {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline(never)]
    fn call(&mut self, request: Request<BoxedBody>) -> Self::Future {
        drop(std::hint::black_box(request));
        ready(Ok(Response::new(Body::default())))
    }
}

/// One request through `service`, which answers at once.
pub(crate) fn once<S: Service<Request<B>>, B>(service: &mut S, request: Request<B>) {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    let answered = pin!(service.call(request)).poll(&mut cx);
    assert!(matches!(answered, Poll::Ready(Ok(_))));
}

/// 1 KiB, a usual length of JWTs.
pub(crate) fn token() -> String {
    "t".repeat(1024)
}
