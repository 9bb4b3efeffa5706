//! A refresh failed: how long the pause after it may be, and what ends that pause.

use std::time::Duration;

use crate::clock::Now;
use crate::token::machine::backoff::{Fault, Nature};
use crate::token::machine::events::{Finished, RefreshId};
use crate::token::machine::model::reference::{
    Failure, LONGEST_PAUSE_WITH_A_TOKEN, Model, NANO, SECOND, doubling,
};

impl Model {
    pub(super) fn failed(
        &mut self,
        id: RefreshId,
        fault: Fault,
        dead: Option<bool>,
        told: Finished,
    ) {
        let Finished::Failed { dead: says_dead, failures, retry_in, .. } = told else {
            panic!("a failure, not {told:?}")
        };
        assert_eq!(says_dead, dead.is_some());
        let count = u32::try_from(self.failures.len()).unwrap() + 1;
        assert_eq!(failures, count);
        let verdicts = self.failures.iter().filter(|it| it.permanent && !it.forgiven).count();
        let verdicts = u32::try_from(verdicts).unwrap() + 1;
        let left = self.token().map(|token| self.until(token.window.ends_at));
        let left = left.filter(|left| !left.is_zero());
        let in_doubt = fault.nature == Nature::InDoubt;
        let doubts = self.failures.iter().rev().take_while(|it| it.in_doubt && !it.forgiven);
        let permanent = fault.nature == Nature::Lasting || (in_doubt && doubts.count() >= 2);
        let slot = match (dead, permanent, left) {
            (Some(true), ..) => doubling(Duration::from_millis(250), count, 30 * SECOND),
            (_, true, _) => doubling(10 * SECOND, verdicts, 300 * SECOND),
            (_, false, Some(_)) => doubling(SECOND, count, LONGEST_PAUSE_WITH_A_TOKEN),
            (_, false, None) => doubling(SECOND, count, 30 * SECOND),
        };
        let asked = fault.retry_after.unwrap_or_default().min(300 * SECOND);
        let (least, most) = ((slot / 5 * 4).max(asked), slot.max(asked));
        let in_slot = least <= retry_in + NANO && retry_in <= most + NANO;
        // Whether the pause must be kept even if the token ends in it: the endpoint sent `Retry-After`, or refuses the
        // credentials.
        let alone = permanent && dead != Some(true) || !asked.is_zero();
        // The slot of an outage without a token.
        let last = doubling(SECOND, count, 30 * SECOND);
        let in_last_slot = !permanent
            && (last / 5 * 4).max(asked) <= retry_in + NANO
            && retry_in <= last.max(asked) + NANO;
        let outlasts = left.filter(|left| most + NANO >= *left);
        let margin = self.token().map(|token| token.window.margin_at);
        let margin = margin.filter(|margin| !self.has_come(*margin)).map(|it| self.until(it));
        let before_the_end =
            outlasts.is_some_and(|left| retry_in == (left / 2).max(SECOND.min(left)));
        let in_margin = outlasts.zip(margin).is_some_and(|(left, margin)| {
            margin <= retry_in + NANO && retry_in <= margin + (left - margin) / 2 + NANO
        });
        let outlasting = left.is_some_and(|left| retry_in >= left);
        let right = match () {
            () if in_slot && !outlasting => true,
            // The hard margin has begun, and its one attempt has been made.
            () if alone && outlasts.is_some() && margin.is_none() => {
                if permanent {
                    in_slot
                } else {
                    in_last_slot
                }
            }
            () if before_the_end && !alone => {
                // Just before the end, the pause may be shorter than 200 ms.
                self.excused |= retry_in < Duration::from_millis(200);
                true
            }
            () if in_margin && alone => {
                self.excused |= retry_in < Duration::from_millis(200);
                retry_in + NANO >= SECOND.min(left.unwrap_or_default() / 2)
            }
            () => false,
        };
        assert!(
            right,
            "10: {retry_in:?} of {slot:?}, asked for {asked:?}, left {left:?}, margin {margin:?}"
        );
        let retry_at = self.now + retry_in;
        let failure = Failure { at: self.now, retry_at, in_doubt, permanent, forgiven: false };
        self.failures.push(failure);
        self.reloaded_at = Some(self.now);
        self.counted.failed += 1;
        self.refunded(id);
    }

    pub(crate) fn credentials_changed(&mut self) {
        self.pause_lifted();
        for failure in &mut self.failures {
            failure.forgiven = true;
        }
    }

    pub(crate) fn pause_lifted(&mut self) {
        let now = self.now;
        if let Some(last) = self.failures.last_mut() {
            last.retry_at = now;
            self.excused = true;
        }
    }

    pub(crate) fn reloaded(&mut self, reloads: bool) {
        assert_eq!(reloads, self.reloads(), "11: whether the credentials are due");
        if reloads {
            self.reloaded_at = Some(self.now);
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.is_waiting() || self.failures.last().is_some_and(|last| !self.has_come(last.retry_at))
    }

    pub(super) fn next_reload(&self) -> Option<Now> {
        let last = self.failures.last().filter(|last| last.permanent)?;
        let of_use = self.setup.credentials_may_change && self.under_way().is_none();
        of_use.then(|| self.reloaded_at.unwrap_or(last.at) + SECOND)
    }

    /// A reload is due only within a pause, since it can end the pause.
    pub(crate) fn is_reload_due(&self) -> bool {
        self.is_paused() && self.reloads()
    }

    pub(super) fn reloads(&self) -> bool {
        self.next_reload().is_some_and(|moment| self.has_come(moment))
    }
}
