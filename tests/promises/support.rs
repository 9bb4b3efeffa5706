//! An API in memory, and a source with scripted tokens on tokio's paused clock.

use std::collections::HashSet;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::{Service, ServiceExt};
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ScriptedExchange, TokioClock};
use tower_outbound_auth::{AuthLayer, BoxError, Error, Origin, TokenSource};

pub(crate) type Body = Full<Bytes>;

pub(crate) const API: &str = "https://api.example";
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A source, its layer, its scripted exchange and an API.
pub(crate) struct World {
    pub(crate) clock: TokioClock,
    pub(crate) exchange: ScriptedExchange,
    pub(crate) source: TokenSource<HeaderScheme>,
    pub(crate) layer: AuthLayer<HeaderScheme>,
    pub(crate) api: Api,
}

/// A world whose exchanges take no time.
pub(crate) fn world() -> World {
    world_with_delay(Duration::ZERO)
}

/// A world whose exchanges take `delay`.
pub(crate) fn world_with_delay(delay: Duration) -> World {
    let clock = TokioClock::new();
    let exchange = ScriptedExchange::new().with_delay(delay, clock.clone());
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange.clone()).clock(clock.clone()).build();
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
    World { clock, exchange, source, layer, api: Api::default() }
}

pub(crate) fn unavailable() -> ExchangeError {
    ExchangeError::new(ExchangeErrorKind::Unavailable, "scripted outage")
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(format!("{API}{path}")).body(Body::default()).unwrap()
}

pub(crate) fn post(path: &str, body: &'static str) -> Request<Body> {
    Request::post(format!("{API}{path}")).body(Body::from(body)).unwrap()
}

/// Calls a clone of a service once it is ready.
pub(crate) fn send<T, B>(service: &T, request: Request<B>) -> tower::util::Oneshot<T, Request<B>>
where
    T: Service<Request<B>> + Clone,
{
    service.clone().oneshot(request)
}

/// Tokio's paused clock. Only timers move it.
pub(crate) fn now() -> tokio::time::Instant {
    #[allow(clippy::disallowed_methods)]
    // the ban is for the crate: tests measure with tokio's clock
    tokio::time::Instant::now()
}

/// The kind of the failed exchange that left this caller without a token.
pub(crate) fn exchange_kind(error: &Error) -> ExchangeErrorKind {
    error.exchange().unwrap_or_else(|| panic!("no failed exchange: {error}")).kind()
}

/// The crate's own error in a boxed one.
pub(crate) fn ours(error: &BoxError) -> &Error {
    error.downcast_ref().expect("an error of the crate's own")
}

pub(crate) async fn text<RB>(response: Response<RB>) -> String
where
    RB: http_body::Body,
    RB::Error: std::fmt::Debug,
{
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A request as the API saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn token(&self) -> Option<&str> {
        self.headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
    }
}

/// An API that answers in memory: 401 for revoked tokens, for requests without one, and on paths that
/// refuse everything; else 200.
#[derive(Clone, Default)]
pub(crate) struct Api(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    revoked: HashSet<String>,
    refusing: HashSet<String>,
    failing: Option<(String, u16)>,
    failing_once: Option<(String, u16)>,
    one_in: Option<usize>,
    status: Option<StatusCode>,
    delay: Duration,
}

impl Api {
    pub(crate) fn revoke(&self, token: &str) {
        self.0.lock().unwrap().revoked.insert(token.to_owned());
    }

    /// All requests to this path get 401.
    pub(crate) fn refuse_path(&self, path: &str) {
        self.0.lock().unwrap().refusing.insert(path.to_owned());
    }

    /// All requests to this path get this status, whatever their token.
    pub(crate) fn fail_path(&self, path: &str, status: u16) {
        self.0.lock().unwrap().failing = Some((path.to_owned(), status));
    }

    /// The next request to this path gets this status.
    pub(crate) fn fail_once(&self, path: &str, status: u16) {
        self.0.lock().unwrap().failing_once = Some((path.to_owned(), status));
    }

    /// One request in `n` gets 401, whatever its token: a bad server behind a balancer.
    pub(crate) fn refuse_one_in(&self, n: usize) {
        self.0.lock().unwrap().one_in = Some(n);
    }

    /// All requests get this status.
    pub(crate) fn answer(&self, status: StatusCode) {
        self.0.lock().unwrap().status = Some(status);
    }

    /// Every answer takes this long. Whether it is a refusal is decided at its end.
    pub(crate) fn delay(&self, delay: Duration) {
        self.0.lock().unwrap().delay = delay;
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().seen.clone()
    }

    pub(crate) fn requests(&self) -> usize {
        self.0.lock().unwrap().seen.len()
    }

    /// The tokens of all requests, in order.
    pub(crate) fn tokens(&self) -> Vec<String> {
        let token = |seen: &Seen| seen.token().unwrap_or("none").to_owned();
        self.0.lock().unwrap().seen.iter().map(token).collect()
    }

    async fn serve(self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let path = head.uri.path().to_owned();
        let seen =
            Seen { method: head.method, uri: head.uri.to_string(), headers: head.headers, body };
        let token = seen.token().map(str::to_owned);
        let delay = {
            let mut state = self.0.lock().unwrap();
            state.seen.push(seen.clone());
            state.delay
        };
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let mut state = self.0.lock().unwrap();
        let once = state.failing_once.take_if(|(failing, _)| *failing == path);
        let refused = token.is_none_or(|token| state.revoked.contains(&token))
            || state.refusing.contains(&path)
            || state.one_in.is_some_and(|n| state.seen.len().is_multiple_of(n));
        let failing = state.failing.as_ref().filter(|(failing, _)| *failing == path);
        let failing = once.as_ref().or(failing);
        let failing = failing.map(|(_, status)| StatusCode::from_u16(*status).unwrap());
        let status = match state.status.or(failing) {
            Some(status) => status,
            None if refused => StatusCode::UNAUTHORIZED,
            None => StatusCode::OK,
        };
        let body = if refused { Bytes::from_static(b"no") } else { seen.body };
        Response::builder().status(status).body(Body::new(body)).unwrap()
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
        Box::pin(async move { Ok(api.serve(request).await) })
    }
}
