//! The scheme of an API that rotates its token, from end to end: real sockets on both sides of the
//! layer, and one clock for the layer and the server, which moves only when a test moves it.
#![allow(clippy::unwrap_used, clippy::panic)] // the helpers are tests as well

mod grace;
mod leaks;
#[path = "../support/log.rs"]
mod log;
mod recovery;
mod rotation;
mod successors;
#[path = "../support/until.rs"]
mod until;
mod verification;
mod wire;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::time::timeout;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::exchange::ExchangeError;
use tower_outbound_auth::system::Rotating;
use tower_outbound_auth::testkit::{MalformedAnswer, ManualClock, ReceivedRequest, RotatingServer};
use tower_outbound_auth::token::Counters;
use tower_outbound_auth::{Auth, AuthLayer, BoxError, Error, TokenSource};

use self::until::until;

type Http = Client<HttpConnector, Full<Bytes>>;

/// A server, and a client of it.
#[derive(Clone)]
struct Setup {
    clock: ManualClock,
    server: RotatingServer,
    source: TokenSource<Rotating>,
    api: Auth<Http>,
}

impl Setup {
    async fn new() -> Setup {
        let server = RotatingServer::start().await.unwrap();
        let (key, secret) = (server.client_id(), server.client_secret());
        let layer = AuthLayer::rotating(&server.api_root(), key, secret).unwrap();
        Setup::of(server, layer)
    }

    /// With options.
    async fn with(options: impl FnOnce(Rotating) -> Rotating) -> Setup {
        let server = RotatingServer::start().await.unwrap();
        let scheme = Rotating::new(&server.api_root(), server.client_id(), server.client_secret());
        Setup::of(server, layer(options(scheme.unwrap())))
    }

    fn of(server: RotatingServer, layer: AuthLayer<Rotating>) -> Setup {
        let clock = ManualClock::new();
        let (server, layer) = (
            server.with_clock(clock.clone()),
            layer.rebuild_source(|source| source.clock(clock.clone())),
        );
        let (source, api) = (layer.source().clone(), layer.layer(http()));
        Setup { clock, server, source, api }
    }

    /// The layer of its client, in front of another service.
    fn layer(&self) -> AuthLayer<Rotating> {
        AuthLayer::new(self.source.clone()).with_origin(self.server.origin())
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

    /// A request that the API accepts.
    async fn good(&self) {
        assert_eq!(self.get("/orders").await.unwrap().status(), StatusCode::OK);
    }

    /// The error of a request that gets no token.
    async fn no_token(&self) -> (Error, ExchangeError) {
        let error = *self.get("/orders").await.unwrap_err().downcast::<Error>().unwrap();
        let exchange = error.exchange().unwrap().clone();
        (error, exchange)
    }

    fn exchanges(&self) -> usize {
        self.server.counts().exchanges
    }

    fn counters(&self) -> Counters {
        self.source.status().counters
    }

    /// The claims of a token that this server might issue now.
    fn claims(&self) -> Value {
        let iat = self.clock.now().since_epoch().as_secs();
        json!({"iss": self.server.url(""), "sub": self.server.client_id(), "aud": "api",
               "iat": iat, "exp": iat + 3_600})
    }

    fn sign(&self, claims: &Value) -> String {
        self.server.sign(&claims.to_string())
    }

    /// From now on exchanges get this answer, with status 200.
    fn answer_exchanges(&self, body: impl Into<Bytes>) {
        self.server.set_malformed(Some(MalformedAnswer::Custom(StatusCode::OK, body.into())));
    }
}

fn layer(scheme: Rotating) -> AuthLayer<Rotating> {
    let endpoint = scheme.endpoint().clone();
    let layer = AuthLayer::for_endpoint(scheme, &endpoint).unwrap();
    layer.with_origin(endpoint.origin().clone())
}

fn http() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

/// A JWT with this header, and a signature without a key.
fn unsigned(header: &str, claims: &Value) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", part(header), part(&claims.to_string()), part("signature"))
}

/// The token that a request to the API carried.
fn token_of(request: &ReceivedRequest) -> &str {
    let value = request.headers[AUTHORIZATION].to_str().unwrap();
    value.strip_prefix("Bearer ").unwrap()
}

/// The number of that token. The server numbers its tokens.
fn number_of(request: &ReceivedRequest) -> u64 {
    let claims = token_of(request).split('.').nth(1).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["jti"].as_str().unwrap().parse().unwrap()
}

/// The texts of an error, as a program may print it.
fn all_texts(error: &Error) -> String {
    let mut texts = format!("{error:?} {error:#?}");
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        texts += &format!(" {error} {error:?}");
        next = error.source();
    }
    texts
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
