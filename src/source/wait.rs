//! Waiting: for a token, or for the successor of a refused one.
//!
//! Everybody who waited for a flight gets its outcome; nobody makes an attempt of his own after a failed
//! one. Dropping a wait at any point leaves the flight and all other waits as they are.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::future::{Either, select};
use tokio::runtime::Handle;

use super::cell::AccessToken;
use super::core::{Boarding, Core, Outcome};
use super::state::{Ask, Generation, Refused};
use crate::exchange::Chain;
use crate::recovery::Recovery;
use crate::scheme::Scheme;
use crate::{Error, ErrorKind};

/// Flights that one wait may see vanish (with their runtimes) before it gives up.
const MAX_LOST: u32 = 3;

/// How waiting for one flight ended.
enum Waited {
    Landed(Outcome),
    Lost,
}

/// What follows a refusal.
#[derive(Debug)]
pub(crate) enum Renewal {
    /// Send the request again with this token. `paid`: tell the source if that is accepted.
    Token { token: AccessToken, paid: bool },
    /// Give the refusal to the caller.
    HandOn(Recovery),
}

impl<S: Scheme> Core<S> {
    /// A usable token: the current one, or the next one.
    pub(crate) async fn acquire(self: Arc<Self>, chain: Chain) -> Result<AccessToken, Error> {
        let runtime = runtime()?;
        let mut lost = 0;
        loop {
            let (ask, boarding) = self.ask(&runtime, &chain);
            match (ask, boarding) {
                (Ask::Fail { error, age, retry_in }, _) => {
                    return Err(Error::backing_off(error, age, retry_in));
                }
                (Ask::Wait, Some(boarding)) => {
                    // In its last moments, a token that could not be renewed is still a token.
                    let or_usable = |error| self.usable().ok_or(error);
                    match self.wait(boarding, &chain).await {
                        Ok(Waited::Landed(Ok(token))) if token.is_usable(self.now()) => {
                            return Ok(token);
                        }
                        Ok(Waited::Landed(Err((error, retry_in)))) => {
                            return or_usable(Error::exchange_failed(error, retry_in));
                        }
                        Ok(Waited::Landed(Ok(_)) | Waited::Lost) => {}
                        Err(error) if error.kind() == ErrorKind::Reentrant => return Err(error),
                        Err(error) => return or_usable(error),
                    }
                }
                // The current token; `None` if it ended this very moment, or a flight that did.
                _ => {
                    if let Some(token) = self.usable() {
                        return Ok(token);
                    }
                }
            }
            lost += 1;
            if lost > MAX_LOST {
                return Err(vanished());
            }
        }
    }

    /// The successor of a token that the API refused.
    pub(crate) async fn renew(self: Arc<Self>, refused: Generation, chain: Chain) -> Renewal {
        let Ok(runtime) = runtime() else {
            return Renewal::HandOn(Recovery::RenewalFailed);
        };
        let mut paid = false;
        for _ in 0..=MAX_LOST {
            let (answer, boarding) = self.refused(&runtime, &chain, refused);
            match (answer, boarding) {
                (Refused::HandOn(recovery), _) => return Renewal::HandOn(recovery),
                (Refused::Resend, _) => match self.usable() {
                    Some(token) => return Renewal::Token { token, paid },
                    None => continue,
                },
                (Refused::Wait { paid: now_paid }, Some(boarding)) => {
                    paid |= now_paid;
                    match self.wait(boarding, &chain).await {
                        Ok(Waited::Landed(Ok(token))) if token.generation() > refused => {
                            return Renewal::Token { token, paid };
                        }
                        Ok(Waited::Landed(Ok(_))) => return Renewal::HandOn(Recovery::SameToken),
                        Ok(Waited::Lost) => {}
                        Ok(Waited::Landed(Err(_))) | Err(_) => break,
                    }
                }
                (Refused::WaitAndAsk, Some(boarding)) => {
                    if self.wait(boarding, &chain).await.is_err() {
                        break;
                    }
                }
                (Refused::Wait { .. } | Refused::WaitAndAsk, None) => {}
            }
        }
        Renewal::HandOn(Recovery::RenewalFailed)
    }

    /// Has a refused token renewed without waiting for it.
    pub(crate) fn renew_for_others(self: &Arc<Self>, refused: Generation) {
        if let Ok(runtime) = Handle::try_current() {
            self.refused(&runtime, &Chain::current(), refused);
        }
    }

    /// The current token, if it has not ended.
    pub(crate) fn usable(&self) -> Option<AccessToken> {
        self.cell.latest().filter(|token| token.is_usable(self.now()))
    }

    async fn wait(&self, boarding: Boarding, chain: &Chain) -> Result<Waited, Error> {
        if chain.contains(self.id) {
            return Err(Error::reentrant());
        }
        let _waiter = self.waiter();
        // The flight has a deadline of its own, on its own runtime. This one is for the case that
        // that runtime has stopped running without being dropped.
        let limit = self.flight_limit();
        let limit = catch_unwind(AssertUnwindSafe(|| self.parts.clock.sleep(limit)));
        let limit = limit.map_err(|_| {
            let message =
                "this tokio runtime has no timer: build it with enable_all or enable_time";
            Error::new(ErrorKind::Runtime, message)
        })?;
        match select(boarding.landing, limit).await {
            Either::Left((Ok(outcome), _)) => Ok(Waited::Landed(outcome)),
            Either::Left((Err(_), _)) => Ok(Waited::Lost),
            Either::Right(((), _)) => {
                self.lost(boarding.flight);
                Err(vanished())
            }
        }
    }
}

fn runtime() -> Result<Handle, Error> {
    Handle::try_current().map_err(|_| {
        let message = "a token is needed, and there is no tokio runtime to exchange credentials on: \
                       poll the future within one";
        Error::new(ErrorKind::Runtime, message)
    })
}

fn vanished() -> Error {
    Error::new(
        ErrorKind::Timeout,
        "the exchange vanished: the runtime that it ran on ended or stands still; the next request \
         starts another",
    )
}
