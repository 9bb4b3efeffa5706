//! One sending of a request with a credential, and what its response means.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use tower_service::Service;

use super::Cold;
use crate::clock::Now;
use crate::recovery::Recovery;
use crate::replay::{Head, Replay, Slot};
use crate::scheme::{ResponseHead, Scheme, Verdict};
use crate::shared::Shared;
use crate::source::{Generation, Ticket};

/// What it takes to send a request again.
pub(crate) struct Kept<I, K> {
    /// Not ready.
    pub(crate) service: I,
    pub(crate) head: Head,
    pub(crate) body: K,
}

/// A request that is on its way with a credential.
pub(crate) struct Attempt<I, S, R: Replay<B>, B> {
    ride: Ride<S>,
    /// Monotonic time of sending.
    sent: u64,
    /// A successor of the token is due; the first poll says so to the source.
    due: bool,
    /// This is the replay.
    replayed: bool,
    /// The replay waited for its token, so that its acceptance shows that the renewal was worth it.
    waited: bool,
    kept: R::Slot<Kept<I, R::Kept>>,
}

/// The token of a request that is under way; counted where that is of interest, until it is dropped.
struct Ride<S> {
    shared: Arc<Shared<S>>,
    ticket: Ticket,
}

impl<S> Ride<S> {
    fn begin(shared: Arc<Shared<S>>, generation: Generation) -> Ride<S> {
        let ticket = match &shared.core.riders {
            None => Ticket::uncounted(generation),
            Some(riders) => riders.board(generation),
        };
        Ride { shared, ticket }
    }

    fn generation(&self) -> Generation {
        self.ticket.generation()
    }

    fn end(self) -> (Arc<Shared<S>>, Generation) {
        (self.shared.clone(), self.generation())
    }
}

/// Never panics: it counts, and may wake.
impl<S> Drop for Ride<S> {
    fn drop(&mut self) {
        if let Some(riders) = &self.shared.core.riders {
            riders.leave(self.ticket);
        }
    }
}

/// What follows a response.
pub(super) enum Answered<I, S, R, B, RB>
where
    R: Replay<B>,
    I: Service<Request<R::Body>>,
    S: Scheme,
{
    Done(Response<RB>),
    Refused(Box<Cold<I, S, R, B, RB>>),
}

impl<I, S: Scheme, R: Replay<B>, B> Attempt<I, S, R, B> {
    pub(crate) fn new(
        shared: Arc<Shared<S>>,
        generation: Generation,
        now: Now,
        kept: R::Slot<Kept<I, R::Kept>>,
    ) -> Self {
        let (ride, sent) = (Ride::begin(shared, generation), now.mono_nanos());
        Attempt { ride, sent, due: false, replayed: false, waited: false, kept }
    }

    pub(crate) fn due(self) -> Self {
        Attempt { due: true, ..self }
    }

    pub(super) fn replaying(self, waited: bool) -> Self {
        Attempt { replayed: true, waited, ..self }
    }

    #[inline]
    pub(super) fn nudge_if_due(&mut self) {
        // Where responses hand out successors, this one's may: an exchange is for when it does not.
        if self.due && self.ride.shared.core.scheme().rotation().is_none() {
            self.due = false;
            self.ride.shared.core.nudge();
        }
    }

    #[inline]
    pub(super) fn answered<RB>(self, response: Response<RB>) -> Answered<I, S, R, B, RB>
    where
        I: Service<Request<R::Body>>,
    {
        let Shared { core, config } = &*self.ride.shared;
        if config.is_foreign(&response) {
            return Answered::Done(response);
        }
        if core.scheme().judge(ResponseHead::of(&response)) == Verdict::Refused {
            return self.refused(response);
        }
        let generation = self.ride.generation();
        if core.cell.is_suspect(generation) && response.status().is_success() {
            core.suspect_accepted(generation, self.sent(core.now()));
        }
        if core.scheme().rotation().is_none() && !self.replayed {
            return Answered::Done(response);
        }
        Answered::Done(self.accepted(response))
    }

    fn accepted<RB>(&self, mut response: Response<RB>) -> Response<RB> {
        let (core, generation) = (&self.ride.shared.core, self.ride.generation());
        // An overload or an outage says nothing of the token.
        let judged = !response.status().is_server_error()
            && response.status() != StatusCode::TOO_MANY_REQUESTS;
        if self.waited && judged {
            core.replay_accepted(generation);
        }
        self.mark_replayed(&mut response);
        if let Some(rotation) = core.scheme().rotation() {
            let head = ResponseHead::of(&response);
            let followed = head.status.is_success()
                && core.handed_out(rotation, generation, self.sent(core.now()), head);
            response.headers_mut().remove(rotation.header());
            if self.due && !followed {
                core.nudge();
            }
        }
        response
    }

    #[cold]
    fn refused<RB>(mut self, mut response: Response<RB>) -> Answered<I, S, R, B, RB>
    where
        I: Service<Request<R::Body>>,
    {
        if let Some(rotation) = self.ride.shared.core.scheme().rotation() {
            response.headers_mut().remove(rotation.header());
        }
        if self.replayed {
            // The successor was refused as well. The next request judges it; this one has had its share.
            self.mark_replayed(&mut response);
            return Answered::Done(response);
        }
        let (shared, generation) = self.ride.end();
        let replayed_below = response.extensions().get() == Some(&Recovery::Replayed);
        match self.kept.take().filter(|kept| !replayed_below && R::pause(&kept.body)) {
            Some(kept) => {
                let cold = Cold::again(shared, generation, kept, response);
                Answered::Refused(Box::new(cold))
            }
            None => {
                let unrenewed = shared.core.renew_for_others(generation);
                if !replayed_below {
                    let recovery = unrenewed.unwrap_or(Recovery::NotReplayable);
                    response.extensions_mut().insert(recovery);
                }
                Answered::Done(response)
            }
        }
    }

    /// The moment of sending, on both clocks.
    fn sent(&self, now: Now) -> Now {
        now - Duration::from_nanos(now.mono_nanos().saturating_sub(self.sent))
    }

    fn mark_replayed<RB>(&self, response: &mut Response<RB>) {
        if self.replayed {
            response.extensions_mut().insert(Recovery::Replayed);
        }
    }
}
