//! One sending of a request with a credential, and what its response means.

use std::sync::Arc;
use std::time::Duration;

use http::Response;

use crate::auth::config::Shared;
use crate::auth::kept_request::KeptRequest;
use crate::auth::proof::Proof;
use crate::auth::refused::{Answered, Before, Objection, Rare, Refusal, Refused, Remedy};
use crate::auth::sent_at::SentAt;
use crate::clock::Now;
use crate::error::recovery::Recovery;
use crate::replay::methods::ReplayMethods;
use crate::replay::{Replay, Slot};
use crate::scheme::insufficient::Insufficient;
use crate::scheme::judge::Verdict;
use crate::scheme::per_request::ProofVerdict;
use crate::scheme::response::ResponseHead;
use crate::scheme::rotation::Rotation;
use crate::token::machine::events::{Complaint, Generation};
use crate::token::observer::event::{EventKind, ReplayOutcome};
use crate::token::published::Age;
use crate::token::sent_count::Entry;

/// A request that is on its way with a credential.
pub(crate) struct SentRequest<I, R: Replay<B>, B, RB> {
    sending: Sending,
    /// If the token was due for renewal, the first poll asks for it.
    sent: SentAt,
    kept: R::Slot<KeptRequest<I, R::Kept>>,
    rare: Option<Box<Rare<R, RB>>>,
}

/// The token of a request that is under way. If responses bring new tokens, the request is counted until this is
/// dropped.
struct Sending {
    shared: Arc<Shared>,
    entry: Entry,
}

impl Sending {
    #[inline]
    fn begin(shared: Arc<Shared>, generation: Generation) -> Sending {
        let entry = match &shared.core.sent_count {
            None => Entry::uncounted(generation),
            Some(sent_count) => sent_count.enter(generation),
        };
        Sending { shared, entry }
    }

    fn generation(&self) -> Generation {
        self.entry.generation()
    }
}

/// This must not panic: it counts, and may wake others.
impl Drop for Sending {
    #[inline]
    fn drop(&mut self) {
        if let Some(sent_count) = &self.shared.core.sent_count {
            sent_count.exit(self.entry);
        }
    }
}

impl<I, R: Replay<B>, B, RB> SentRequest<I, R, B, RB> {
    #[inline]
    pub(crate) fn new(
        shared: Arc<Shared>,
        generation: Generation,
        now: Now,
        age: Age,
        kept: R::Slot<KeptRequest<I, R::Kept>>,
        rare: Option<Box<Rare<R, RB>>>,
    ) -> Self {
        let sent = SentAt::new(now.mono_nanos(), age);
        SentRequest { sending: Sending::begin(shared, generation), sent, kept, rare }
    }

    /// The place where the body is kept; none if it is not kept.
    #[inline]
    pub(crate) fn kept_body(&mut self) -> Option<&mut Option<R::Kept>> {
        self.kept.get().map(|kept| &mut kept.body)
    }

    fn before(&self) -> Before {
        self.rare.as_ref().map_or_else(Before::default, |rare| rare.before)
    }

    /// What the caller gets if the client fails now. None if this is the first sending.
    #[cold]
    #[inline(never)]
    pub(crate) fn refusal(&mut self) -> Option<Box<Refusal<RB>>> {
        self.tell_end_of_replay(ReplayOutcome::Failed);
        self.rare.as_mut()?.refusal.take()
    }

    #[inline]
    pub(crate) fn request_refresh_if_due(&mut self) {
        // If responses bring new tokens, this response may bring one. An exchange begins only if it does not.
        if self.sent.age() == Age::Due && self.sending.shared.core.rotation.is_none() {
            self.sent = SentAt::new(self.sent.nanos(), Age::Stale);
            self.sending.shared.core.request_refresh();
        }
    }

    /// Inspects a response in place: moving one is expensive. Returns the refusal or doubt, if any. Without one, the
    /// response is ready for the caller.
    #[inline]
    pub(crate) fn inspect_response(&self, response: &mut Response<RB>) -> Option<Objection> {
        let Shared { core, config, judge } = &*self.sending.shared;
        if config.is_foreign(response) {
            return None;
        }
        let complaint = match Insufficient::may_be_in(response.status()) {
            true => self.inspect_demand(response),
            false => complaint(judge.verdict(ResponseHead::of(response))),
        };
        if let Some(complaint) = complaint {
            return Some(self.objection(complaint, response));
        }
        // Most responses change nothing.
        let of_interest = self.rare.is_some()
            || core.rotation.is_some()
            || core.cell.is_rejected_token(self.sending.generation());
        if !of_interest {
            return None;
        }
        let objection = self.rare.as_ref().and_then(|_| self.objection_to_the_proof(response));
        if objection.is_none() {
            self.accepted(response);
        }
        objection
    }

