//! The identity that a cloud gives to a machine, against imitations of the clouds' servers on loopback. A clock moves only when a
//! test moves it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // the helpers are tests as well

mod app_service;
mod azure;
mod endpoint;
mod files;
mod google;
mod google_life;
#[allow(dead_code)] // a part of it is for the tests of logins
#[path = "../login/imitation.rs"]
mod imitation;
mod paced;
mod proxies;
mod wire;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::endpoint::{HttpClient, Scheme};
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::scheme::Presentation;
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{Auth, AuthLayer, BoxError, Error, Origin, TokenSource};

use self::imitation::{Imitation, Received, response};

type Http = Client<HttpConnector, Full<Bytes>>;

/// A client with the layer, for the API of an imitation.
struct Caller<P> {
    url: String,
    source: TokenSource<P>,
    api: Auth<Http>,
}

impl<S: Scheme> Caller<S> {
    /// The built-in client sends the requests to the cloud's server.
    fn new(scheme: S, server: &Imitation, clock: &ManualClock) -> Caller<S> {
        let source = TokenSource::builder_over_http(scheme, HttpClient::plain().unwrap());
        Caller::over(source.clock(clock.clone()).build(), server)
    }
}

impl<P: Presentation> Caller<P> {
    fn over(source: TokenSource<P>, server: &Imitation) -> Caller<P> {
        let layer =
            AuthLayer::new(source.clone()).with_origin(Origin::parse(&server.root).unwrap());
        let http = Client::builder(TokioExecutor::new()).build_http();
        Caller { url: format!("{}/documents", server.root), source, api: layer.layer(http) }
    }

    async fn send(&self) -> Result<u16, BoxError> {
        let request = Request::get(&self.url).body(Full::default()).unwrap();
        let response = self.api.clone().oneshot(request).await?;
        Ok(Response::status(&response).as_u16())
    }

    /// The status of a request, after the renewal that it may have started.
    async fn status(&self) -> u16 {
        let status = self.send().await.unwrap();
        self.source.settled().await;
        status
    }

    /// The statuses of requests at the same time.
    async fn statuses(&self, requests: usize) -> Vec<u16> {
        let all = (0..requests).map(|_| async { self.send().await.unwrap() });
        futures::future::join_all(all).await
    }

    /// The kind and the text of the error of a request for which there is no token.
    async fn error(&self) -> (ExchangeErrorKind, String) {
        let error = *self.send().await.unwrap_err().downcast::<Error>().unwrap();
        (error.exchange().unwrap().kind(), error.to_string())
    }
}

/// The URI and the named header of the first request of a source, which goes nowhere.
async fn first_request(scheme: impl Scheme, header: &'static str) -> (Uri, String) {
    let seen = Arc::<Mutex<Option<(Uri, String)>>>::default();
    let kept = seen.clone();
    let client = tower::service_fn(move |request: Request<Full<Bytes>>| {
        let header = request.headers().get(header).map(|it| it.to_str().unwrap().to_owned());
        *kept.lock().unwrap() = Some((request.uri().clone(), header.unwrap_or_default()));
        async { Err::<Response<Full<Bytes>>, _>(std::io::Error::other("no network here")) }
    });
    let error = TokenSource::over_http(scheme, client).token().await.unwrap_err();
    let seen = seen.lock().unwrap().take();
    seen.unwrap_or_else(|| panic!("nothing was sent: {error}"))
}

/// The clouds' servers refuse a request that something has forwarded.
fn is_forwarded(request: &Received) -> bool {
    !request.header("x-forwarded-for").is_empty()
}

/// The API: it takes the tokens that begin with `token-`.
fn documents(request: &Received) -> Response<String> {
    let is_known = request.header("authorization").starts_with("Bearer token-");
    response(if is_known { 200 } else { 401 }, &[], "{}")
}
