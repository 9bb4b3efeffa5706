//! The shell around the machine: its lock, its actions.
//!
//! 1. Under the lock runs the machine and nothing of others: no exchange, no scheme, no waker, no spawn,
//!    no drop of what a user gave.
//! 2. Every event ends by publishing what follows from it, before the lock is released.
//! 3. A flight's sender belongs to its task. While that lives, waiters have something to wait for; when
//!    it is dropped unsent, the flight was lost and they ask again.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::Shared;
use http::HeaderValue;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::cell::{AccessToken, Cell, Published};
use super::flight::Flight;
use super::schedule;
use super::state::{Arrival, Ask, Finished, FlightId, Generation, Machine, Refused, Start};
use super::status::Status;
use crate::Secret;
use crate::clock::{Clock, Now};
use crate::exchange::{Chain, ErasedExchange, ExchangeError, Issued, SourceId};
use crate::scheme::jwt::Times;
use crate::scheme::{InvalidToken, Scheme};

/// What everybody who waited for a flight gets: its token, or its error and when the next may start.
pub(super) type Outcome = Result<AccessToken, (ExchangeError, Duration)>;

/// The waiting end of a flight. It yields an error if the flight was lost.
pub(super) type Landing = Shared<oneshot::Receiver<Outcome>>;

/// What a source is made of besides its state; kept to make it anew with another option.
pub(super) struct Parts<S> {
    pub(super) scheme: Arc<S>,
    pub(super) exchange: Arc<dyn ErasedExchange>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) exchange_timeout: Duration,
    pub(super) default_lifetime: Duration,
    /// The token of a source that needs no exchange.
    pub(super) fixed: Option<Secret>,
}

impl<S> Clone for Parts<S> {
    fn clone(&self) -> Parts<S> {
        Parts {
            scheme: self.scheme.clone(),
            exchange: self.exchange.clone(),
            clock: self.clock.clone(),
            exchange_timeout: self.exchange_timeout,
            default_lifetime: self.default_lifetime,
            fixed: self.fixed.clone(),
        }
    }
}

pub(crate) struct Core<S> {
    pub(super) id: SourceId,
    pub(super) parts: Parts<S>,
    pub(crate) cell: Cell,
    waiters: AtomicUsize,
    locked: Mutex<Locked>,
}

struct Locked {
    machine: Machine,
    /// Present exactly while the machine has a flight, or until its loss is noticed.
    landing: Option<(FlightId, Landing)>,
}

/// A flight that waits for its task, and the way to join it.
pub(super) struct Boarding {
    pub(super) flight: FlightId,
    pub(super) landing: Landing,
}

impl<S: Scheme> Core<S> {
    pub(super) fn new(parts: Parts<S>) -> Core<S> {
        let mut machine = Machine::new(flight_limit(parts.exchange_timeout), fastrand::u64(..));
        let cell = Cell::new();
        let fixed = parts
            .fixed
            .clone()
            .and_then(|token| Some((present(&*parts.scheme, &token).ok()?, token)));
        if let Some((value, secret)) = fixed {
            let (generation, window) = machine.fixed(parts.clock.now());
            let _ = cell.publish(Arc::new(Published { secret, value, generation, window }));
        }
        Core {
            id: SourceId::next(),
            parts,
            cell,
            waiters: AtomicUsize::new(0),
            locked: Mutex::new(Locked { machine, landing: None }),
        }
    }

    #[inline]
    pub(crate) fn now(&self) -> Now {
        self.parts.clock.now()
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.parts.clock.clone()
    }

    pub(crate) fn scheme(&self) -> &S {
        &self.parts.scheme
    }

    /// The longest that anybody waits for one flight.
    pub(super) fn flight_limit(&self) -> Duration {
        flight_limit(self.parts.exchange_timeout)
    }

    // ===== events =====

    /// Asks on behalf of a request that is sent with the current token: at most, this starts a flight.
    /// Outside a runtime it does nothing; the next request asks again.
    pub(crate) fn nudge(self: &Arc<Self>) {
        if let Ok(runtime) = Handle::try_current() {
            self.ask(&runtime, &Chain::current());
        }
    }

    pub(super) fn ask(
        self: &Arc<Self>,
        runtime: &Handle,
        chain: &Chain,
    ) -> (Ask, Option<Boarding>) {
        let now = self.now();
        self.event(runtime, chain, |machine| machine.ask(now))
    }

    pub(super) fn refused(
        self: &Arc<Self>,
        runtime: &Handle,
        chain: &Chain,
        generation: Generation,
    ) -> (Refused, Option<Boarding>) {
        let now = self.now();
        self.event(runtime, chain, |machine| machine.refused(now, generation))
    }

    pub(crate) fn replay_accepted(&self) {
        self.lock().machine.replay_accepted();
    }

    pub(super) fn lift_pause(&self) {
        let now = self.now();
        let mut locked = self.lock();
        locked.machine.lift_pause(now);
        self.cell.set_quiet_until(locked.machine.quiet_until());
    }

