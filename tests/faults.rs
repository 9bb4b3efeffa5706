//! A minute in which everything goes wrong at random, in real time and over real sockets: fifty callers of each
//! embedded server, tokens of four seconds, and faults one after the other. `FAULTS_SEED` repeats a run's
//! faults (not its timing).
//!
//! What must hold, whatever happens:
//!
//! 1. Nobody gets an error while a token is usable. A token becomes usable by an exchange or a rotation and
//!    ceases to be by time alone. So if there was neither during a call that failed, and a token is usable
//!    right after it, then it was all the time.
//! 2. A refusal that reaches a caller says why, and what it says is true: there has been a revocation, and
//!    the budget of renewals is not spent before somebody has spent it.
//! 3. Exchanges are paid for by something: an end of a token, a revocation, a slot of a pause.
//! 4. The server sees one exchange at a time.
//! 5. When the faults are over, all callers succeed as soon as the last pause is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(clippy::disallowed_methods)] // what takes how long is measured in real time

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::{Layer, ServiceExt};
use tower_outbound_auth::endpoint::TokenEndpoint;
use tower_outbound_auth::exchange::ExchangeErrorKind::{
    Configuration, Panicked, Reentrant, Unreachable,
};
use tower_outbound_auth::system::{Atlas, ClientCredentials, RefreshTokenIn, Rotating};
use tower_outbound_auth::testkit::{
    AtlasServer, EmbeddedProtocol, EmbeddedServer, MalformedAnswer, OAuthServer, RotatingServer,
};
use tower_outbound_auth::token::Status;
use tower_outbound_auth::{Auth, AuthLayer, BoxError, Error, Recovery, Scheme, TokenSource};

