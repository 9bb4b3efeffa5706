//! The state of a source: the machine behind its lock, and the published token.
//!
//! 1. Only the machine runs under the lock. No code of a user does: no exchange, no presentation, no clock, no waker,
//!    no `Drop`. And no task is spawned.
//! 2. Each event of the machine publishes its result before the lock is released; [`Event`] sees to it.
//! 3. The task of a refresh owns the sender of its outcome. If the task is dropped, the receivers see that, and callers ask
//!    again.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::Shared;
use http::{HeaderMap, HeaderName};
use tokio::sync::oneshot;

use crate::basics::TARGET;
use crate::basics::headers::interned;
use crate::clock::{self, Now, Sleep};
use crate::credential::Credential;
use crate::credential::reload::Reading;
use crate::error::clock_difference::ClockDifference;
use crate::error::{Error, ErrorKind};
use crate::exchange::ErasedExchange;
use crate::exchange::chain::SourceId;
use crate::exchange::error::ExchangeError;
use crate::exchange::extra::Extra;
use crate::scheme::judge::Judge;
use crate::scheme::presentation::Presentation;
use crate::scheme::rotation::Rotation;
use crate::secret::Secret;
use crate::token::keeping::KeptLogin;
use crate::token::machine::Machine;
use crate::token::machine::events::{Generation, RefreshId};
use crate::token::machine::status::Status;
use crate::token::observer::event::EventKind;
#[cfg(feature = "store")]
use crate::token::observer::watched_store::WatchedStore;
use crate::token::options::{SourceOptions, present};
use crate::token::published::{AccessToken, Cell, Published};
use crate::token::sent_count::SentCount;
use crate::token::spans::RefreshSpan;

/// The outcome of a refresh: its token, or its error and the time until the next attempt.
pub(crate) type Outcome = Result<AccessToken, (ExchangeError, Duration)>;

/// Waits for the outcome of a refresh. An error means that the refresh was lost.
pub(crate) type OutcomeReceiver = Shared<oneshot::Receiver<Outcome>>;

/// What the callers that wait for a refresh need of it.
#[derive(Clone)]
pub(crate) struct UnderWay {
    pub(crate) receiver: OutcomeReceiver,
    pub(crate) span: Weak<RefreshSpan>,
}

pub(crate) struct Core {
    pub(crate) id: SourceId,
    /// The system's name, for logs.
    pub(crate) system: &'static str,
    /// The system, its endpoint and the client, for the texts of errors.
    described: Option<Arc<str>>,
    pub(crate) options: SourceOptions,
    /// The exchange of the options, or one that keeps its login in a store.
    pub(crate) exchange: Arc<dyn ErasedExchange>,
    pub(crate) kept: KeptLogin,
    /// The header that carries the token. Cloning it does not allocate.
    pub(crate) header_name: HeaderName,
    /// How responses say that they refuse the credential.
    pub(crate) judge: Judge,
    /// How responses bring new tokens, if they do.
    pub(crate) rotation: Option<Rotation>,
    pub(crate) cell: Cell,
    /// Set if every newer token of a response is adopted.
    pub(crate) sent_count: Option<SentCount>,
    /// The callers that wait for a token now.
    pub(crate) waiters: AtomicUsize,
    /// How the observers last saw the credentials.
    pub(crate) last_readings: Mutex<Vec<Reading>>,
    /// A reload of refused credentials is running, until this time by the monotonic clock at the latest. Zero if none is.
    pub(crate) reloading_until: AtomicU64,
    /// An event has already reported that the endpoint states no life.
    pub(crate) told_no_life: AtomicBool,
    /// An event has said that the answers do not state the type of the issued token.
    pub(crate) told_no_issued_type: AtomicBool,
    /// By how many seconds our clock was ahead of the API's at the last refusal. Zero if the two agreed.
    clock_difference: AtomicI64,
    /// An event has said that the clocks differ.
    told_clock_difference: AtomicBool,
    /// How many requests were sent again with new headers of their own.
    new_proofs: AtomicU64,
    /// An event has said that renewals do not help. False again once one has helped.
    pub(crate) told_in_vain: AtomicBool,
    /// An event has said that a body was not kept.
    told_not_kept: AtomicBool,
    pub(crate) locked: Mutex<Locked>,
}

pub(crate) struct Locked {
    pub(crate) machine: Machine<Secret, ExchangeError, UnderWay>,
    /// Tokens of responses whose signatures are being checked: at most one for each thread.
    pub(crate) verifying: Vec<Secret>,
    /// The version of the credentials that the last failed exchange used.
    pub(crate) refused_credentials: u64,
    /// A token that waits until it has settled.
    pub(crate) settling: Option<Arc<Published>>,
    /// The scope of the current token, if it differs from the requested one.
    pub(crate) granted_scope: Option<Arc<str>>,
}

