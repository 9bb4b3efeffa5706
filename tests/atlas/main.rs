//! The Atlas preset from end to end: real sockets on both sides of the layer, and one clock for the
//! layer and the server, which moves only when a test moves it.
#![allow(clippy::unwrap_used, clippy::panic)] // the helpers are tests as well

mod corrected_secret;
mod failure;
mod leaks;
#[path = "../support/log.rs"]
mod log;
#[path = "../support/polls.rs"]
mod polls;
mod recovery;
mod refresh;
mod server;
#[path = "../support/until.rs"]
mod until;
mod wire;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::exchange::ExchangeError;
use tower_outbound_auth::system::Atlas;
use tower_outbound_auth::testkit::{AtlasServer, ManualClock};
use tower_outbound_auth::{Auth, AuthLayer, BoxError, Error, TokenSource};

use self::until::until;

type Http = Client<HttpConnector, Full<Bytes>>;

/// A server, and a client of it.
#[derive(Clone)]
struct Setup {
    clock: ManualClock,
    server: AtlasServer,
    source: TokenSource<Atlas>,
    api: Auth<Http>,
}

impl Setup {
    async fn new() -> Setup {
        let clock = ManualClock::new();
        let server = AtlasServer::start().await.unwrap().with_clock(clock.clone());
        let layer = layer(&server).rebuild_source(|source| source.clock(clock.clone()));
        let (source, api) = (layer.source().clone(), layer.layer(http()));
        Setup { clock, server, source, api }
    }

    async fn get(&self, path: &str) -> Result<Response<Bytes>, BoxError> {
        self.send(Request::get(self.server.url(path)).body(Full::default()).unwrap()).await
    }

    async fn post(&self, path: &str, body: impl Into<Bytes>) -> Result<Response<Bytes>, BoxError> {
        let body = Full::new(body.into());
        self.send(Request::post(self.server.url(path)).body(body).unwrap()).await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, BoxError> {
        // In real time: with a clock that does not move, a bug would wait for ever.
        let response = timeout(secs(20), self.api.clone().oneshot(request)).await;
        let (head, body) = response??.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    /// The error of a request for which there is no token.
    async fn no_token(&self) -> (Error, ExchangeError) {
        let error = *self.get("/documents").await.unwrap_err().downcast::<Error>().unwrap();
        let exchange = error.exchange().unwrap().clone();
        (error, exchange)
    }

    fn exchanges(&self) -> usize {
        self.server.counts().exchanges
    }
}

fn layer(server: &AtlasServer) -> AuthLayer<Atlas> {
    AuthLayer::atlas(server.endpoint(), server.client_id(), server.client_secret()).unwrap()
}

fn http() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