const MINUTE: Duration = Duration::from_secs(60);
const CALLERS: usize = 50;
/// Of tokens, in seconds.
const LIFE: u64 = 4;
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(2);
/// For a request and its replay on a busy machine.
const SLACK: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute: .ci/deep"]
async fn callers_of_atlas_go_through_a_minute_of_faults() {
    let server = AtlasServer::start().await.unwrap().with_refresh_tokens();
    let (id, secret) = (server.client_id(), server.client_secret());
    let refresh = TokenEndpoint::parse(&server.refresh_endpoint()).unwrap();
    let scheme = Atlas::new(server.endpoint(), id, secret).unwrap();
    let scheme = scheme.with_refresh(refresh, RefreshTokenIn::Json("refresh_token".into()));
    let endpoint = scheme.endpoint().clone();
    let own = |server: &AtlasServer, begin| {
        if begin {
            server.revoke_refresh_tokens();
        }
    };
    a_minute_of_faults(scheme, &endpoint, server, own).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute: .ci/deep"]
async fn callers_of_oauth_go_through_a_minute_of_faults() {
    let server = OAuthServer::start().await.unwrap().with_refresh_tokens();
    let (id, secret) = (server.client_id(), server.client_secret());
    let scheme = ClientCredentials::new(server.endpoint(), id, secret).unwrap();
    let scheme = scheme.with_refresh_tokens();
    let endpoint = scheme.endpoint().clone();
    let own = |server: &OAuthServer, begin| {
        if begin {
            server.revoke_refresh_tokens();
        }
    };
    a_minute_of_faults(scheme, &endpoint, server, own).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute: .ci/deep"]
async fn callers_of_a_rotating_api_go_through_a_minute_of_faults() {
    let server = RotatingServer::start().await.unwrap();
    let (key, secret) = (server.client_id(), server.client_secret());
    let scheme = Rotating::new(&server.api_root(), key, secret).unwrap();
    let endpoint = scheme.endpoint().clone();
    // No successors, or bad ones: then this API's tokens end like those of others.
    let own = |server: &RotatingServer, begin: bool| {
        server.hand_out(begin.then(|| vec!["Bearer no-successor".to_owned()]));
    };
    a_minute_of_faults(scheme, &endpoint, server, own).await;
}

/// What goes wrong for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Outage,
    OutageWithRetryAfter,
    Malformed,
    Slow,
    RefusedCredentials,
    Redirect,
    Sticky,
    /// What only this server can do: revoke its refresh tokens, or hand out no successors.
    Own,
    Revocation,
    RefusingRoute,
}

use Fault::*;

/// Of the token endpoint: one after the other.
const OF_THE_ENDPOINT: &[Fault] =
    &[Outage, OutageWithRetryAfter, Malformed, Slow, RefusedCredentials, Redirect, Sticky, Own];
/// Of the API: beside those.
const OF_THE_API: &[Fault] = &[Revocation, Revocation, RefusingRoute, Own];

struct World<S, P> {
    server: EmbeddedServer<P>,
    own: fn(&EmbeddedServer<P>, bool),
    source: TokenSource<S>,
    client: Auth<Client<HttpConnector, Full<Bytes>>>,
    over: AtomicBool,
    refusing_routes: AtomicUsize,
    /// A cache has handed out tokens again: their renewal is paid for and does not help.
    was_sticky: AtomicBool,
    /// When there was last a reason for a token to be refused.
    last_upheaval: Mutex<Option<Instant>>,
    faults: Mutex<BTreeMap<Fault, (u32, Duration)>>,
    seen: Mutex<BTreeMap<String, u32>>,
}

async fn a_minute_of_faults<S: Scheme, P: EmbeddedProtocol>(
    scheme: S,
    endpoint: &TokenEndpoint,
    server: EmbeddedServer<P>,
    own: fn(&EmbeddedServer<P>, bool),
) {
    let seed =
        std::env::var("FAULTS_SEED").map_or_else(|_| fastrand::u64(..), |it| it.parse().unwrap());
    println!("FAULTS_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let server = server.with_lifetime(LIFE);
    let layer = AuthLayer::for_endpoint(scheme, endpoint).unwrap().with_origin(server.origin());
    let layer = layer.rebuild_source(|source| source.exchange_timeout(EXCHANGE_TIMEOUT));
    let world = Arc::new(World {
        source: layer.source().clone(),
        client: layer.layer(Client::builder(TokioExecutor::new()).build_http()),
        server,
        own,
        over: AtomicBool::new(false),
        refusing_routes: AtomicUsize::new(0),
        was_sticky: AtomicBool::new(false),
        last_upheaval: Mutex::default(),
        faults: Mutex::default(),
        seen: Mutex::default(),
    });

    let mut callers: JoinSet<()> =
        (0..CALLERS).map(|nth| world.clone().call_until_over(nth)).collect();
    let faults = tokio::join!(
        tokio::spawn(world.clone().inject(OF_THE_ENDPOINT, rng.fork())),
        tokio::spawn(world.clone().inject(OF_THE_API, rng.fork())),
    );
    faults.0.unwrap();
    faults.1.unwrap();
    let status = world.source.status();
    world.over.store(true, SeqCst);
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
    let recovered = world.all_callers_succeed_after(&status).await;
    let bounds = world.exchanges_were_paid_for();
    println!("{}\n{recovered}\n{bounds}", world.table());
}

// ===== faults =====

impl<S: Scheme, P: EmbeddedProtocol> World<S, P> {
    /// One fault after the other, with pauses in which all is well.
    async fn inject(self: Arc<Self>, kinds: &'static [Fault], mut rng: fastrand::Rng) {
        let began = Instant::now();
        while began.elapsed() < MINUTE {
            sleep(Duration::from_millis(rng.u64(100..1_500))).await;
            // What spends the budget of renewals comes late: before, every revocation is healed.
            let early = began.elapsed() < MINUTE / 2;
            let kinds: Vec<_> =
                kinds.iter().filter(|it| !(early && **it == RefusingRoute)).collect();
            let fault = *kinds[rng.usize(..kinds.len())];
            let lasts = Duration::from_millis(rng.u64(100..2_000));
            self.begin(fault, &mut rng);
            sleep(lasts).await;
            self.end(fault);
            let mut faults = self.faults.lock().unwrap();
            let (times, time) = faults.entry(fault).or_default();
            (*times, *time) = (*times + 1, *time + lasts);
        }
    }

    fn begin(&self, fault: Fault, rng: &mut fastrand::Rng) {
        let server = &self.server;
        match fault {
            Outage => server.begin_outage(None),
            OutageWithRetryAfter => {
                server.begin_outage(Some(Duration::from_secs(rng.u64(0..4))));
            }
            Malformed => {
                let answer = &MalformedAnswer::ALL[rng.usize(..MalformedAnswer::ALL.len())];
                server.set_malformed(Some(answer.clone()));
            }
            // Some of them slower than an exchange may be.
            Slow => server.delay_exchanges(Duration::from_millis(rng.u64(100..3_000))),
            RefusedCredentials => server.refuse_credentials(true),
            Redirect => {
                let (path, to) = (self.endpoint_path(), server.url("/elsewhere"));
                server.redirect_path(&path, StatusCode::TEMPORARY_REDIRECT, &to);
            }
            Sticky => {
                self.was_sticky.store(true, SeqCst);
                server.set_sticky(true);
            }
            Own => (self.own)(server, true),
            Revocation => server.revoke_tokens(),
            RefusingRoute => {
                let route = self.refusing_routes.fetch_add(1, SeqCst);
                server.refuse_path(&refusing_route(route));
            }
        }
        if matches!(fault, Revocation | Sticky) {
            *self.last_upheaval.lock().unwrap() = Some(Instant::now());
        }
    }

    fn end(&self, fault: Fault) {
        let server = &self.server;
        match fault {
            Outage | OutageWithRetryAfter => server.end_outage(),
            Malformed => server.set_malformed(None),
            Slow => server.delay_exchanges(Duration::ZERO),
            RefusedCredentials => {
                server.refuse_credentials(false);
                self.source.retry_now(); // as somebody does who has mended them
            }
            Redirect => server.end_redirect(&self.endpoint_path()),
            Sticky => {
                server.set_sticky(false);
                *self.last_upheaval.lock().unwrap() = Some(Instant::now());
            }
            Own => (self.own)(server, false),
            Revocation | RefusingRoute => {}
        }
    }

    fn endpoint_path(&self) -> String {
        self.server.endpoint().replace(&self.server.url(""), "")
    }
}

fn refusing_route(nth: usize) -> String {
    format!("/v1/refusing/{nth}")
}

// ===== callers =====

impl<S: Scheme, P: EmbeddedProtocol> World<S, P> {
    async fn call_until_over(self: Arc<Self>, nth: usize) {
        while !self.over.load(SeqCst) {
            // One call in fifty is to the last route that refuses all tokens, and one in ten is given up.
            let refusing = self.refusing_routes.load(SeqCst).checked_sub(1);
            match refusing.filter(|_| fastrand::u8(..50) == 0) {
                Some(route) => {
                    let outcome = self.call(&refusing_route(route)).await;
                    self.count(if outcome.is_ok() {
                        "answers of refusing routes"
                    } else {
                        "errors there"
                    });
                }
                None if fastrand::u8(..10) == 0 => {
                    let patience = Duration::from_millis(fastrand::u64(..20));
                    let call = self.call("/v1/documents");
                    self.count(match timeout(patience, call).await {
                        Ok(_) => "answered before they were given up",
                        Err(_) => "given up",
                    });
                }
                None => self.call_and_judge(nth).await,
            }
            sleep(Duration::from_millis(fastrand::u64(20..150))).await;
        }
    }

    async fn call(&self, path: &str) -> Result<(StatusCode, Option<Recovery>), BoxError> {
        let body = Full::from("x".repeat(fastrand::usize(..2_000)));
        let request = Request::post(self.server.url(path)).body(body)?;
        let response = self.client.clone().oneshot(request).await?;
        let outcome = (response.status(), response.extensions().get().copied());
        response.into_body().collect().await?;
        Ok(outcome)
    }

    async fn call_and_judge(&self, nth: usize) {
        let (began, before) = (Instant::now(), self.source.status());
        let longest = 2 * EXCHANGE_TIMEOUT + SLACK;
        let outcome = timeout(longest, self.call(&format!("/v1/documents/{nth}"))).await;
        let after = self.source.status();
        match outcome.expect("a call hangs") {
            Ok((StatusCode::OK, None)) => self.count("200"),
            Ok((StatusCode::OK, Some(recovery))) => self.count(&format!("200, {recovery:?}")),
            Ok((status, recovery)) => {
                assert_eq!(status, StatusCode::UNAUTHORIZED);
                self.judge_refusal(recovery.expect("a refusal says why"), began);
            }
            Err(error) => {
                let error = Error::find(&*error).unwrap_or_else(|| panic!("not ours: {error}"));
                let had_none = is_over(&after) || acquired(&before) != acquired(&after);
                assert!(
                    had_none,
                    "an error while a token is usable: {error}\n{before:?}\n{after:?}"
                );
                let kind = error.exchange().expect("why there is no token").kind();
                let is_fault = !matches!(kind, Unreachable | Panicked | Reentrant | Configuration);
                assert!(is_fault, "{error}");
                self.count(&format!("error, {kind:?}"));
            }
        }
    }

    /// A token is refused because it was revoked; it stays in place until it ends if it cannot be renewed.
    fn judge_refusal(&self, recovery: Recovery, began: Instant) {
        let upheaval = self.last_upheaval.lock().unwrap().expect("a refusal without a revocation");
        let reach = began.saturating_duration_since(upheaval);
        assert!(
            reach <= Duration::from_secs(LIFE) + SLACK,
            "{recovery:?} {reach:?} after a revocation"
        );
        let was_sticky = self.was_sticky.load(SeqCst);
        let is_true = match recovery {
            Recovery::Replayed | Recovery::RenewalFailed => true,
            Recovery::BudgetSpent => was_sticky || self.refusing_routes.load(SeqCst) > 0,
            Recovery::SameToken => was_sticky,
            _ => false,
        };
        assert!(is_true, "{recovery:?}");
        self.count(&format!("401, {recovery:?}"));
    }

    /// Each of them tries until it is served.
    async fn all_callers_succeed_after(self: &Arc<Self>, last: &Status) -> String {
        // What is in force: the pause after a failure, or a revoked token that may not be renewed.
        let pause = last.next_attempt_in.max(last.expires_in).unwrap_or_default();
        let served = |world: Arc<Self>| async move {
            let began = Instant::now();
            while !matches!(world.call("/v1/documents").await, Ok((StatusCode::OK, _))) {
                sleep(Duration::from_millis(20)).await;
            }
            began.elapsed()
        };
        let callers: JoinSet<_> = (0..CALLERS).map(|_| served(self.clone())).collect();
        let longest = callers.join_all().await.into_iter().max().unwrap();
        assert!(longest <= pause + SLACK, "{longest:?} after the faults, in a pause of {pause:?}");
        format!("the last pause: {pause:?}; the last caller was served after {longest:?}")
    }

    fn count(&self, what: &str) {
        *self.seen.lock().unwrap().entry(what.to_owned()).or_default() += 1;
    }
}

fn is_over(status: &Status) -> bool {
    status.expires_in.is_none_or(|left| left.is_zero())
}

/// Changes with everything that can make a token usable.
fn acquired(status: &Status) -> (u64, u64) {
    (status.counters.exchanges_succeeded, status.counters.rotations_adopted)
}

// ===== the sum =====

impl<S: Scheme, P: EmbeddedProtocol> World<S, P> {
    fn exchanges_were_paid_for(&self) -> String {
        let (counts, counters) = (self.server.counts(), self.source.status().counters);
        assert_eq!(counts.most_exchanges_under_way, 1);
        let faults = self.faults.lock().unwrap();
        let of = |fault: Fault| faults.get(&fault).copied().unwrap_or_default();

        // A token is renewed at 80 % of its life, when it is revoked, and for a route that refuses it: five
        // times in a row, then once in thirty seconds.
        let renewals = MINUTE.as_secs_f64() / (0.8 * LIFE as f64) + 2.0;
        let tokens = renewals as u64 + u64::from(of(Revocation).0) + 5 + 2;
        assert!(counters.exchanges_succeeded - counters.same_token <= tokens, "of {tokens}");

        // In vain: while something is wrong, once in the shortest pause; and for each fault once when it
        // begins, and once when the token ends. What is `Own` costs no exchange.
        let at_fault = OF_THE_ENDPOINT.iter().filter(|it| **it != Own).map(|it| of(*it));
        let (times, time) =
            at_fault.fold((0, Duration::ZERO), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        let in_vain = u64::from(2 * times) + (time.as_secs_f64() / 0.8) as u64;
        assert!(counters.exchanges_failed + counters.same_token <= in_vain, "of {in_vain}");

        // A refresh token that is not taken is one request, and the credentials are another.
        assert!(counts.exchanges as u64 <= 2 * counters.exchanges());
        assert_eq!(counts.refresh_tokens_reused, 0);
        format!("at most {tokens} tokens and {in_vain} exchanges in vain were paid for")
    }

    fn table(&self) -> String {
        let mut table = format!("\n{:?}\n{:?}\n", self.server, self.source.status().counters);
        table += &format!("{:<40}{:>8}{:>10}\n", "fault", "times", "seconds");
        for (fault, (times, time)) in &*self.faults.lock().unwrap() {
            let (fault, seconds) = (format!("{fault:?}"), time.as_secs_f64());
            table += &format!("{fault:<40}{times:>8}{seconds:>10.1}\n");
        }
        table += &format!("{:<40}{:>8}\n", "callers saw", "times");
        for (what, count) in &*self.seen.lock().unwrap() {
            table += &format!("{what:<40}{count:>8}\n");
        }
        table
    }
}