/// A refresh that a caller may wait for.
pub(crate) struct InProgress {
    pub(crate) refresh: RefreshId,
    pub(crate) started: Now,
    pub(crate) under_way: UnderWay,
}

impl Locked {
    /// The refresh under way.
    pub(crate) fn in_progress(&self) -> Option<InProgress> {
        let (refresh, started, under_way) = self.machine.under_way()?;
        Some(InProgress { refresh, started, under_way: under_way.clone() })
    }
}

/// The lock, held for one event of the machine. It publishes the result before the lock is
/// released.
pub(crate) struct Event<'a> {
    locked: MutexGuard<'a, Locked>,
    core: &'a Core,
    /// Dropped after the lock is released, because it has values of users.
    _replaced: Option<Arc<Published>>,
}

impl Deref for Event<'_> {
    type Target = Locked;

    fn deref(&self) -> &Locked {
        &self.locked
    }
}

impl DerefMut for Event<'_> {
    fn deref_mut(&mut self) -> &mut Locked {
        &mut self.locked
    }
}

/// This runs before the fields are dropped, so the lock is still held.
impl Drop for Event<'_> {
    fn drop(&mut self) {
        if !self.locked.machine.is_settling()
            && let Some(settled) = self.locked.settling.take()
        {
            self._replaced = self.core.publish(settled);
        }
        self.core.cell.publish_flags(self.locked.machine.flags());
    }
}

impl Core {
    pub(crate) fn new(options: SourceOptions) -> Core {
        let id = SourceId::next();
        let rotation = options.presentation.rotation().cloned();
        let credentials = options.exchange.credentials();
        let credentials_may_change = credentials.iter().any(Credential::may_change);
        let mut machine = Machine::new(refresh_limit(options.exchange_timeout), fastrand::u64(..))
            .with_changing_credentials(credentials_may_change)
            .with_settling_time(options.settling_time);
        let cell = Cell::new();
        let fixed = options.fixed.clone();
        let presented =
            fixed.as_ref().and_then(|token| present(&*options.presentation, token, None).ok());
        if let (Some(secret), Some(presented)) = (fixed, presented) {
            let (generation, window) = machine.fix(options.clock.now());
            let (line, extra) = (None, Extra::default());
            let token =
                Published { secret, presented, generation, window, line, source: id, extra };
            let _ = cell.publish(Arc::new(token));
        }
        let identity = options.exchange.identity();
        let ttl = refresh_limit(options.exchange_timeout);
        #[cfg(feature = "store")]
        let keeping =
            options.keeping.behind(|store| WatchedStore::of(store, &options, identity.system()));
        #[cfg(not(feature = "store"))]
        let keeping = &options.keeping;
        let SourceOptions { exchange, presentation, default_lifetime, .. } = &options;
        let (exchange, kept) = keeping.wrap(exchange, presentation, ttl, *default_lifetime);
        Core {
            id,
            system: identity.system(),
            described: identity.described().map(Arc::from),
            sent_count: rotation
                .as_ref()
                .filter(|it| !it.is_when_due())
                .map(|_| SentCount::default()),
            rotation,
            judge: options.presentation.judge(),
            header_name: interned(options.presentation.header_name()),
            options,
            exchange,
            kept,
            cell,
            waiters: AtomicUsize::new(0),
            last_readings: Mutex::default(),
            reloading_until: AtomicU64::new(0),
            told_no_life: AtomicBool::new(false),
            told_no_issued_type: AtomicBool::new(false),
            clock_difference: AtomicI64::new(0),
            told_clock_difference: AtomicBool::new(false),
            new_proofs: AtomicU64::new(0),
            told_in_vain: AtomicBool::new(false),
            told_not_kept: AtomicBool::new(false),
            locked: Mutex::new(Locked {
                machine,
                verifying: Vec::new(),
                refused_credentials: 0,
                settling: None,
                granted_scope: None,
            }),
        }
    }

    #[inline]
    pub(crate) fn now(&self) -> Now {
        self.options.clock.now()
    }

    /// Sleeps on the source's clock.
    pub(crate) fn sleep(&self, duration: Duration) -> Result<Sleep, Error> {
        clock::try_sleep(&*self.options.clock, duration).ok_or_else(|| {
            let message =
                "this tokio runtime has no timer: build it with enable_all or enable_time";
            Error::new(ErrorKind::Runtime, message)
        })
    }

    pub(crate) fn presentation(&self) -> &dyn Presentation {
        &*self.options.presentation
    }

    /// The longest time that a caller waits for one refresh.
    pub(crate) fn refresh_limit(&self) -> Duration {
        refresh_limit(self.options.exchange_timeout)
    }

    // ===== events =====

