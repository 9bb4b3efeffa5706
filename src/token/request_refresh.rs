//! What callers start: a refresh, and a reload of refused credentials.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::basics::TARGET;
use crate::clock::Now;
use crate::credential::reload::reload;
use crate::error::Error;
use crate::error::recovery::Recovery;
use crate::exchange::chain::Chain;
use crate::secret::Secret;
use crate::token::machine::events::{Ask, Complaint, Generation, Refused, Start};
use crate::token::observer::event::EventKind;
use crate::token::refresh_task::RefreshTask;
use crate::token::shared::{Core, Event, InProgress, UnderWay};
use crate::token::spans::RefreshSpan;

/// How long a reload may take. After that time another one may begin.
const RELOAD_LIMIT: Duration = Duration::from_secs(10);

/// What a caller that wants a token does next.
pub(crate) enum Asked {
    Use,
    Wait(InProgress),
    Fail(Error),
}

impl Core {
    /// Starts a refresh, if one is due, for a request that is sent with the current token. Outside a runtime it does
    /// nothing, and the next request tries again.
    pub(crate) fn request_refresh(self: &Arc<Self>) {
        if let Ok(runtime) = Handle::try_current() {
            self.ask(&runtime, &Chain::current());
        }
    }

    pub(crate) fn ask(self: &Arc<Self>, runtime: &Handle, chain: &Chain) -> Asked {
        if let Some(message) = chain.too_long_with(self.id, self.system) {
            return Asked::Fail(Error::configuration(message));
        }
        let now = self.now();
        let mut event = self.event();
        let (ask, start) = event.machine.ask(now);
        let error = event.machine.last_error().cloned();
        let in_progress = self.apply(now, event, runtime, chain, start);
        match (ask, in_progress, error) {
            (Ask::Wait, Some(in_progress), _) => Asked::Wait(in_progress),
            (Ask::Fail { age, retry_in }, _, Some(error)) => {
                Asked::Fail(Error::backing_off(self.named(&error), age, retry_in))
            }
            _ => Asked::Use,
        }
    }

    /// Reloads the credentials, if they were refused and the pause is not over, and waits for that. For callers that can
    /// wait, such as the start of a service: they use a corrected credential at once.
    pub(crate) async fn reload_refused(self: &Arc<Self>) {
        let Ok(runtime) = Handle::try_current() else { return };
        let now = self.now();
        if self.event().machine.reload_now(now) {
            let (core, chain) = (self.clone(), Chain::current().with(self.id, self.system));
            // On a task of its own, because a provider may panic.
            let _ = runtime.spawn(chain.scope(async move { core.reload().await })).await;
        }
    }

    /// Requests a newer token than the one that a response refuses or doubts.
    pub(crate) fn refused(
        self: &Arc<Self>,
        runtime: &Handle,
        chain: &Chain,
        generation: Generation,
        complaint: Complaint,
    ) -> (Refused, Option<InProgress>) {
        if chain.too_long_with(self.id, self.system).is_some() {
            return (Refused::HandOn(Recovery::RenewalFailed), None);
        }
        let now = self.now();
        let mut event = self.event();
        let (answer, start) = match complaint {
            Complaint::Refusal => event.machine.refused(now, generation),
            Complaint::Doubt => event.machine.doubted(now, generation),
        };
        let in_progress = self.apply(now, event, runtime, chain, start);
        if answer == Refused::HandOn(Recovery::BudgetSpent) {
            self.report_renewals_in_vain();
        }
        (answer, in_progress)
    }

    fn report_renewals_in_vain(&self) {
        self.tell(EventKind::BudgetExhausted {});
        if !self.told_in_vain.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: TARGET, system = self.system,
                "the API refuses new tokens, so renewals do not help: callers get its refusals (this is said once, until a \
                 renewal helps)",
            );
        }
    }

    /// Performs the machine's action at the end of an event. A refresh is registered under the lock, so that every
    /// caller sees it. Its task is spawned without the lock. Returns the refresh that is running.
    fn apply(
        self: &Arc<Self>,
        now: Now,
        mut event: Event<'_>,
        runtime: &Handle,
        chain: &Chain,
        start: Option<Start<Secret>>,
    ) -> Option<InProgress> {
        let refresh = start.map(|start| {
            let (sender, receiver) = oneshot::channel();
            let span = Arc::new(RefreshSpan::default());
            let under_way = UnderWay { receiver: receiver.shared(), span: Arc::downgrade(&span) };
            event.machine.began(start.id, under_way);
            RefreshTask::new(self.clone(), start, sender, span)
        });
        let reload_due = event.machine.reload_due(now);
        let in_progress = event.in_progress();
        drop(event);
        // Only one reload runs at a time, because a file system may hang.
        if reload_due && let Some(reload_due) = Reload::begin(self, now) {
            // The reload runs as a part of this source's exchange: a credential may be another source's token, and
            // that source may need a token of this one.
            runtime.spawn(chain.with(self.id, self.system).scope(reload_due.run()));
        }
        if let Some(refresh) = refresh {
            self.wake_waiting();
            let chain = chain.with(self.id, self.system);
            let (started, span) = (refresh.started(), refresh.begin_span());
            runtime.spawn(chain.scope(refresh.run(chain.clone()).instrument(span)));
            // An observer that blocks delays this caller, and not the refresh.
            self.tell(started);
        }
        in_progress
    }

    /// Reads the credentials again. If they have changed since their refusal, the pause ends.
    async fn reload(&self) {
        let credentials = self.options.exchange.credentials();
        // It ends at the limit, because another reload may begin then. So a provider that hangs has only one reload
        // at a time.
        let Ok(limit) = self.sleep(RELOAD_LIMIT) else { return };
        let read = pin!(reload(credentials, &*self.options.clock));
        let Either::Left((read, _)) = select(read, limit).await else { return };
        self.tell_credentials();
        let refused = self.lock().refused_credentials;
        if read.is_ok_and(|shown| shown.version() != refused) {
            tracing::info!(target: TARGET, system = self.system, "the credentials have changed");
            self.credentials_changed();
        }
    }
}

/// A reload of refused credentials that requests have started, because somebody may have corrected them: one at a time. It
/// ends when this is dropped, also at the end of its runtime.
struct Reload {
    core: Arc<Core>,
    ends: u64,
}

impl Reload {
    /// None while another reload is running.
    fn begin(core: &Arc<Core>, now: Now) -> Option<Reload> {
        let ends = (now + RELOAD_LIMIT).mono_nanos();
        let begin = |until: u64| (until <= now.mono_nanos()).then_some(ends);
        core.reloading_until.fetch_update(Ordering::Relaxed, Ordering::Relaxed, begin).ok()?;
        Some(Reload { core: core.clone(), ends })
    }

    async fn run(self) {
        self.core.reload().await;
    }
}

/// Never panics.
impl Drop for Reload {
    fn drop(&mut self) {
        // If the limit has passed, another reload may be running.
        let (set, relaxed) = (&self.core.reloading_until, Ordering::Relaxed);
        let _ = set.compare_exchange(self.ends, 0, relaxed, relaxed);
    }
}
