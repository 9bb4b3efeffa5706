//! A refresh: one exchange, on a task of its own.
//!
//! A caller that gives up does not end the task. The token is stored even if no caller waits any more. The task has
//! its own deadline. A panic in the exchange or in the presentation is a failure like any other. Only the end of the
//! runtime ends the task without an outcome. Then its `Drop` tells the source, and the next caller starts another
//! refresh.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use tokio::sync::oneshot;
use tracing::Span;

use crate::basics::TARGET;
use crate::clock::Now;
use crate::credential::in_time::reload_in_time;
use crate::credential::reload::{accepted, read_again, rejected, version};
use crate::credential::shown::Shown;
use crate::error::of_credential::with_the_kind_below;
use crate::exchange::chain::Chain;
use crate::exchange::context::{ExchangeContext, Reason};
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::exchange::issued::Issued;
use crate::secret::Secret;
use crate::token::machine::events::{Finished, RefreshId, Start};
use crate::token::observer::event::{EventKind, RefreshOutcome};
use crate::token::observer::tell::lives;
use crate::token::options::present;
use crate::token::refresh_end::Obtained;
use crate::token::shared::{Core, Outcome};
use crate::token::spans::RefreshSpan;

/// A refresh. If it is dropped before its end, the source learns that it is lost, and the waiting callers are
/// woken.
pub(crate) struct RefreshTask {
    core: Arc<Core>,
    id: RefreshId,
    reason: Reason,
    started: Now,
    /// The refresh token that it may use.
    refresh_token: Option<Secret>,
    /// The version of the credentials that it has used.
    shown: AtomicU64,
    /// None after the end of the refresh.
    waiters: Option<oneshot::Sender<Outcome>>,
    span: Arc<RefreshSpan>,
}

impl RefreshTask {
    pub(crate) fn new(
        core: Arc<Core>,
        start: Start<Secret>,
        waiters: oneshot::Sender<Outcome>,
        span: Arc<RefreshSpan>,
    ) -> RefreshTask {
        let Start { id, reason, started, refresh_token } = start;
        let shown = AtomicU64::new(0);
        let waiters = Some(waiters);
        RefreshTask { core, id, reason, started, refresh_token, shown, waiters, span }
    }

    /// Begins its span, which all of [`run`](RefreshTask::run) is in. Do not call this under the lock.
    pub(crate) fn begin_span(&self) -> Span {
        self.span.begin(self.core.named_source(), self.reason)
    }

