//! An authorization server and an API in memory. They act half-way through a request: a later drop of the request
//! does not undo this.

use std::convert::Infallible;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use tower::limit::ConcurrencyLimit;
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::exchange::{Exchange, ExchangeContext, ExchangeError, Issued};
use tower_outbound_auth::scheme::{InvalidToken, Presentation, Rotation};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::token::{Event, Observer};
use tower_outbound_auth::{Auth, AuthLayer, Origin, Secret, TokenSource};

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
const API: &str = "https://api.example";
/// An exchange takes this time twice.
const HALF_AN_EXCHANGE: Duration = Duration::from_millis(25);
/// A request takes this time twice.
const HALF_A_REQUEST: Duration = Duration::from_millis(5);

/// Opaque tokens. Responses may bring new ones.
pub(crate) struct Opaque(HeaderScheme, Option<Rotation>);

impl Presentation for Opaque {
    fn header_name(&self) -> &HeaderName {
        self.0.header_name()
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        self.0.header_value(token, None)
    }

    fn rotation(&self) -> Option<&Rotation> {
        self.1.as_ref()
    }
}

/// Both servers. They share the valid token.
#[derive(Clone, Default)]
pub(crate) struct Server(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    refreshes: bool,
    /// At most this many responses bring a new token.
    successors: usize,
    issued: usize,
    /// The API serves one request at a time: earlier tokens are refused.
    good: String,
    refresh_token: Option<String>,
    under_way: usize,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) exchanges: usize,
    pub(crate) most_under_way: usize,
    pub(crate) credentials_shown: usize,
    pub(crate) refresh_tokens_reused: usize,
    /// New tokens that are on the way to a caller that was dropped.
    pub(crate) successors_lost: usize,
}

impl Server {
    pub(crate) fn revoke(&self) {
        self.lock().good.clear();
    }

    /// From now on this many responses bring a new token.
    pub(crate) fn hand_out(&self, successors: usize) {
        self.lock().successors = successors;
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    async fn serve(self, request: Request<Full<Bytes>>) -> Response<Full<Bytes>> {
        tokio::time::sleep(HALF_A_REQUEST).await;
        let carried = request.headers()[AUTHORIZATION].to_str().unwrap();
        let mut response = Response::new(Full::default());
        let on_the_way = {
            let mut state = self.lock();
            if carried != format!("Bearer {}", state.good) {
                // The refusal is sent at once, so that it arrives before other answers.
                *response.status_mut() = StatusCode::UNAUTHORIZED;
                return response;
            }
            if let Some(left) = state.successors.checked_sub(1) {
                state.successors = left;
                response.headers_mut().insert(AUTHORIZATION, state.issue().parse().unwrap());
            }
            response
                .headers()
                .contains_key(AUTHORIZATION)
                .then(|| OnTheWay { server: self.clone(), arrived: false })
        };
        tokio::time::sleep(HALF_A_REQUEST).await;
        if let Some(mut successor) = on_the_way {
            successor.arrived = true;
        }
        response
    }
}

/// A new token in a response that may be dropped.
struct OnTheWay {
    server: Server,
    arrived: bool,
}

impl Drop for OnTheWay {
    fn drop(&mut self) {
        self.server.lock().counts.successors_lost += usize::from(!self.arrived);
    }
}

impl State {
    fn issue(&mut self) -> String {
        self.issued += 1;
        self.good = format!("token-{}", self.issued);
        self.good.clone()
    }
}

impl Exchange for Server {
    async fn exchange(&self, cx: &ExchangeContext) -> Result<Issued, ExchangeError> {
        {
            let mut state = self.lock();
            state.counts.exchanges += 1;
            state.under_way += 1;
            state.counts.most_under_way = state.counts.most_under_way.max(state.under_way);
        }
        tokio::time::sleep(HALF_AN_EXCHANGE).await;
        let issued = {
            let mut state = self.lock();
            match cx.refresh_token() {
                None => state.counts.credentials_shown += 1,
                Some(spent) if state.refresh_token.as_deref() == Some(spent.expose()) => {}
                Some(_) => state.counts.refresh_tokens_reused += 1,
            }
            let issued = Issued::new(state.issue()).with_expires_in(HOUR);
            if state.refreshes {
                let refresh_token = format!("refresh-{}", state.issued);
                state.refresh_token = Some(refresh_token.clone());
                issued.with_refresh_token(refresh_token)
            } else {
                issued
            }
        };
        tokio::time::sleep(HALF_AN_EXCHANGE).await;
        self.lock().under_way -= 1;
        Ok(issued)
    }
}

/// What the observer of the source does at each event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Watcher {
    Absent,
    Panics,
    UsesItsSource,
}

/// Without a source, it panics.
#[derive(Clone, Default)]
struct Troublesome(Arc<Mutex<Option<TokenSource<Opaque>>>>);

impl Observer for Troublesome {
    fn event(&self, _: &Event<'_>) {
        let source = self.0.lock().unwrap().clone();
        let Some(source) = source else { resume_unwind(Box::new("a panic")) };
        let _ = (source.status(), source.token().now_or_never());
    }
}

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) source: TokenSource<Opaque>,
    service: Auth<BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, Infallible>>,
    observer: Troublesome,
}

impl World {
    /// `at_once`: this many requests are under way together.
    pub(crate) fn new(refreshes: bool, rotates: bool, at_once: usize, watcher: Watcher) -> World {
        let server = Server::default();
        server.lock().refreshes = refreshes;
        let rotation = rotates.then(|| Rotation::in_header(AUTHORIZATION));
        let builder =
            TokenSource::builder(Opaque(HeaderScheme::bearer(), rotation), server.clone())
                .clock(TokioClock::new());
        let observer = Troublesome::default();
        let source = match watcher {
            Watcher::Absent => builder.build(),
            _ => builder.observer(observer.clone()).build(),
        };
        if watcher == Watcher::UsesItsSource {
            *observer.0.lock().unwrap() = Some(source.clone());
        }
        let api = service_fn({
            let server = server.clone();
            move |request| server.clone().serve(request).map(Ok)
        });
        let api = ConcurrencyLimit::new(api, at_once);
        let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
        let service = layer.layer(BoxCloneSyncService::new(api));
        World { server, source, service, observer }
    }

    /// Sends a request. Returns whether it was accepted.
    pub(crate) fn send(&self) -> impl Future<Output = bool> + Send + use<> {
        let request = Request::get(API).body(Full::default()).unwrap();
        self.service.clone().oneshot(request).map(|it| it.is_ok_and(|it| it.status() == 200))
    }

    /// What still exists after the last use, above all tasks.
    pub(crate) async fn left_behind(self) -> usize {
        let server = Arc::downgrade(&self.server.0);
        let of_the_observer = self.observer.0.lock().unwrap().take();
        drop(of_the_observer);
        drop(self);
        tokio::task::yield_now().await;
        server.strong_count()
    }
}
