//! What a request pays while its token is usable, beside the floor in the same run.
//!
//! `cargo bench --features test-util --bench hot_path`, then compare the rows: absolute times are those
//! of one machine on one day. `fixed_token` is tower-http's layer that sends one prebuilt value and can
//! renew nothing; `full` is this crate without a replay; the difference to `replay_armed` is what keeping
//! the request for a possible replay costs.
#![allow(clippy::unwrap_used, missing_docs)]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use divan::{Bencher, black_box};
use futures::FutureExt;
use http::{HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::Full;
use tower::{Layer, Service};
use tower_http::auth::AddAuthorizationLayer;
use tower_outbound_auth::replay::Off;
use tower_outbound_auth::scheme::HeaderScheme;
use tower_outbound_auth::{AuthLayer, Origin, TokenSource};

fn main() {
    divan::main();
}

type Body = Full<Bytes>;

#[derive(Clone)]
struct Api;

impl Service<Request<Body>> for Api {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        black_box(request);
        ready(Ok(Response::new(Body::default())))
    }
}

fn request() -> Request<Body> {
    let mut request = Request::new(Body::from(Bytes::from_static(b"body")));
    *request.uri_mut() = Uri::from_static("https://api.example/v1/things");
    request.headers_mut().reserve(8);
    for name in ["accept", "content-type", "user-agent", "x-request-id"] {
        let name = HeaderName::from_static(name);
        request.headers_mut().insert(name, HeaderValue::from_static("value"));
    }
    request
}

fn token() -> String {
    "t".repeat(1024)
}

fn layer() -> AuthLayer<HeaderScheme> {
    let source = TokenSource::fixed(HeaderScheme::bearer(), token()).unwrap();
    AuthLayer::new(source).with_origin(Origin::parse("https://api.example").unwrap())
}

fn measure<S: Service<Request<Body>>>(bencher: Bencher<'_, '_>, mut service: S) {
    bencher
        .with_inputs(request)
        .bench_local_values(|request| service.call(request).now_or_never().map(|r| r.is_ok()));
}

#[divan::bench]
fn bare(bencher: Bencher<'_, '_>) {
    measure(bencher, Api);
}

#[divan::bench]
fn fixed_token(bencher: Bencher<'_, '_>) {
    measure(bencher, AddAuthorizationLayer::bearer(&token()).layer(Api));
}

#[divan::bench]
fn full(bencher: Bencher<'_, '_>) {
    measure(bencher, layer().with_replay(Off).layer(Api));
}

#[divan::bench]
fn replay_armed(bencher: Bencher<'_, '_>) {
    measure(bencher, layer().layer(Api));
}
