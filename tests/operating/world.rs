//! A source, its callers and its servers, on a clock that begins at the epoch: so the gauges that are points in time agree
//! with the time of `promtool`, which begins at 0.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::runtime::Builder;
use tokio::task::yield_now;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::clock::{Clock, Now};
use tower_outbound_auth::store::MemoryStore;
use tower_outbound_auth::system::{OAuth, OAuthClient, OAuthGrant};
use tower_outbound_auth::testkit::{ManualClock, OAuthServer};
use tower_outbound_auth::token::{Event, EventKind, MetricsObserver, Observer};
use tower_outbound_auth::{Auth, AuthLayer, Credential, TokenSource};

use crate::exporter::{Exporter, Recording, SCRAPE_INTERVAL};
use crate::failing_store::FailingStore;

/// The deadline of an exchange: the default.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// The value of a variable that cargo sets, so that a credential can be in a variable.
pub(crate) const SECRET: &str = env!("CARGO_PKG_NAME");

/// What a world is made of.
pub(crate) struct Parts {
    /// Of a token, in seconds.
    pub(crate) lifetime: u64,
    /// A caller sends a request this often, in seconds: a divisor of the scrape interval.
    pub(crate) request_interval: u64,
    /// Where this text is: the secret, or the first refresh token of a login.
    pub(crate) place: fn(&str) -> Credential,
    /// A person has logged in. Else there are client credentials.
    pub(crate) is_login: bool,
    /// The login is kept in a store.
    pub(crate) has_store: bool,
}

pub(crate) struct World {
    pub(crate) server: OAuthServer,
    pub(crate) store: FailingStore,
    /// The paths that callers ask for.
    pub(crate) paths: Vec<&'static str>,
    hangs: bool,
    clock: ManualClock,
    source: TokenSource,
    api: Auth<Client<HttpConnector, Full<Bytes>>>,
    callers: Arc<AtomicUsize>,
    refreshes: Refreshes,
}

/// Runs a story for this many seconds. It is told the time before each call.
pub(crate) fn record(
    parts: Parts,
    seconds: u64,
    mut story: impl FnMut(&mut World, u64),
) -> Recording {
    let exporter = Exporter::default();
    let mut recording = Recording::default();
    fastrand::seed(7); // the source draws when it renews, and the lengths of its pauses
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_all().max_blocking_threads(1).build().unwrap();
    metrics::with_local_recorder(&exporter, || {
        runtime.block_on(async {
            let step = parts.request_interval;
            let mut world = World::new(parts).await;
            for second in (0..=seconds).step_by(step as usize) {
                if second > 0 {
                    world.clock.advance(Duration::from_secs(step));
                    world.settle().await;
                }
                story(&mut world, second);
                world.call();
                world.settle().await;
                if second % SCRAPE_INTERVAL == 0 {
                    recording.scrape(&exporter);
                }
            }
        });
    });
    recording
}

impl World {
    async fn new(parts: Parts) -> World {
        let clock = ManualClock::new();
        clock.set_wall(UNIX_EPOCH);
        let server = OAuthServer::start().await.unwrap().with_lifetime(parts.lifetime);
        let server = server.with_client("reports", SECRET);
        let server = server.with_clock(clock.clone());
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (refreshes, store) = (Refreshes::default(), FailingStore::new(MemoryStore::new()));
        let layer = match parts.is_login {
            false => {
                let (id, secret) = (server.client_id(), (parts.place)(SECRET));
                let api = server.origin();
                AuthLayer::client_credentials(server.endpoint(), id, secret, api).unwrap().erased()
            }
            true => {
                let server = server.clone().with_refresh_tokens();
                login(&server, (parts.place)(&log_in(&server, &client).await))
            }
        };
        let layer = layer.rebuild_source(|source| {
            let source =
                source.clock(clock.clone()).name("reports").observer(MetricsObserver::new());
            let source = source.observer(refreshes.clone());
            match parts.has_store {
                true => source.store(store.clone()),
                false => source,
            }
        });
        let (source, callers) = (layer.source().clone(), Arc::default());
        let api = layer.layer(client);
        let paths = vec!["/documents"];
        World { server, store, paths, hangs: false, clock, source, api, callers, refreshes }
    }