    /// A response to a request that carried the token of generation `used`, sent at `sent`, brought a
    /// successor.
    pub(crate) fn rotated(&self, used: Generation, sent: Now, issued: &Issued) {
        let Ok(value) = self.present(issued.access_token()) else {
            return;
        };
        let now = self.now();
        let secret = issued.access_token().clone();
        let mut locked = self.lock();
        let arrival = self.arrival(issued, sent);
        let Some((generation, window)) = locked.machine.rotated(now, used, arrival) else {
            return;
        };
        let old = self.cell.publish(Arc::new(Published { secret, value, generation, window }));
        drop(locked);
        drop(old);
        tracing::debug!(%generation, "adopted a rotated token");
    }

    /// A flight ended: publishes its token, if it brought one. Returns what its waiters get.
    pub(super) fn finished(
        &self,
        flight: FlightId,
        outcome: Result<(Issued, HeaderValue, Now), ExchangeError>,
    ) -> (Finished, Option<Outcome>) {
        let now = self.now();
        let mut locked = self.lock();
        let arrival = match &outcome {
            Ok((issued, _, sent)) => Ok(self.arrival(issued, *sent)),
            Err(error) => Err(error.clone()),
        };
        let finished = locked.machine.finished(now, flight, arrival);
        let (outcome, old) = match (&finished, outcome) {
            (&Finished::Adopt { generation, window, .. }, Ok((issued, value, _))) => {
                let secret = issued.access_token().clone();
                let token = Arc::new(Published { secret, value, generation, window });
                let old = self.cell.publish(token.clone());
                (Some(Ok(AccessToken::new(token))), old)
            }
            (Finished::Failed { error, retry_in, .. }, _) => {
                (Some(Err((error.clone(), *retry_in))), None)
            }
            _ => (self.cell.latest().map(Ok), None),
        };
        let landing = self.settle(&mut locked, flight);
        drop(locked);
        drop((old, landing));
        (finished, outcome)
    }

    /// A flight's task is gone, or stands still.
    pub(super) fn lost(&self, flight: FlightId) {
        let mut locked = self.lock();
        locked.machine.lost(flight);
        let landing = self.settle(&mut locked, flight);
        drop(locked);
        drop(landing);
    }

    // ===== questions =====

    pub(super) fn status(&self) -> Status {
        let mut status = self.lock().machine.status(self.now());
        status.waiters = self.waiters.load(Ordering::Relaxed);
        status
    }

    /// The flight under way.
    pub(super) fn landing(&self) -> Option<Landing> {
        self.lock().landing.as_ref().map(|(_, landing)| landing.clone())
    }

    /// Counts a waiter until it is dropped.
    pub(super) fn waiter(&self) -> Waiter<'_> {
        self.waiters.fetch_add(1, Ordering::Relaxed);
        Waiter(&self.waiters)
    }

    /// The header value of a token, marked sensitive.
    pub(super) fn present(&self, token: &Secret) -> Result<HeaderValue, InvalidToken> {
        present(self.scheme(), token)
    }

    // ===== helpers =====

    /// Runs one event, then does what the machine says: opens the flight under the lock, so that nobody
    /// can miss it, and spawns its task after.
    fn event<T>(
        self: &Arc<Self>,
        runtime: &Handle,
        chain: &Chain,
        event: impl FnOnce(&mut Machine) -> (T, Option<Start>),
    ) -> (T, Option<Boarding>) {
        let mut locked = self.lock();
        let (answer, start) = event(&mut locked.machine);
        let mut abandoned = None;
        let flight = start.map(|Start { id, reason }| {
            let (sender, receiver) = oneshot::channel();
            abandoned = locked.landing.replace((id, receiver.shared()));
            Flight::new(self.clone(), id, reason, sender)
        });
        self.cell.set_quiet_until(locked.machine.quiet_until());
        let boarding = locked
            .landing
            .as_ref()
            .map(|(flight, landing)| Boarding { flight: *flight, landing: landing.clone() });
        drop(locked);
        drop(abandoned);
        if let Some(flight) = flight {
            let chain = chain.with(self.id);
            runtime.spawn(chain.scope(flight.run(chain.clone())));
        }
        (answer, boarding)
    }

    /// Publishes what follows from the end of `flight`.
    fn settle(&self, locked: &mut Locked, flight: FlightId) -> Option<(FlightId, Landing)> {
        self.cell.set_quiet_until(locked.machine.quiet_until());
        let ended = locked.landing.as_ref().is_some_and(|(id, _)| *id == flight);
        if ended { locked.landing.take() } else { None }
    }

    fn arrival(&self, issued: &Issued, sent: Now) -> Arrival {
        let token = issued.access_token().expose();
        let claims = Times::of(token);
        let life = schedule::life(issued.expires_in(), claims, sent, self.parts.default_lifetime);
        let same = self.cell.latest().is_some_and(|current| current.expose() == token);
        Arrival { sent, life, same }
    }

    /// A panic under the lock would be a bug of the machine, whose state is then still of plain data.
    fn lock(&self) -> MutexGuard<'_, Locked> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A flight ends itself at its deadline. If it has not a while later, its runtime does not run it.
fn flight_limit(exchange_timeout: Duration) -> Duration {
    exchange_timeout.saturating_add(Duration::from_secs(1))
}

fn present(scheme: &impl Scheme, token: &Secret) -> Result<HeaderValue, InvalidToken> {
    let mut value = scheme.header_value(token)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Counts one waiter as long as it lives.
pub(super) struct Waiter<'a>(&'a AtomicUsize);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S> fmt::Debug for Core<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("id", &self.id).finish_non_exhaustive()
    }
}
