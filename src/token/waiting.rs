//! Waits for a token, or for the next token after a refusal.
//!
//! All callers that wait for a refresh get its outcome. After a failure, none of them starts another refresh. A
//! caller may stop waiting at any time: the refresh and all other callers continue.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use tokio::runtime::Handle;

use crate::error::recovery::Recovery;
use crate::error::{Error, ErrorKind};
use crate::exchange::chain::Chain;
use crate::token::machine::events::{Complaint, Generation, Refused};
use crate::token::observer::event::{WaitFor, WaitOutcome};
use crate::token::observer::wait::Wait;
use crate::token::published::{AccessToken, Age};
use crate::token::request_refresh::Asked;
use crate::token::shared::{Core, InProgress, Outcome, UnderWay};

/// A caller gives up after this many refreshes were lost with their runtimes.
const MAX_LOST: u32 = 3;

/// In the hard margin, a caller stops waiting and uses the old token when this much of its life is left, or half of
/// what was left when the caller came.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// How long a request waits that is sent again with the same token.
const UNTIL_SENT_AGAIN: Duration = Duration::from_secs(1);

/// The longest wait of a request that cannot be sent again and has a usable token: a token endpoint that hangs must
/// not delay it longer. A doubted response waits for the renewal for the same time, because it is mostly correct.
const FOR_A_BETTER_TOKEN: Duration = Duration::from_secs(1);

/// The end of a wait for a refresh.
enum Waited {
    Ended(Outcome),
    Lost,
    /// The caller stopped waiting before the refresh ended.
    Enough,
}

/// What follows a refusal.
#[derive(Debug)]
pub(crate) enum Renewal {
    /// Send the request again with this token. `waited`: the request waited for this token, so if it is accepted, the renewal
    /// has helped.
    Token { token: AccessToken, waited: bool },
    /// Return the refusal to the caller.
    HandOn(Recovery),
}

impl Core {
    /// A token for a request that cannot be sent again. If the current token is due for renewal, or was refused and
    /// is being renewed, this waits for the next one, for one second at most. Otherwise this is the current token.
    pub(crate) async fn acquire_fresh(self: Arc<Self>, chain: Chain) -> Result<AccessToken, Error> {
        let runtime = runtime()?;
        drop(self.sleep(LAST_MOMENT)?); // returns an error if there is no timer
        let mut wait = Wait::of(&self, Some(WaitFor::FresherToken));
        if let Asked::Use = self.ask(&runtime, &chain)
            && let Some(in_progress) = self.in_progress()
            && let Some(left) = self.usable().map(|token| token.left(self.now()))
        {
            let patience = (left - LAST_MOMENT.min(left / 2)).min(FOR_A_BETTER_TOKEN);
            match self.wait(&mut wait, in_progress, &chain, Some(patience)).await {
                Err(error) if error.kind() == ErrorKind::Reentrant => return Err(error),
                _ => {}
            }
            if let Some(token) = self.usable() {
                wait.end(WaitOutcome::Token);
                return Ok(token);
            }
        }
        let token = self.acquire_after(&mut wait, &chain).await;
        wait.end_with(&token);
        token
    }

    /// A usable token: the current one, or the next one.
    pub(crate) async fn acquire(self: Arc<Self>, chain: Chain) -> Result<AccessToken, Error> {
        // A fresh token needs neither the lock nor a runtime, as on the hot path.
        let read = self.cell.read(self.now()).filter(|read| read.age != Age::Due);
        if let Some(token) = read.and_then(|read| read.to_token()) {
            return Ok(token);
        }
        let mut wait = Wait::of(&self, Some(WaitFor::Token));
        let token = self.acquire_after(&mut wait, &chain).await;
        wait.end_with(&token);
        token
    }

