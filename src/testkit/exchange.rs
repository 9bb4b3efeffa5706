//! Tokens without a network.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::credential::shown::Shown;
use crate::endpoint::request_context::RequestContext;
use crate::exchange::Exchange;
use crate::exchange::chain::Chain;
use crate::exchange::context::{ExchangeContext, Reason};
use crate::exchange::error::ExchangeError;
use crate::exchange::issued::Issued;
use crate::secret::Secret;

/// An exchange whose results the test sets. It counts its calls.
///
/// By default it gives `token-1`, `token-2` and so on at once, each with a life of one hour. Clones are the same exchange: a test
/// keeps one and gives the other to a source.
///
/// ```
/// use tower_outbound_auth::TokenSource;
/// use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
/// use tower_outbound_auth::system::HeaderScheme;
/// use tower_outbound_auth::testkit::ScriptedExchange;
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let exchange = ScriptedExchange::new();
/// exchange.fail_next(1, ExchangeError::new(ExchangeErrorKind::Unreachable, "cable cut"));
/// let source = TokenSource::new(HeaderScheme::bearer(), exchange.clone());
///
/// assert!(source.token().await.is_err());
/// assert!(source.token().await.is_err(), "the stored error, without a second attempt");
/// assert_eq!(exchange.exchanges(), 1);
/// # });
/// # Ok::<_, tower_outbound_auth::BoxError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ScriptedExchange(Arc<Mutex<Script>>);

#[derive(Debug)]
struct Script {
    life: Option<Duration>,
    delay: Duration,
    clock: Option<Arc<dyn Clock>>,
    sticky: Option<Secret>,
    panics: usize,
    failures: VecDeque<ExchangeError>,
    began: usize,
    under_way: usize,
    most_under_way: usize,
    reasons: Vec<Reason>,
}

impl Default for Script {
    fn default() -> Script {
        Script {
            life: Some(Duration::from_secs(3_600)),
            delay: Duration::ZERO,
            clock: None,
            sticky: None,
            panics: 0,
            failures: VecDeque::new(),
            began: 0,
            under_way: 0,
            most_under_way: 0,
            reasons: Vec::new(),
        }
    }
}

impl ScriptedExchange {
    /// An exchange that succeeds at once.
    #[must_use]
    pub fn new() -> ScriptedExchange {
        ScriptedExchange::default()
    }

    /// Tokens live this long. Default: one hour.
    #[must_use]
    pub fn with_lifetime(self, life: Duration) -> ScriptedExchange {
        self.set_lifetime(Some(life));
        self
    }

    /// Every exchange takes this long on `clock`. Default: none.
    #[must_use]
    pub fn with_delay(self, delay: Duration, clock: impl Clock) -> ScriptedExchange {
        {
            let mut script = self.lock();
            script.delay = delay;
            script.clock = Some(Arc::new(clock));
        }
        self
    }

    /// From now on tokens live this long. With `None` they state no life.
    pub fn set_lifetime(&self, life: Option<Duration>) {
        self.lock().life = life;
    }

    /// From now on each exchange gives this token. With `None` each gives a new one again.
    pub fn set_sticky(&self, token: Option<&str>) {
        self.lock().sticky = token.map(Secret::from);
    }

    /// The next `count` exchanges fail with `error`.
    pub fn fail_next(&self, count: usize, error: ExchangeError) {
        self.lock().failures.extend(std::iter::repeat_n(error, count));
    }

    /// From now on exchanges succeed, even if some of the failures that were set have not happened yet.
    pub fn recover(&self) {
        self.lock().failures.clear();
    }

    /// The next `count` exchanges panic.
    pub fn panic_next(&self, count: usize) {
        self.lock().panics = count;
    }

    /// The number of exchanges that have begun.
    #[must_use]
    pub fn exchanges(&self) -> usize {
        self.lock().began
    }

    /// The number of exchanges that are running now.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.lock().under_way
    }

    /// The largest number of exchanges that ran at the same time.
    #[must_use]
    pub fn most_under_way(&self) -> usize {
        self.lock().most_under_way
    }

    /// The reason of each exchange, in order.
    #[must_use]
    pub fn reasons(&self) -> Vec<Reason> {
        self.lock().reasons.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchange for ScriptedExchange {
    async fn exchange(&self, cx: &ExchangeContext) -> Result<Issued, ExchangeError> {
        let (under_way, delay) = {
            let mut script = self.lock();
            script.began += 1;
            script.under_way += 1;
            script.most_under_way = script.most_under_way.max(script.under_way);
            script.reasons.push(cx.reason());
            let delay = script.clock.as_ref().map(|clock| clock.sleep(script.delay));
            (UnderWay(self), delay)
        };
        cx.mark_sent();
        if let Some(delay) = delay {
            delay.await;
        }
        drop(under_way);
        let mut script = self.lock();
        if script.panics > 0 {
            script.panics -= 1;
            drop(script);
            #[allow(clippy::panic)] // the result that the test has set
            {
                panic!("the test has set a panic");
            }
        }
        if let Some(error) = script.failures.pop_front() {
            return Err(error);
        }
        let token = script.sticky.clone();
        let token = token.unwrap_or_else(|| format!("token-{}", script.began).into());
        let issued = Issued::new(token);
        Ok(match script.life {
            Some(life) => issued.with_expires_in(life),
            None => issued,
        })
    }
}

/// Makes the context that an [`Exchange`] gets. A test can call its own exchange with it, without a source.
#[must_use]
pub fn exchange_context(reason: Reason) -> ExchangeContext {
    ExchangeContext::new(Arc::new(SystemClock::new()), reason, None, Chain::default())
}

/// Makes the context that a [`Grant`](crate::endpoint::Grant) gets for the first request of an exchange. A test can call its own
/// grant with it, without a source. Set the values of credentials that are read or [minted](crate::Credential::minted) by
/// [`RequestContext::with_credential`].
///
/// ```
/// use tower_outbound_auth::endpoint::Grant;
/// use tower_outbound_auth::exchange::Reason;
/// use tower_outbound_auth::system::Atlas;
/// use tower_outbound_auth::testkit::request_context;
///
/// let atlas = Atlas::new("https://atlas.example/authtoken", "id", "secret")?;
/// let request = atlas.request(&request_context(Reason::First))?.into_http();
/// assert_eq!(request.headers()["client-id"], "id");
/// # Ok::<_, tower_outbound_auth::BoxError>(())
/// ```
#[must_use]
pub fn request_context(reason: Reason) -> RequestContext {
    RequestContext::first(&exchange_context(reason), Shown::default())
}

/// Counts an exchange as running until it ends or is dropped.
struct UnderWay<'a>(&'a ScriptedExchange);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.lock().under_way -= 1;
    }
}
