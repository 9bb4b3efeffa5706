//! What callers cause: a refresh, and another look at credentials that were refused.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::basics::TARGET;
use crate::clock::Now;
use crate::credential;
use crate::error::Error;
use crate::exchange::chain::Chain;
use crate::token::machine::events::{Ask, Generation, Refused, Start};
use crate::token::refresh_task::Flight;
use crate::token::shared::{Boarding, Core, Locked};

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
        let mut locked = self.lock();
        let (ask, start) = locked.machine.ask(now);
        let error = locked.last_error.clone();
        let boarding = self.act(now, locked, runtime, chain, start);
        match (ask, boarding, error) {
            (Ask::Wait, Some(boarding), _) => Asked::Wait(boarding),
            (Ask::Fail { age, retry_in }, _, Some(error)) => {
                Asked::Fail(Error::backing_off(error, age, retry_in))
            }
            _ => Asked::Use,
        }
    }

    pub(crate) fn refused(
        self: &Arc<Self>,
        runtime: &Handle,
        chain: &Chain,
        generation: Generation,
    ) -> (Refused, Option<Boarding>) {
        let now = self.now();
        let mut locked = self.lock();
        let (answer, start) = locked.machine.refused(now, generation);
        let boarding = self.act(now, locked, runtime, chain, start);
        (answer, boarding)
    }

    /// Ends an event: opens the flight that the machine asks for under the lock, so that nobody can miss
    /// it, and spawns its task after. Returns the flight under way.
    fn act(
        self: &Arc<Self>,
        now: Now,
        mut locked: MutexGuard<'_, Locked>,
        runtime: &Handle,
        chain: &Chain,
        start: Option<Start>,
    ) -> Option<Boarding> {
        let mut abandoned = None;
        let flight = start.map(|start| {
            let (sender, receiver) = oneshot::channel();
            let (flight, started, landing) = (start.id, start.started, receiver.shared());
            abandoned = locked.landing.replace(Boarding { flight, started, landing });
            let refresh_token = locked.refresh_token.take().filter(|_| start.refresh);
            Flight::new(self.clone(), start, refresh_token, sender)
        });
        let look_up = locked.machine.look_up(now);
        self.cell.hint(&locked.machine);
        let boarding = locked.landing.clone();
        drop(locked);
        drop(abandoned);
        // One at a time: what they are read from may hang.
        if look_up && let Some(look_up) = LookUp::begin(self, now) {
            runtime.spawn(look_up.run());
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
        let read = credential::reload(credentials, &*core.parts.clock).await;
        let refused = core.lock().refused_credentials;
        if read.is_ok() && credential::version(credentials) != refused {
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