    /// A usable token, after a wait that may have begun.
    async fn acquire_after(
        self: &Arc<Self>,
        wait: &mut Wait<'_>,
        chain: &Chain,
    ) -> Result<AccessToken, Error> {
        let runtime = runtime()?;
        for _ in 0..=MAX_LOST {
            // Without a timer this caller cannot wait, so it starts no refresh.
            drop(self.sleep(LAST_MOMENT)?);
            let in_progress = match self.ask(&runtime, chain) {
                Asked::Fail(error) => return self.usable().ok_or(error),
                Asked::Wait(in_progress) => in_progress,
                Asked::Use => match self.usable() {
                    Some(token) => return Ok(token),
                    None => continue, // the refresh has just ended
                },
            };
            // A token that could not be renewed in time is used until it expires.
            let left = self.usable().map(|token| token.left(self.now()));
            let patience = left.map(|left| left - LAST_MOMENT.min(left / 2));
            match self.wait(wait, in_progress, chain, patience).await {
                Ok(Waited::Ended(Ok(token))) if token.is_usable(self.now()) => return Ok(token),
                Ok(Waited::Ended(Err((error, retry_in)))) => {
                    return self.usable().ok_or_else(|| Error::exchange_failed(error, retry_in));
                }
                Ok(Waited::Enough) => {
                    if let Some(token) = self.usable() {
                        return Ok(token);
                    }
                }
                Ok(Waited::Ended(Ok(_)) | Waited::Lost) => {}
                Err(error) if error.kind() == ErrorKind::Reentrant => return Err(error),
                Err(error) => return self.usable().ok_or(error),
            }
        }
        self.usable().ok_or_else(vanished)
    }

    /// The next token after the API refused or doubted this one, for a caller that waits.
    pub(crate) async fn renew(
        self: Arc<Self>,
        complaint: Complaint,
        refused: Generation,
        chain: Chain,
    ) -> Renewal {
        let mut wait = Wait::of(&self, Some(WaitFor::Renewal));
        let renewal = self.renew_after(&mut wait, complaint, refused, &chain).await;
        if wait.has_begun() {
            wait.end(match &renewal {
                Renewal::Token { .. } => WaitOutcome::Token,
                Renewal::HandOn(recovery) => WaitOutcome::NoSuccessor(*recovery),
            });
        }
        renewal
    }

    async fn renew_after(
        self: &Arc<Self>,
        wait: &mut Wait<'_>,
        complaint: Complaint,
        refused: Generation,
        chain: &Chain,
    ) -> Renewal {
        let recovery = match self.try_renew(wait, complaint, refused, chain).await {
            Renewal::HandOn(recovery) => recovery,
            token @ Renewal::Token { .. } => return token,
        };
        // A response or another refresh may have brought a newer token meanwhile.
        match self.usable().filter(|token| token.generation() > refused) {
            Some(token) => Renewal::Token { token, waited: false },
            None => Renewal::HandOn(recovery),
        }
    }

    async fn try_renew(
        self: &Arc<Self>,
        wait: &mut Wait<'_>,
        complaint: Complaint,
        refused: Generation,
        chain: &Chain,
    ) -> Renewal {
        let Ok(runtime) = runtime() else { return Renewal::HandOn(Recovery::RenewalFailed) };
        let patience = match complaint {
            Complaint::Refusal => None,
            Complaint::Doubt => Some(FOR_A_BETTER_TOKEN),
        };
        if complaint == Complaint::Refusal {
            self.await_successor(refused).await;
        }
        let ends = patience.map(|patience| self.now() + patience);
        for _ in 0..=MAX_LOST {
            let patience = ends.map(|ends| self.now().until(ends));
            let (in_progress, counts) = match self.refused(&runtime, chain, refused, complaint) {
                (Refused::HandOn(recovery), _) => return Renewal::HandOn(recovery),
                (Refused::Resend, _) => match self.usable() {
                    Some(token) => return Renewal::Token { token, waited: false },
                    None => continue, // the refresh has just ended
                },
                (Refused::SendAgain, _) => return self.the_same_token().await,
                (Refused::Wait, Some(in_progress)) => (in_progress, true),
                (Refused::WaitAndAsk, Some(in_progress)) => (in_progress, false),
                (Refused::Wait | Refused::WaitAndAsk, None) => continue,
            };
            match self.wait(wait, in_progress, chain, patience).await {
                Ok(Waited::Ended(Ok(token))) if counts && token.generation() > refused => {
                    // A doubt takes nothing from the budget, so nothing is refunded.
                    return Renewal::Token { token, waited: complaint == Complaint::Refusal };
                }
                Ok(Waited::Ended(Ok(_))) if counts => {
                    return Renewal::HandOn(Recovery::SameToken);
                }
                Ok(Waited::Ended(Err(_))) if counts => break,
                Ok(Waited::Enough) | Err(_) => break,
                Ok(_) => {}
            }
        }
        Renewal::HandOn(Recovery::RenewalFailed)
    }

