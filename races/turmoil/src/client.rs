//! A service that calls the API through the layer, with many callers at once.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer, ServiceExt};
use tower_outbound_auth::endpoint::HttpExchange;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::ClientCredentials;
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{Auth, AuthLayer, BoxError, Error, Origin, Recovery, TokenSource};

use crate::net::{pooled, unpooled};
use crate::oracle::{Below, Oracle, Watched};
use crate::servers::{REFRESH_TOKEN, SECRET, Servers, TOKEN};
use crate::simulation::{Network, mended};
use crate::{lock, millis, secs};

/// The time limit of an exchange.
pub(crate) const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(2);
/// The time limit of a request to the API.
pub(crate) const API_TIMEOUT: Duration = Duration::from_secs(1);
/// What the clock, and the reading of a refused body, may add to a wait.
const SLACK: Duration = Duration::from_millis(100);

const CALLERS: usize = 8;

type Scheme = Arc<ClientCredentials>;

#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) network: Network,
    pub(crate) servers: Servers,
    pub(crate) source: TokenSource<Scheme>,
    api: Auth<Below>,
    oracle: Oracle,
    /// Nothing of the crate is left after the last owner of this has gone.
    scheme: Weak<ClientCredentials>,
    over: Arc<AtomicBool>,
    outcomes: Arc<Mutex<BTreeMap<Outcome, usize>>>,
    callers: Arc<Mutex<JoinSet<()>>>,
    rng: Arc<Mutex<Rng>>,
}

/// The result of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Served,
    Replayed,
    /// The API's own answer, because there is no other token.
    Refused,
    /// There is no token.
    NoToken,
    /// The network's error.
    Broken,
}

impl Client {
    pub(crate) fn new(network: Network, servers: Servers, http2: bool, rng: Rng) -> Client {
        let oracle = Oracle::new(network.history.clone());
        let scheme = ClientCredentials::new("https://auth.example/token", "client", SECRET);
        let scheme = Arc::new(scheme.unwrap().with_refresh_tokens());
        let weak = Arc::downgrade(&scheme);
        // Like `TokenSource::over_http`, but observed.
        let exchange = Watched(HttpExchange::new(scheme.clone(), unpooled()), oracle.clone());
        let source = TokenSource::builder(scheme, exchange)
            .clock(TokioClock::new())
            .exchange_timeout(EXCHANGE_TIMEOUT).build();
        let layer =
            AuthLayer::new(source).with_origin(Origin::parse("https://api.example").unwrap());
        Client {
            network,
            servers,
            source: layer.source().clone(),
            api: layer.layer(Below(pooled(http2), oracle.clone())),
            oracle,
            scheme: weak,
            over: Arc::default(),
            outcomes: Arc::default(),
            callers: Arc::default(),
            rng: Arc::new(Mutex::new(rng)),
        }
    }

    /// From now on until the end.
    pub(crate) fn callers_begin(&self) {
        for nth in 0..CALLERS {
            lock(&self.callers).spawn(self.clone().call_until_over(nth));
        }
        for _ in 0..2 {
            lock(&self.callers).spawn(self.clone().take_tokens_until_over());
        }
    }

    pub(crate) fn count(&self, outcome: Outcome) -> usize {
        lock(&self.outcomes).get(&outcome).copied().unwrap_or_default()
    }

    pub(crate) fn require(&self, holds: bool, what: &str) {
        self.network.history.require(holds, what);
    }

    async fn call_until_over(self, nth: usize) {
        let mut rng = lock(&self.rng).fork();
        for call in 0.. {
            if self.over.load(Relaxed) {
                break;
            }
            let outcome = self.call(format!("call {call} of caller {nth}")).await;
            *lock(&self.outcomes).entry(outcome).or_default() += 1;
            sleep(millis(rng.u64(20..400))).await;
        }
    }

    /// A wait for a token is a wait for one exchange.
    async fn take_tokens_until_over(self) {
        let mut rng = lock(&self.rng).fork();
        while !self.over.load(Relaxed) {
            let began = Instant::now();
            if let Err(error) = self.source.token().await {
                self.is_told_of_no_token(&error);
            }
            let took = began.elapsed();
            let in_time = took <= EXCHANGE_TIMEOUT + millis(10);
            self.network.history.require(in_time, format_args!("a wait of {took:?}"));
            sleep(millis(rng.u64(20..1_000))).await;
        }
    }

