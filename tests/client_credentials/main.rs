//! OAuth 2.0 client credentials, requirement by requirement. The numbers name requirements of the
//! RFCs: 6749-4 is the fourth of RFC 6749.
//!
//! Requirements that other files test, too or only there:
//!
//! | row | where |
//! |---|---|
//! | 6749-13, the certificate is checked | `tests/tls.rs`: `a_stranger_s_certificate_and_a_wrong_name_are_refused_…` |
//! | 6750-4, 9110-3 | `promises::p13_bound_to_origins`: Host headers, user information, redirects above and below |
//! | 9110-1 | `scheme::challenge`: `the_challenges_of_real_servers_are_read` |
//! | 9110-2 | `promises::p08_at_most_one_replay`: stacked layers, replay switched off, long bodies |
//! | 6749-12 | `promises::p20_one_refresh_token_is_spent_once`: any number of callers, lost answers |
//! | 7519-1, 9068-1 | `promises::p11_two_clocks`: wrong clocks, `exp` beside `expires_in` |
//!
//! Requirements that do not concern a client with this grant, or this crate:
//!
//! | row | why |
//! |---|---|
//! | 7521, 7523, 8693, 8705, 9449, 9700-2, oauth21-6 | other ways to authenticate, and bound tokens: not built |
//! | 8414, 9700-4 | metadata: the endpoint is given |
//! | 8707 | `resource` is sent, kept on refresh, and part of the identity: `rfc9700_3_…`, `refresh` |
//! | 8725 | nothing is verified with this grant; for rotated tokens, `promises::p17_newest_wins` |
//! | 7519-3 | the API checks `nbf`, by its own clock: see `rfc7519_3_…` |
//! | 7617, no colon in a raw id | sent as it is: some servers accept it, and the others refuse |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod answers;
mod api;
mod exchange;
mod extra;
mod life;
#[path = "../support/log.rs"]
mod log;
mod pauses;
mod refresh;
mod scope;
mod secrets;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::ClientCredentials;
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{AuthLayer, BoxError, Error, Origin, Scheme, TokenSource};

type Body = Full<Bytes>;

const API: &str = "https://api.example";
const ENDPOINT: &str = "https://auth.example/realms/main/token?tenant=7";
const SUCCESS: &str = r#"{"access_token":"abc","token_type":"Bearer","expires_in":3600}"#;

/// A request to the token endpoint, as it was received.
#[derive(Clone, Debug)]
struct Asked {
    method: Method,
    uri: String,
    content_type: String,
    authorization: Option<String>,
    body: String,
}

impl Asked {
    fn basic(&self) -> String {
        let encoded = self.authorization.as_ref().unwrap().strip_prefix("Basic ").unwrap();
        String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
    }
}

/// A token endpoint that answers as the test wants, and records its requests.
#[derive(Clone)]
struct Server {
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<dyn Fn(&Asked) -> Response<Body> + Send + Sync>,
    latency: Duration,
}

impl Server {
    fn new(answer: impl Fn(&Asked) -> Response<Body> + Send + Sync + 'static) -> Server {
        Server { asked: Arc::default(), answer: Arc::new(answer), latency: Duration::ZERO }
    }

    fn with(status: u16, body: impl Into<Bytes>) -> Server {
        let body = body.into();
        Server::new(move |_| answer(status, body.clone()))
    }

    /// It issues `t-1`, `t-2` and so on, each for an hour.
    fn issuing() -> Server {
        let issued = AtomicUsize::new(0);
        Server::new(move |_| {
            let n = issued.fetch_add(1, Ordering::Relaxed) + 1;
            answer(200, format!(r#"{{"access_token":"t-{n}","expires_in":3600}}"#))
        })
    }

    fn with_latency(self, latency: Duration) -> Server {
        Server { latency, ..self }
    }

    fn source<S: Scheme>(&self, scheme: S) -> TokenSource<S> {
        let server = self.clone();
        let client = service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await?.to_bytes().to_vec();
                let text = |name| head.headers.get(name).map(|it| it.to_str().unwrap().to_owned());
                let asked = Asked {
                    method: head.method.clone(),
                    uri: head.uri.to_string(),
                    content_type: text(CONTENT_TYPE).unwrap_or_default(),
                    authorization: text(AUTHORIZATION),
                    body: String::from_utf8(body)?,
                };
                server.asked.lock().unwrap().push(asked.clone());
                if !server.latency.is_zero() {
                    tokio::time::sleep(server.latency).await;
                }
                Ok::<_, BoxError>((server.answer)(&asked))
            }
        });
        TokenSource::builder_over_http(scheme, client).clock(TokioClock::new()).build()
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// An API that answers as the test wants, and records its requests.
#[derive(Clone)]
struct Api {
    seen: Arc<Mutex<Vec<Request<Bytes>>>>,
    answer: Arc<dyn Fn(&Request<Bytes>) -> Response<Body> + Send + Sync>,
}

impl Api {
    fn new(answer: impl Fn(&Request<Bytes>) -> Response<Body> + Send + Sync + 'static) -> Api {
        Api { seen: Arc::default(), answer: Arc::new(answer) }
    }

    /// An API that accepts this token, and answers that all others are invalid.
    fn taking(token: &'static str) -> Api {
        Api::new(move |request| {
            if credential(request) == Some(token) {
                return Response::new(Body::new(request.body().clone()));
            }
            let mut refusal = answer(401, "no");
            let challenge = HeaderValue::from_static(r#"Bearer error="invalid_token""#);
            refusal.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            refusal
        })
    }

    /// A call with a credential of `source`.
    async fn call(
        &self,
        source: &TokenSource<ClientCredentials>,
        request: Request<Body>,
    ) -> Result<Response<Body>, BoxError> {
        bound(source).layer(self.clone()).oneshot(request).await
    }

    fn seen(&self) -> Vec<Request<Bytes>> {
        self.seen.lock().unwrap().clone()
    }

    /// The tokens of all requests, in order.
    fn tokens(&self) -> Vec<String> {
        let token = |request: &Request<Bytes>| credential(request).unwrap_or("none").to_owned();
        self.seen.lock().unwrap().iter().map(token).collect()
    }
}

impl Service<Request<Body>> for Api {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let api = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let request = Request::from_parts(head, body.collect().await?.to_bytes());
            api.seen.lock().unwrap().push(request.clone());
            Ok((api.answer)(&request))
        })
    }
}

fn credential(request: &Request<Bytes>) -> Option<&str> {
    request.headers().get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn bound(source: &TokenSource<ClientCredentials>) -> AuthLayer<ClientCredentials> {
    AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap())
}

fn get(path: &str) -> Request<Body> {
    Request::get(format!("{API}{path}")).body(Body::default()).unwrap()
}

fn post(path: &str, body: &'static str) -> Request<Body> {
    Request::post(format!("{API}{path}")).body(Body::from(body)).unwrap()
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn answer(status: u16, body: impl Into<Bytes>) -> Response<Body> {
    Response::builder().status(status).body(Body::new(body.into())).unwrap()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn scheme(id: &str, secret: &str) -> ClientCredentials {
    ClientCredentials::new(ENDPOINT, id, secret).unwrap()
}

fn kind(error: &Error) -> ExchangeErrorKind {
    error.exchange().unwrap().kind()
}