    /// The judge complains about the token. A maker of headers knows better if the response is about them.
    #[cold]
    #[inline(never)]
    fn objection(&self, complaint: Complaint, response: &Response<RB>) -> Objection {
        self.objection_to_the_proof(response).unwrap_or(Objection::Token(complaint))
    }

    #[cold]
    #[inline(never)]
    fn objection_to_the_proof(&self, response: &Response<RB>) -> Option<Objection> {
        let Rare { before, proof, .. } = &**self.rare.as_ref()?;
        match proof.as_ref()?.verdict(&self.sending.shared.config, response) {
            ProofVerdict::Accepted => None,
            ProofVerdict::SendAgain => Some(Objection::Proof { may_help: !before.proved_anew }),
            ProofVerdict::Refused => Some(Objection::Proof { may_help: false }),
        }
    }

    /// Inspects a 401 or a 403, which may demand more than a valid token.
    #[cold]
    #[inline(never)]
    fn inspect_demand(&self, response: &mut Response<RB>) -> Option<Complaint> {
        let judged = complaint(self.sending.shared.judge.verdict(ResponseHead::of(response)));
        if judged.is_none() {
            if self.is_answered_by_a_new_token(response) {
                return Some(Complaint::Refusal);
            }
            attach_demand(response);
        }
        judged
    }

    /// Whether the API demands claims, and the system gets another token that has them.
    fn is_answered_by_a_new_token(&self, response: &Response<RB>) -> bool {
        let Shared { core, judge, .. } = &*self.sending.shared;
        let Some(challenges) = judge.claims() else { return false };
        let Some(Insufficient::Claims { json }) = Insufficient::of(response.headers()) else {
            return false;
        };
        // A newer token may have the claims.
        let latest = core.cell.latest().map(|token| token.generation());
        latest.is_some_and(|latest| latest > self.sending.generation())
            || challenges.demanded(&json, core.now())
    }

    fn accepted(&self, response: &mut Response<RB>) {
        let (core, generation) = (&self.sending.shared.core, self.sending.generation());
        let head = ResponseHead::of(response);
        if core.cell.is_rejected_token(generation) && head.is_success() {
            core.rejected_token_accepted(generation, self.sent(core.now()));
        }
        if self.before().waited && !head.is_outage() {
            core.replay_accepted(generation);
        }
        if self.rare.is_some() {
            self.mark_replayed(response);
            self.tell_end_of_replay(ReplayOutcome::Accepted);
        }
        let Some(rotation) = &core.rotation else { return };
        self.follow(rotation, response);
        response.headers_mut().remove(rotation.header());
    }

    /// Adopts the new token of a response. If a new token is due and the response has none, an exchange
    /// begins.
    #[inline]
    fn follow(&self, rotation: &Rotation, response: &Response<RB>) {
        let (core, head) = (&self.sending.shared.core, ResponseHead::of(response));
        // With `WhenDue`, new tokens are ignored while the token is fresh.
        let followed = (self.sent.age() != Age::Fresh || !rotation.is_when_due())
            && head.is_success()
            && core.handed_out(
                rotation,
                self.sending.generation(),
                self.sent.nanos(),
                head.headers,
            );
        if self.sent.age() == Age::Due && !followed {
            core.request_refresh();
        }
    }

    /// Handles a response that refuses the request's own headers. The token is not renewed.
    #[cold]
    pub(crate) fn proof_refused(
        mut self,
        may_help: bool,
        mut response: Response<RB>,
    ) -> Answered<I, R, B, RB> {
        let core = self.sending.shared.core.clone();
        if let Some(rotation) = &core.rotation {
            response.headers_mut().remove(rotation.header());
        }
        let kept = self.kept.take().filter(|_| may_help && !was_replayed_below(&response));
        let could_keep_too_little = kept.is_some();
        let kept = kept.filter(|kept| kept.body.as_ref().is_some_and(|body| R::pause(body)));
        let before = self.before();
        let proof = self.rare.take_if(|_| kept.is_some()).and_then(|rare| rare.proof);
        if let Some((kept, proof)) = kept.zip(proof) {
            core.count_new_proof();
            let Proof { token, replay, .. } = proof;
            return Answered::Refused(Box::new(Refused {
                shared: self.sending.shared.clone(),
                remedy: Remedy::NewProof(token),
                before: Before { proved_anew: true, ..before },
                sent: self.sent(core.now()),
                kept,
                replay,
                response,
            }));
        }
        if could_keep_too_little {
            core.report_a_body_that_was_not_kept();
        }
        self.tell_end_of_replay(ReplayOutcome::Refused);
        response.extensions_mut().insert(Recovery::ProofRefused);
        Answered::Done(response)
    }