    /// One call without a deadline: it must end by itself.
    pub(crate) async fn call(&self, body: String) -> Outcome {
        let began = Instant::now();
        let outcome = match self.send(&body).await {
            Ok((StatusCode::OK, recovery, answer)) => {
                self.require(answer == body.as_bytes(), "the API got another body");
                match recovery {
                    Some(Recovery::Replayed) => Outcome::Replayed,
                    _ => Outcome::Served,
                }
            }
            Ok((_, recovery, _)) => {
                self.require(recovery.is_some(), "a refusal that does not say why");
                Outcome::Refused
            }
            Err(error) => match Error::find(&*error) {
                Some(error) => {
                    self.is_told_of_no_token(error);
                    Outcome::NoToken
                }
                None => {
                    let as_it_was = error.is::<hyper_util::client::legacy::Error>()
                        || error.is::<hyper::Error>()
                        || error.is::<tokio::time::error::Elapsed>();
                    self.require(as_it_was, "the client's error was wrapped");
                    self.shows_no_secret(&*error);
                    Outcome::Broken
                }
            },
        };
        let took = began.elapsed();
        // Twice a token and an answer, and once the body of an answer.
        let longest = 2 * EXCHANGE_TIMEOUT + 3 * API_TIMEOUT + SLACK;
        self.require(took <= longest, "a call takes too long");
        self.network.history.note(format_args!("client: {body}: {outcome:?} after {took:?}"));
        outcome
    }

    async fn send(&self, body: &str) -> Result<(StatusCode, Option<Recovery>, Bytes), BoxError> {
        let body = Full::from(body.to_owned());
        let request = Request::post("https://api.example/documents").body(body)?;
        let response = self.api.clone().oneshot(request).await?;
        let (head, body) = response.into_parts();
        let body = timeout(API_TIMEOUT, body.collect()).await??.to_bytes();
        Ok((head.status, head.extensions.get().copied(), body))
    }

    fn is_told_of_no_token(&self, error: &Error) {
        use ExchangeErrorKind::{Timeout, Unreachable};
        let kind = error.exchange().map(|error| error.kind());
        let expected = kind.is_some_and(|kind| matches!(kind, Timeout | Unreachable));
        self.require(expected, &format!("an error of another kind: {kind:?}"));
        self.oracle.there_is_no_token();
        self.shows_no_secret(error);
    }

    fn shows_no_secret(&self, error: &(dyn StdError + 'static)) {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = format!("{error} {error:?}");
            let secrets = [SECRET, TOKEN, REFRESH_TOKEN];
            let is_clean = !secrets.iter().any(|secret| text.contains(secret));
            self.require(is_clean, "an error shows a secret");
            next = error.source();
        }
    }

    /// Waits until the network works again. Then calls must succeed by themselves, soon.
    pub(crate) async fn recovers(&self) {
        mended(&self.network).await;
        let (status, began) = (self.source.status(), Instant::now());
        let pause = status.next_attempt_in.unwrap_or_default();
        let has_token = status.expires_in.is_some_and(|left| !left.is_zero());
        self.require(has_token || pause <= secs(30), "the pause is too long");
        // An exchange whose answer was lost must still fail, and the pause after it must pass.
        let slot = secs(2_u64.pow(status.consecutive_failures.min(5)).min(30));
        let under_way = status.exchange_under_way.then_some(EXCHANGE_TIMEOUT + slot);
        // For a revoked token, the budget of renewals may be used up.
        let refused = self.servers.refuses_the_newest().then_some(status.expires_in).flatten();
        let longest = pause.max(under_way.unwrap_or_default()).max(refused.unwrap_or_default());
        // Some connections in the pool are dead.
        let longest = longest + 3 * API_TIMEOUT + EXCHANGE_TIMEOUT;
        while !matches!(
            self.call("is it well?".to_owned()).await,
            Outcome::Served | Outcome::Replayed
        ) {
            sleep(millis(20)).await;
        }
        let took = began.elapsed();
        let what = format!("not well for {took:?} instead of {longest:?}, after {status:?}");
        self.require(took <= longest, &what);
    }

    /// Every caller gets an answer, and nothing is left.
    pub(crate) async fn ends(self) {
        self.over.store(true, Relaxed);
        let mut callers = std::mem::take(&mut *lock(&self.callers));
        let all = async { while callers.join_next().await.is_some_and(|it| it.is_ok()) {} };
        let longest = 2 * EXCHANGE_TIMEOUT + 3 * API_TIMEOUT + secs(2);
        let all_answered = timeout(longest, all).await.is_ok() && callers.is_empty();
        self.require(all_answered, "a caller hangs, or has panicked");
        self.source.settled().await;
        let status = self.source.status();
        self.require(status.waiters == 0 && !status.exchange_under_way, "a caller still waits");
        self.network.history.note(format_args!("{:?} {:?}", lock(&self.outcomes), status.counters));
        let (scheme, history) = (self.scheme.clone(), self.network.history.clone());
        drop(self);
        sleep(millis(100)).await;
        history.require(scheme.strong_count() == 0, "something is left of the source");
    }
}