    /// The event of its start.
    pub(crate) fn started(&self) -> EventKind<'static> {
        EventKind::RefreshStarted { refresh: self.id.tick(), reason: self.reason }
    }

    pub(crate) async fn run(mut self, chain: Chain) {
        tracing::debug!(
            target: TARGET, system = self.core.system, reason = ?self.reason, "exchange begins",
        );
        let clock = self.core.options.clock.clone();
        let cx = ExchangeContext::new(clock, self.reason, self.refresh_token.take(), chain);
        let outcome = match AssertUnwindSafe(self.exchange(&cx)).catch_unwind().await {
            Ok(outcome) => outcome,
            // The payload is not shown, because it may contain a secret.
            Err(_) => Err(ExchangeError::new(ExchangeErrorKind::Panicked, "the exchange panicked")),
        };
        let issued = outcome.as_ref().ok().map(|obtained| &obtained.issued);
        let scope = issued.and_then(Issued::shared_scope);
        let no_life = issued.is_some_and(|issued| issued.stated().no_life);
        let has_no_type = issued.is_some_and(Issued::has_no_issued_type);
        let (finished, outcome) =
            self.core.finished(self.id, outcome, self.shown.load(Ordering::Relaxed));
        let ended = self.core.now();
        let told = self.core.is_observed().then(|| outcome.clone());
        self.report(&finished, outcome.as_ref());
        if let (Finished::Adopt { .. }, Some(scope)) = (&finished, scope) {
            let system = self.core.system;
            tracing::info!(
                target: TARGET, system, %scope, "another scope was granted than was asked for",
            );
        }
        if no_life && !self.core.told_no_life.swap(true, Ordering::Relaxed) {
            let system = self.core.system;
            tracing::warn!(
                target: TARGET, system,
                "the token endpoint stated no life (`expires_in` is zero or less): it counts as unstated",
            );
        }
        if has_no_type && !self.core.told_no_issued_type.swap(true, Ordering::Relaxed) {
            let system = self.core.system;
            tracing::info!(
                target: TARGET, system,
                "the answer to the token exchange has no issued_token_type: its token counts as an access token",
            );
        }
        self.span.end(Self::ended(ended, &finished, outcome.as_ref(), &cx).as_str());
        // The token is already published. Waking many callers takes time, so it is nearly the last step. An observer that
        // blocks does not delay them.
        if let (Some(waiters), Some(outcome)) = (self.waiters.take(), outcome) {
            let _ = waiters.send(outcome);
        }
        // Its time is before that of the callers that it woke.
        if let Some(outcome) = told {
            self.tell(ended, Self::ended(ended, &finished, outcome.as_ref(), &cx), cx.requests());
        }
    }

    /// How the refresh ended, for observers and traces.
    fn ended<'o>(
        ended: Now,
        finished: &Finished<ExchangeError>,
        outcome: Option<&'o Outcome>,
        cx: &ExchangeContext,
    ) -> RefreshOutcome<'o> {
        match (finished, outcome) {
            (&Finished::Adopt { generation, window, recovered: failing_for, .. }, _) => {
                let (lifetime, expires_in) = lives(window, cx.sent(), ended);
                RefreshOutcome::Issued { generation, lifetime, expires_in, failing_for }
            }
            (Finished::Failed { .. }, Some(Err((error, _)))) => RefreshOutcome::Failed(error),
            _ => RefreshOutcome::TooLate,
        }
    }

    /// Tells the observers how the refresh ended.
    fn tell(&self, ended: Now, outcome: RefreshOutcome<'_>, requests: u32) {
        self.tell_end(ended, outcome, requests);
        if let RefreshOutcome::Failed(error) = outcome
            && error.is_about_the_credentials()
        {
            self.core.tell_refused_credentials(ended);
        }
        self.core.tell_state();
    }

    fn tell_end(&self, ended: Now, outcome: RefreshOutcome<'_>, requests: u32) {
        let (refresh, reason, took) = (self.id.tick(), self.reason, ended.since(self.started));
        let kind = EventKind::RefreshFinished { refresh, reason, took, requests, outcome };
        self.core.tell_at(ended, kind);
    }

    /// Makes the exchange under its deadline, and the header for its token.
    async fn exchange(&self, cx: &ExchangeContext) -> Result<Obtained, ExchangeError> {
        let options = &self.core.options;
        // The deadline counts from the start of the refresh, like the limit of the waiting callers. A busy runtime
        // may poll the task later.
        let late = options.clock.now().since(self.started);
        let left = options.exchange_timeout.saturating_sub(late);
        let deadline = self.core.sleep(left).map_err(|error| {
            let message = "there is no timer for the exchange's deadline";
            ExchangeError::new(ExchangeErrorKind::Configuration, message).with_source(error)
        })?;
        let is_read = AtomicBool::new(false);
        let exchange = async {
            // Read here and not in the exchange, because an exchange may wrap another one.
            let shown = self.show_credentials(cx).await?;
            is_read.store(true, Ordering::Relaxed);
            let refused = match self.core.exchange.exchange(cx).await {
                Err(error) if error.is_about_the_credentials() => error,
                Err(error) => return Err(error),
                Ok(issued) => return Ok(issued.settle_refresh_token(cx.refresh_token())),
            };
            if !self.has_another_value(&shown, &refused).await {
                return Err(refused);
            }
            let (again, system) = (cx.once_more(), self.core.system);
            let Ok(others) = self.show_credentials(&again).await else { return Err(refused) };
            tracing::info!(target: TARGET, system, "the credentials were refused, and there are others now");
            let issued = self.core.exchange.exchange(&again).await?;
            accepted(&others, &shown);
            Ok(issued.settle_refresh_token(None))
        };
        let issued = match select(pin!(exchange), deadline).await {
            Either::Left((issued, _)) => issued.map_err(with_the_kind_below)?,
            Either::Right(((), _)) => {
                let timeout = options.exchange_timeout;
                let message = match is_read.load(Ordering::Relaxed) {
                    true => format!(
                        "no answer within {timeout:?}: check the network, or raise exchange_timeout"
                    ),
                    false => {
                        let credentials = read_again(options.exchange.credentials());
                        format!(
                            "the credentials could not be read within {timeout:?}: {credentials}"
                        )
                    }
                };
                return Err(ExchangeError::new(ExchangeErrorKind::Timeout, message));
            }
        };
        let (token, token_type) = (issued.access_token(), issued.shared_token_type());
        let presented = present(self.core.presentation(), token, token_type)
            .map_err(|message| ExchangeError::new(ExchangeErrorKind::Malformed, message))?;
        let begins_a_lineage = self.core.rotation.is_some();
        Ok(Obtained { issued, presented, begins_a_lineage, sent: cx.sent() })
    }

    /// Reads the credentials for an attempt.
    async fn show_credentials(&self, cx: &ExchangeContext) -> Result<Shown, ExchangeError> {
        let credentials = self.core.options.exchange.credentials();
        let read = reload_in_time(credentials, cx.clock()).await;
        let version = read.as_ref().map_or_else(|_| version(credentials), Shown::version);
        self.shown.store(version, Ordering::Relaxed);
        self.core.tell_credentials();
        let shown = read?;
        cx.show(shown.clone());
        Ok(shown)
    }

    /// Whether a provider, or the file of a value that has ended, has another value after this refusal.
    ///
    /// The reading has half of the time that is left. If a provider hangs or panics, the refusal is still the
    /// outcome.
    async fn has_another_value(&self, shown: &Shown, refused: &ExchangeError) -> bool {
        let (options, now) = (&self.core.options, self.core.now());
        let left = options.exchange_timeout.saturating_sub(now.since(self.started));
        let Ok(patience) = self.core.sleep(left / 2) else { return false };
        let has_ended = refused.is_about_an_end();
        let told = rejected(shown, refused.code(), has_ended, &*options.clock);
        let told = AssertUnwindSafe(told).catch_unwind();
        matches!(select(pin!(told), patience).await, Either::Left((Ok(true), _)))
    }

    fn report(&self, finished: &Finished<ExchangeError>, outcome: Option<&Outcome>) {
        let now = self.core.now();
        let (reason, system, took) = (self.reason, self.core.system, now.since(self.started));
        match (finished, outcome) {
            (Finished::Adopt { generation, window, recovered, .. }, _) => {
                let expires_in = now.until(window.ends_at);
                match recovered {
                    Some(failing_for) => tracing::info!(
                        target: TARGET, system, %generation, ?reason, ?took, ?expires_in, ?failing_for,
                        "exchange succeeds again",
                    ),
                    None => tracing::debug!(
                        target: TARGET, system, %generation, ?reason, ?took, ?expires_in,
                        "exchange succeeded",
                    ),
                }
            }
            (Finished::Failed { failures, .. }, Some(Err((error, retry_in)))) => {
                let cause = std::error::Error::source(error).map(ToString::to_string);
                let is_in_text = |cause: &String| error.to_string().contains(cause);
                let cause = cause.filter(|cause| !is_in_text(cause)).map(tracing::field::display);
                tracing::warn!(
                    target: TARGET, system,
                    %error, cause, ?reason, ?took, failures, next_attempt_in = ?retry_in,
                    "exchange failed",
                );
            }
            _ => tracing::debug!(target: TARGET, system, ?reason, ?took, "exchange ended too late"),
        }
    }
}

/// This only locks, wakes, ends the span and tells the observers, so it does not panic.
impl Drop for RefreshTask {
    fn drop(&mut self) {
        if self.waiters.is_some() {
            self.span.end(RefreshOutcome::Lost.as_str());
            self.tell_end(self.core.now(), RefreshOutcome::Lost, 0);
            self.core.lost(self.id);
        }
    }
}