    /// One caller for each path.
    fn call(&self) {
        for path in &self.paths {
            let request = Request::get(self.server.url(path)).body(Full::default()).unwrap();
            let (api, callers) = (self.api.clone(), self.callers.clone());
            callers.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let _ = api.oneshot(request).await;
                callers.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }

    /// Until nothing more happens before the clock moves.
    async fn settle(&self) {
        let settled = async {
            self.until_refreshed().await;
            if self.source.status().consecutive_failures > 0 {
                // A request may have started a reload of the credentials, on the only thread that may block. This waits for
                // its turn behind it.
                tokio::task::spawn_blocking(|| ()).await.unwrap();
                self.until_refreshed().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), settled).await.expect("it never settles");
    }

    /// Until no caller is on its way, and no refresh. All tasks that can run do so a few times.
    async fn until_refreshed(&self) {
        while !self.is_settled() {
            yield_now().await;
        }
        for _ in 0..5 {
            yield_now().await;
        }
    }

    fn is_settled(&self) -> bool {
        let callers = self.callers.load(Ordering::Relaxed);
        match self.refreshes.running() {
            None => callers == 0,
            Some(Running { number, started }) => {
                let is_overdue = self.clock.now().since(started) >= EXCHANGE_TIMEOUT;
                let is_at_the_server = self.server.counts().exchanges == number;
                let all_wait = callers == self.source.status().waiters;
                self.hangs && !is_overdue && is_at_the_server && all_wait
            }
        }
    }

    /// From now on the token endpoint does not answer, or answers again.
    pub(crate) fn hang(&mut self, hangs: bool) {
        self.hangs = hangs;
        self.server.delay_exchanges(Duration::from_secs(if hangs { 1_000_000 } else { 0 }));
    }
}

/// The layer of a login that begins with this refresh token.
fn login(server: &OAuthServer, seed: Credential) -> AuthLayer {
    let system = OAuth::builder(server.endpoint())
        .client(OAuthClient::with_secret(server.client_id(), server.client_secret()))
        .grant(OAuthGrant::RefreshToken(seed))
        .build();
    AuthLayer::oauth(system.unwrap(), server.origin()).unwrap().erased()
}

/// In place of a person, who would use a browser. Returns the refresh token.
async fn log_in(server: &OAuthServer, client: &Client<HttpConnector, Full<Bytes>>) -> String {
    let (id, secret) = (server.client_id(), server.client_secret());
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let request = Request::post(server.endpoint())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::from(form))
        .unwrap();
    let body = client.request(request).await.unwrap().into_body();
    let body = body.collect().await.unwrap().to_bytes();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    answer["refresh_token"].as_str().unwrap().to_owned()
}

/// Which refresh runs, and whether its end has reached the metrics.
#[derive(Clone, Default)]
struct Refreshes(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    started: usize,
    running: Option<Running>,
    /// It has finished, and its new state is not told yet.
    is_finishing: bool,
}

#[derive(Clone, Copy)]
struct Running {
    number: usize,
    started: Now,
}

impl Refreshes {
    fn running(&self) -> Option<Running> {
        self.0.lock().unwrap().running
    }
}

/// It stands after the observer for metrics, which has seen each event before.
impl Observer for Refreshes {
    fn event(&self, event: &Event<'_>) {
        let mut seen = self.0.lock().unwrap();
        match event.kind {
            EventKind::RefreshStarted { .. } => {
                seen.started += 1;
                seen.running = Some(Running { number: seen.started, started: event.at });
            }
            EventKind::RefreshFinished { .. } => seen.is_finishing = true,
            EventKind::StateChanged { .. } if seen.is_finishing => {
                (seen.running, seen.is_finishing) = (None, false);
            }
            _ => {}
        }
    }
}