    /// The refused token once more, because the provider may accept it a second later; or a newer one that came meanwhile.
    async fn the_same_token(&self) -> Renewal {
        if let Ok(pause) = self.sleep(UNTIL_SENT_AGAIN) {
            pause.await;
            if let Some(token) = self.usable() {
                return Renewal::Token { token, waited: false };
            }
        }
        Renewal::HandOn(Recovery::RenewalFailed)
    }

    /// Starts the renewal of a refused or doubted token without waiting for it. Returns the reason
    /// if that is not possible.
    pub(crate) fn renew_for_others(
        self: &Arc<Self>,
        complaint: Complaint,
        refused: Generation,
    ) -> Option<Recovery> {
        let Ok(runtime) = Handle::try_current() else { return Some(Recovery::RenewalFailed) };
        let chain = Chain::current();
        if complaint == Complaint::Refusal && self.is_about_to_follow(refused) {
            // A task waits for the other responses in place of the caller, because they may bring
            // no new token.
            let (core, within) = (self.clone(), chain.clone());
            runtime.spawn(chain.scope(async move {
                let mut wait = Wait::of(&core, None);
                core.renew_after(&mut wait, complaint, refused, &within).await
            }));
            return None;
        }
        match self.refused(&runtime, &chain, refused, complaint).0 {
            Refused::HandOn(recovery) => Some(recovery),
            Refused::Resend | Refused::SendAgain | Refused::Wait | Refused::WaitAndAsk => None,
        }
    }

    /// The current token, if it has not expired.
    pub(crate) fn usable(&self) -> Option<AccessToken> {
        self.cell.latest().filter(|token| token.is_usable(self.now()))
    }

    /// Waits until no refresh is under way.
    pub(crate) async fn settled(&self) {
        let mut wait = Wait::of(self, None);
        while let Some(in_progress) = self.in_progress() {
            if self.wait(&mut wait, in_progress, &Chain::default(), None).await.is_err() {
                return; // its runtime does not run
            }
        }
    }

    /// Waits for one refresh, at most `patience`.
    async fn wait(
        &self,
        wait: &mut Wait<'_>,
        in_progress: InProgress,
        chain: &Chain,
        patience: Option<Duration>,
    ) -> Result<Waited, Error> {
        if chain.contains(self.id) {
            return Err(Error::reentrant());
        }
        let Some(_waits) = chain.wait_for(self.id) else { return Err(Error::reentrant()) };
        let UnderWay { receiver, span } = in_progress.under_way;
        wait.begin(&span);
        // The refresh has its own deadline. This limit is for a runtime that does not run and was not dropped.
        let flown = self.now().since(in_progress.started);
        let limit = self.refresh_limit().saturating_sub(flown);
        let patience = patience.filter(|patience| *patience < limit);
        let sleep = self.sleep(patience.unwrap_or(limit))?;
        let receiver = match select(receiver, sleep).await {
            Either::Left((obtained, _)) => return Ok(obtained.map_or(Waited::Lost, Waited::Ended)),
            Either::Right(((), receiver)) => receiver,
        };
        if patience.is_some() {
            return Ok(Waited::Enough);
        }
        // If the whole process stood still, both deadlines have passed. Let the task of the refresh run
        // first.
        tokio::task::yield_now().await;
        if let Some(obtained) = receiver.now_or_never() {
            return Ok(obtained.map_or(Waited::Lost, Waited::Ended));
        }
        self.lost(in_progress.refresh);
        Err(vanished())
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
        "the exchange was lost: its runtime ended or does not run; the next request \
         starts another",
    )
}