    /// Handles a response that refuses or doubts the credential.
    #[cold]
    pub(crate) fn refused(
        mut self,
        complaint: Complaint,
        mut response: Response<RB>,
    ) -> Answered<I, R, B, RB> {
        let core = &self.sending.shared.core;
        if complaint == Complaint::Refusal
            && let Some(difference) = core.compare_clocks(response.headers())
        {
            response.extensions_mut().insert(difference);
        }
        if Insufficient::may_be_in(response.status()) {
            attach_demand(&mut response);
        }
        if let Some(rotation) = &core.rotation {
            // Most doubted responses are correct, and so is the new token that they bring.
            if complaint == Complaint::Doubt {
                self.follow(rotation, &response);
            }
            response.headers_mut().remove(rotation.header());
        }
        let before = self.before();
        if before.replayed {
            // The next token was refused, too. A request is sent with two tokens at most. The next request renews the token.
            self.mark_replayed(&mut response);
            core.tell_refusal(complaint, self.sending.generation(), None);
            self.tell_end_of_replay(ReplayOutcome::Refused);
            return Answered::Done(response);
        }
        let sent = self.sent(self.sending.shared.core.now());
        let (shared, generation) = (self.sending.shared.clone(), self.sending.generation());
        let (kept, before) = (self.kept.take(), Before { replayed: true, ..before });
        let replay = self.rare.take().and_then(|rare| rare.proof?.replay);
        drop(self); // this request no longer counts as running, so that a renewal does not wait for it
        let replayed_below = was_replayed_below(&response);
        // A refused request was not applied. A doubted request may have been.
        let may_be_repeated = |kept: &KeptRequest<I, R::Kept>| {
            let is_idempotent = |method| ReplayMethods::Idempotent.allow(method);
            complaint == Complaint::Refusal || kept.head.method().is_some_and(is_idempotent)
        };
        let kept = kept.filter(|kept| !replayed_below && may_be_repeated(kept));
        let could_keep_too_little = kept.is_some();
        let kept = kept.filter(|kept| kept.body.as_ref().is_some_and(|body| R::pause(body)));
        match kept {
            Some(kept) => Answered::Refused(Box::new(Refused {
                shared,
                remedy: Remedy::Renewal { complaint, refused: generation },
                before,
                sent,
                kept,
                replay,
                response,
            })),
            None => {
                let unrenewed = shared.core.renew_for_others(complaint, generation);
                let recovery = unrenewed.unwrap_or(Recovery::NotReplayable);
                shared.core.tell_refusal(complaint, generation, Some(recovery));
                if !replayed_below {
                    if could_keep_too_little && recovery == Recovery::NotReplayable {
                        shared.core.report_a_body_that_was_not_kept();
                    }
                    response.extensions_mut().insert(recovery);
                }
                Answered::Done(response)
            }
        }
    }

    /// When a request was sent, by both clocks.
    fn sent(&self, now: Now) -> Now {
        now - Duration::from_nanos(now.mono_nanos().saturating_sub(self.sent.nanos()))
    }

    #[cold]
    #[inline(never)]
    fn tell_end_of_replay(&self, outcome: ReplayOutcome) {
        if self.before().replayed {
            self.sending.shared.core.tell(EventKind::ReplayFinished { outcome });
        }
    }

    fn mark_replayed(&self, response: &mut Response<RB>) {
        let before = self.before();
        if before.replayed || before.proved_anew {
            response.extensions_mut().insert(Recovery::Replayed);
        }
    }
}

#[inline(always)]
fn complaint(verdict: Verdict) -> Option<Complaint> {
    match verdict {
        Verdict::Accepted => None,
        Verdict::Refused => Some(Complaint::Refusal),
        Verdict::Doubted => Some(Complaint::Doubt),
    }
}

/// Tells the caller what the API demands beyond a valid token.
#[cold]
#[inline(never)]
fn attach_demand<RB>(response: &mut Response<RB>) {
    if let Some(demand) = Insufficient::of(response.headers()) {
        response.extensions_mut().insert(demand);
    }
}

/// Whether a layer of this kind below has sent the request again.
fn was_replayed_below<RB>(response: &Response<RB>) -> bool {
    matches!(response.extensions().get(), Some(Recovery::Replayed | Recovery::ResendFailed))
}
