//! What a flight's end means for the shell: what it brought is published, then those who waited are told.

use std::sync::Arc;

use http::HeaderValue;

use super::action::{Arrival, Finished, FlightId, Generation};
use super::backoff::Fault;
use super::cell::{AccessToken, Published};
use super::core::{Boarding, Core, Locked, Outcome};
use super::rotation::Line;
use super::schedule::{self, Window};
use crate::clock::Now;
use crate::exchange::{ExchangeError, ExchangeErrorKind, Issued};
use crate::scheme::Scheme;
use crate::scheme::jwt::{Claims, Times};

impl<S: Scheme> Core<S> {
    /// A flight ended: publishes its token, if it brought one. Returns what its waiters get.
    pub(super) fn finished(
        &self,
        flight: FlightId,
        landed: Result<(Issued, HeaderValue, Now), ExchangeError>,
    ) -> (Finished, Option<Outcome>) {
        let now = self.now();
        let arrival = landed.as_ref().map(|(issued, _, sent)| self.arrival(issued, *sent));
        let line = arrival.as_ref().ok().zip(landed.as_ref().ok());
        let line = line.and_then(|(arrival, (issued, ..))| self.line(issued, arrival));
        let mut locked = self.lock();
        let arrival = match (arrival, &landed) {
            (Ok(arrival), Ok((issued, _, _))) => Ok(self.compared(arrival, issued)),
            (Err(error), _) | (_, Err(error)) => {
                Err(Fault { transient: error.is_transient(), retry_after: error.retry_after() })
            }
        };
        let finished = locked.machine.finished(now, flight, arrival);
        let (outcome, old_token, old_error) = match (finished, &landed) {
            (Finished::Adopt { generation, window, .. }, Ok((issued, value, _))) => {
                // Stored before anybody can use the token that it came with.
                locked.refresh_token = issued.refresh_token().cloned();
                locked.granted_scope = issued.shared_scope();
                let (token, old) = self.publish(issued, value.clone(), (generation, window), line);
                (Some(Ok(token)), old, locked.last_error.take())
            }
            (Finished::Failed { dead, retry_in, .. }, _) => {
                let error = landed.as_ref().err().filter(|_| !dead).cloned();
                let error = error.unwrap_or_else(dead_on_arrival);
                let old = locked.last_error.replace(error.clone());
                (Some(Err((error, retry_in))), None, old)
            }
            _ => (None, None, None),
        };
        let landing = self.settle(&mut locked, flight);
        drop(locked);
        drop((old_token, old_error, landing, landed));
        self.wake_riders();
        (finished, outcome)
    }

    /// Publishes what follows from the end of `flight`.
    pub(super) fn settle(&self, locked: &mut Locked, flight: FlightId) -> Option<Boarding> {
        self.cell.hint(&locked.machine);
        locked.landing.take_if(|boarding| boarding.flight == flight)
    }

    /// To be called under the lock. Returns the token, and the one that it replaces.
    pub(super) fn publish(
        &self,
        issued: &Issued,
        value: HeaderValue,
        (generation, window): (Generation, Window),
        line: Option<Arc<Line>>,
    ) -> (AccessToken, Option<Arc<Published>>) {
        let secret = issued.access_token().clone();
        let token = Published { secret, value, generation, window, line, source: self.id };
        let token = Arc::new(token);
        (AccessToken::new(token.clone()), self.cell.publish(token))
    }

    fn arrival(&self, issued: &Issued, sent: Now) -> Arrival {
        let claims = Times::of(issued.access_token().expose());
        let life = schedule::life(issued.expires_in(), claims, sent, self.parts.default_lifetime);
        let refresh = issued.refresh_token().is_some();
        let (dated, claimed) = (claims.exp.is_some(), claims.claimed());
        Arrival { sent, life, dated, same: false, refresh, claimed }
    }

    /// What the line of an exchanged token begins with, where responses hand out successors.
    fn line(&self, issued: &Issued, arrival: &Arrival) -> Option<Arc<Line>> {
        self.scheme().rotation()?;
        let claims = Claims::of(issued.access_token().expose());
        Some(Arc::new(Line { claims, landed: self.now(), life: arrival.life }))
    }

    /// To be called under the lock: whether it is the current token depends on which that is.
    pub(super) fn compared(&self, arrival: Arrival, issued: &Issued) -> Arrival {
        let token = issued.access_token().expose();
        let same = self.cell.latest().is_some_and(|current| current.expose() == token);
        Arrival { same, ..arrival }
    }
}

fn dead_on_arrival() -> ExchangeError {
    let message = "the token had already ended when it arrived, or lives for less than a second";
    ExchangeError::new(ExchangeErrorKind::Expired, message)
}
