//! What callers cause: a refresh, and another look at credentials that were refused.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::basics::TARGET;
use crate::clock::Now;
use crate::credential::reload::reload;
use crate::error::Error;
use crate::exchange::chain::Chain;
use crate::secret::Secret;
use crate::token::machine::events::{Ask, Complaint, Generation, Refused, Start};
use crate::token::refresh_task::Flight;
use crate::token::shared::{Boarding, Core, Event};

/// What somebody who wants a token does next.
pub(crate) enum Asked {
    Use,
    Wait(Boarding),
    Fail(Error),
}

impl Core {
    /// Asks on behalf of a request that is sent with the current token: at most, this starts a flight.
    /// Outside a runtime it does nothing; the next request asks again.
    pub(crate) fn nudge(self: &Arc<Self>) {
        if let Ok(runtime) = Handle::try_current() {
            self.ask(&runtime, &Chain::current());
        }
    }

    pub(crate) fn ask(self: &Arc<Self>, runtime: &Handle, chain: &Chain) -> Asked {
        let now = self.now();
        let mut event = self.event();
        let (ask, start) = event.machine.ask(now);
        let error = event.machine.last_error().cloned();
        let boarding = self.act(now, event, runtime, chain, start);
        match (ask, boarding, error) {
            (Ask::Wait, Some(boarding), _) => Asked::Wait(boarding),
            (Ask::Fail { age, retry_in }, _, Some(error)) => {
                Asked::Fail(Error::backing_off(error, age, retry_in))
            }
            _ => Asked::Use,
        }
    }

    /// Asks for the successor of a token that an answer speaks against.
    pub(crate) fn refused(
        self: &Arc<Self>,
        runtime: &Handle,
        chain: &Chain,
        generation: Generation,
        complaint: Complaint,
    ) -> (Refused, Option<Boarding>) {
        let now = self.now();
        let mut event = self.event();
        let (answer, start) = match complaint {
            Complaint::Refusal => event.machine.refused(now, generation),
            Complaint::Doubt => event.machine.doubted(now, generation),
        };
        let boarding = self.act(now, event, runtime, chain, start);
        (answer, boarding)
    }

    /// Ends an event: opens the flight that the machine asks for under the lock, so that nobody can miss
    /// it, and spawns its task after. Returns the flight under way.
    fn act(
        self: &Arc<Self>,
        now: Now,
        mut event: Event<'_>,
        runtime: &Handle,
        chain: &Chain,
        start: Option<Start<Secret>>,
    ) -> Option<Boarding> {
        let flight = start.map(|start| {
            let (sender, receiver) = oneshot::channel();
            event.machine.began(start.id, receiver.shared());
            Flight::new(self.clone(), start, sender)
        });
        let look_up = event.machine.look_up(now);
        let boarding = event.boarding();
        drop(event);
        // One at a time: what they are read from may hang.
        if look_up && let Some(look_up) = LookUp::begin(self, now) {
            // In this source's name: a credential may be another source's token, and that one's be ours.
            runtime.spawn(chain.with(self.id).scope(look_up.run()));
        }
        if let Some(flight) = flight {
            self.wake_riders();
            let chain = chain.with(self.id);
            runtime.spawn(chain.scope(flight.run(chain.clone())));
        }
        boarding
    }
}

/// Somebody may have mended the credentials that the endpoint refuses. It is over when this is dropped, be it
/// with its runtime.
struct LookUp {
    core: Arc<Core>,
    ends: u64,
}

impl LookUp {
    /// How long one may take. After that its runtime stands still, or what it reads hangs: another one begins.
    const LIMIT: Duration = Duration::from_secs(10);

    /// None while another one is under way.
    fn begin(core: &Arc<Core>, now: Now) -> Option<LookUp> {
        let ends = (now + LookUp::LIMIT).mono_nanos();
        let begin = |until: u64| (until <= now.mono_nanos()).then_some(ends);
        core.looking_up.fetch_update(Ordering::Relaxed, Ordering::Relaxed, begin).ok()?;
        Some(LookUp { core: core.clone(), ends })
    }

    async fn run(self) {
        let core = &self.core;
        let credentials = core.parts.exchange.credentials();
        // Beyond the limit, another one may begin: no provider that hangs has more than one.
        let Ok(limit) = core.sleep(LookUp::LIMIT) else { return };
        let read = pin!(reload(credentials, &*core.parts.clock));
        let Either::Left((read, _)) = select(read, limit).await else { return };
        let refused = core.lock().refused_credentials;
        if read.is_ok_and(|shown| shown.version() != refused) {
            tracing::info!(target: TARGET, system = core.system, "the credentials have changed");
            core.credentials_changed();
        }
    }
}

/// Never panics.
impl Drop for LookUp {
    fn drop(&mut self) {
        // Not if it was given up, and another one is under way.
        let (set, relaxed) = (&self.core.looking_up, Ordering::Relaxed);
        let _ = set.compare_exchange(self.ends, 0, relaxed, relaxed);
    }
}