    /// A request whose token was refused was accepted with this token, after it had waited for the
    /// token.
    pub(crate) fn replay_accepted(&self, with: Generation) {
        self.event().machine.replay_accepted(with);
        self.told_in_vain.store(false, Ordering::Relaxed);
    }

    /// A request that was sent at `sent` was accepted with a token that was refused elsewhere.
    pub(crate) fn rejected_token_accepted(&self, rejected_token: Generation, sent: Now) {
        self.event().machine.rejected_token_accepted(rejected_token, sent);
    }

    pub(crate) fn lift_pause(&self) {
        let now = self.now();
        self.event().machine.lift_pause(now);
        self.tell_state();
    }

    pub(crate) fn credentials_changed(&self) {
        let now = self.now();
        self.event().machine.credentials_changed(now);
        self.tell_state();
    }

    /// The task of a refresh is lost, or its runtime does not run.
    pub(crate) fn lost(&self, refresh: RefreshId) {
        let now = self.now();
        self.event().machine.lost(now, refresh);
        self.tell_state();
    }

    /// A request is sent again with new headers of its own. It costs no lock: after a server's nonce has changed, many requests
    /// do so at once.
    pub(crate) fn count_new_proof(&self) {
        self.new_proofs.fetch_add(1, Ordering::Relaxed);
        self.tell(EventKind::NewProof {});
    }

    /// A refused request could have been sent again, but not enough of its body was kept. One event per source says so.
    #[cold]
    pub(crate) fn report_a_body_that_was_not_kept(&self) {
        if !self.told_not_kept.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: TARGET, system = self.system,
                "a refused request could not be sent again, because more of its body was sent than was kept: the \
                 caller got the refusal (`with_cap` and `with_buffer_quota` set how much is kept; this is said once)",
            );
        }
    }

    /// Compares our clock with that of an API that refuses a token: a wrong clock is a usual cause. One event per source says
    /// so.
    #[cold]
    pub(crate) fn compare_clocks(&self, headers: &HeaderMap) -> Option<ClockDifference> {
        let difference = ClockDifference::of(headers, self.now().since_epoch());
        let seconds = difference.map_or(0, ClockDifference::seconds);
        self.clock_difference.store(seconds, Ordering::Relaxed);
        if let Some(difference) = difference
            && !self.told_clock_difference.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                target: TARGET, system = self.system,
                "the API refuses the token, and {difference} (this is said once)",
            );
        }
        difference
    }

    // ===== questions =====

    pub(crate) fn status(&self) -> Status {
        let now = self.now();
        let mut locked = self.lock();
        let mut status = locked.machine.status(now);
        status.last_error = locked.machine.last_error().map(|error| self.named(error));
        let granted_scope = locked.granted_scope.clone();
        drop(locked);
        status.counters.new_proofs = self.new_proofs.load(Ordering::Relaxed);
        status.granted_scope = granted_scope.map(|scope| scope.to_string());
        let seconds = self.clock_difference.load(Ordering::Relaxed);
        status.clock_difference = ClockDifference::of_seconds(seconds);
        status.waiters = self.waiters.load(Ordering::Relaxed);
        #[cfg(feature = "store")]
        {
            status.login = self.kept.status();
        }
        status
    }

    /// Why the last exchange failed, if it did, and what is left of the pause after it.
    pub(crate) fn last_failure(&self) -> Option<(ExchangeError, Duration)> {
        let now = self.now();
        let locked = self.lock();
        let (error, pause) = locked.machine.last_failure(now)?;
        Some((self.named(error), pause))
    }

    /// An error of an exchange, with the name of what was asked. The machine makes errors, too, and knows no names.
    pub(crate) fn named(&self, error: &ExchangeError) -> ExchangeError {
        match &self.described {
            Some(asked) => error.clone().of(asked.clone()),
            None => error.clone(),
        }
    }

    /// Whether requests with the current token need headers of their own.
    #[cfg(feature = "reqwest")]
    pub(crate) fn makes_headers_per_request(&self) -> bool {
        self.cell.latest().is_some_and(|token| token.per_request().is_some())
    }

    /// The refresh under way.
    pub(crate) fn in_progress(&self) -> Option<InProgress> {
        self.lock().in_progress()
    }

    // ===== helpers =====

    /// The lock, for an event.
    pub(crate) fn event(&self) -> Event<'_> {
        Event { locked: self.lock(), core: self, _replaced: None }
    }

    /// The lock, for a question. If the machine panics under it, that is a bug. The state is plain data and still
    /// usable.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Locked> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A refresh ends at its deadline. If it has not ended a second later, its runtime does not run.
fn refresh_limit(exchange_timeout: Duration) -> Duration {
    exchange_timeout.saturating_add(Duration::from_secs(1))
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("id", &self.id).finish_non_exhaustive()
    }
}
