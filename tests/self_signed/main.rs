//! Tokens and assertions that are signed here, from end to end: real sockets, a server that verifies what it gets, and a
//! clock that moves only when a test moves it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // the helpers are tests as well

mod github;
mod google;
mod hostile;
#[allow(dead_code)] // a part of it is for the tests of logins
#[path = "../login/imitation.rs"]
mod imitation;
mod keys;
mod tokens;
mod users;
#[path = "../support/vectors.rs"]
mod vectors;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::scheme::Presentation;
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{Auth, AuthLayer, BoxError, Error, Origin, TokenSource};

use self::imitation::Imitation;

type Http = Client<HttpConnector, Full<Bytes>>;

const MINUTE: Duration = Duration::from_secs(60);

/// A client with the layer, for the API of an imitation.
struct Caller<P> {
    url: String,
    source: TokenSource<P>,
    api: Auth<Http>,
}

impl<P: Presentation> Caller<P> {
    fn new(layer: AuthLayer<P>, server: &Imitation, clock: &ManualClock) -> Caller<P> {
        let layer = layer
            .with_origin(Origin::parse(&server.root).unwrap())
            .rebuild_source(|source| source.clock(clock.clone()));
        let http = Client::builder(TokioExecutor::new()).build_http();
        let url = format!("{}/documents", server.root);
        Caller { url, source: layer.source().clone(), api: layer.layer(http) }
    }

    async fn response(&self) -> Result<Response<Incoming>, BoxError> {
        let request = Request::get(&self.url).body(Full::default()).unwrap();
        self.api.clone().oneshot(request).await
    }

    async fn send(&self) -> Result<u16, BoxError> {
        Ok(self.response().await?.status().as_u16())
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

    /// The error of a request for which there is no token.
    async fn error(&self) -> Error {
        *self.send().await.unwrap_err().downcast::<Error>().unwrap()
    }

    fn exchanges(&self) -> u64 {
        self.source.status().counters.exchanges()
    }
}

/// The whole seconds since the epoch.
fn secs(clock: &ManualClock) -> u64 {
    clock.now().since_epoch().as_secs()
}

/// The value of a `Date` header.
fn date(clock: &ManualClock) -> String {
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + clock.now().since_epoch())
}
