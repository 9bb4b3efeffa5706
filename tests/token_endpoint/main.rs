//! Real answers of token endpoints, and what each one means to this crate.
//!
//! Users of servers, gateways and proxies have reported these rows. Names, ids and tokens are made up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod contradictions;
mod failures;
mod hints;
mod hour;
mod life;
#[path = "../support/log.rs"]
mod log;
mod pauses;
mod tokens;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use tower::service_fn;
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
use tower_outbound_auth::system::{Atlas, ClientCredentials};
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{BoxError, Error, Scheme, TokenSource};

const ENDPOINT: &str = "https://auth.example/token";
/// The first time of the wall clock in these tests.
const NEW_YEAR: u64 = 1_735_689_600;

/// One answer of a token endpoint.
#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

fn answer(status: u16, body: impl Into<Bytes>) -> Answer {
    Answer { status, headers: Vec::new(), body: body.into() }
}

fn ok(body: impl Into<Bytes>) -> Answer {
    answer(200, body)
}

impl Answer {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }

    fn json(self) -> Answer {
        self.with("content-type", "application/json")
    }

    fn response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(*name, value);
        }
        response.body(Full::new(self.body.clone())).unwrap()
    }
}

/// One request to the token endpoint, as it was received.
#[derive(Clone, Debug)]
struct Asked {
    path: String,
    headers: HeaderMap,
    body: String,
}

/// A token endpoint in memory. It keeps the requests that it got.
#[derive(Clone)]
struct Endpoint {
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<dyn Fn(usize, &Asked) -> Answer + Send + Sync>,
}

impl Endpoint {
    /// It answers request `n` (counted from 1) with `answer(n, request)`.
    fn new(answer: impl Fn(usize, &Asked) -> Answer + Send + Sync + 'static) -> Endpoint {
        Endpoint { asked: Arc::default(), answer: Arc::new(answer) }
    }

    fn always(answer: Answer) -> Endpoint {
        Endpoint::new(move |_, _| answer.clone())
    }

    fn source<S: Scheme>(&self, scheme: S) -> TokenSource<S> {
        let endpoint = self.clone();
        let client = service_fn(move |request: Request<Full<Bytes>>| {
            let endpoint = endpoint.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = String::from_utf8(body.collect().await?.to_bytes().to_vec())?;
                let path = head.uri.path().to_owned();
                let asked = Asked { path, headers: head.headers, body };
                let number = {
                    let mut all = endpoint.asked.lock().unwrap();
                    all.push(asked.clone());
                    all.len()
                };
                Ok::<_, BoxError>((endpoint.answer)(number, &asked).response())
            }
        });
        TokenSource::builder_over_http(scheme, client).clock(TokioClock::new()).build()
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn scheme() -> ClientCredentials {
    ClientCredentials::new(ENDPOINT, "reports", "s3cret").unwrap()
}

fn atlas() -> Atlas {
    Atlas::new(ENDPOINT, "reports", "s3cret").unwrap()
}

#[cfg(feature = "rotating")]
fn rotating() -> tower_outbound_auth::system::Rotating {
    tower_outbound_auth::system::Rotating::new("https://auth.example", "reports", "s3cret").unwrap()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The header value of the token in this answer, for this scheme, or the failure.
async fn value_of(scheme: impl Scheme, answer: &Answer) -> Result<String, ExchangeError> {
    let token = Endpoint::always(answer.clone()).source(scheme).token().await;
    let value = |it: tower_outbound_auth::token::AccessToken| {
        it.header_value().to_str().unwrap().to_owned()
    };
    token.map(value).map_err(|error| failure(&error))
}

fn failure(error: &Error) -> ExchangeError {
    error.exchange().expect("a failed exchange").clone()
}

/// Asks once a second until there is a token. Returns the number of seconds.
async fn seconds_until_a_token<S: Scheme>(source: &TokenSource<S>) -> u64 {
    let mut seconds = 0;
    while source.token().await.is_err() {
        tokio::time::sleep(secs(1)).await;
        seconds += 1;
        assert!(seconds < 4_000, "no token within an hour");
    }
    seconds
}

/// How many exchanges an hour costs if a caller asks each second.
async fn asked_in_an_hour<S: Scheme>(endpoint: &Endpoint, scheme: S) -> usize {
    let source = endpoint.source(scheme);
    for _ in 0..3_600 {
        let _ = source.token().await;
        tokio::time::sleep(secs(1)).await;
    }
    endpoint.count()
}

const TOKEN: &str = r#"{"access_token":"abc","token_type":"Bearer","expires_in":3600}"#;

fn kind(error: &ExchangeError) -> ExchangeErrorKind {
    error.kind()
}
