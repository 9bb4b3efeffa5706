//! A token becomes the current one: by an exchange or by a response, with a window within its range.

use std::time::Duration;

use crate::clock::Now;
use crate::scheme::not_adopted::NotAdopted;
use crate::token::machine::events::{Arrival, Generation};
use crate::token::machine::model::reference::{
    LEEWAY, LONGEST_PAUSE_WITH_A_TOKEN, Model, Parts, SECOND, Token, between, doubling, is_reached,
    parts_of,
};
use crate::token::machine::window::Window;

impl Model {
    pub(super) fn new_token(
        &mut self,
        generation: Generation,
        by: Option<usize>,
        (sent, stated, dated_end, claimed): Parts,
        window: Window,
    ) {
        let count = u64::try_from(self.tokens.len()).unwrap() + 1;
        assert_eq!(generation.number(), count, "3: generations count up by one");
        self.order += 1;
        let (lineage, order) = (generation, self.order);
        self.tokens.push(Token {
            generation,
            lineage,
            by,
            order,
            sent,
            stated,
            dated_end,
            claimed,
            window,
            repeats: 0,
            settled_at: None,
        });
    }

    /// The life of an answer that has the current token again. It is not longer than the claims say. It is not shorter
    /// only because lifetimes are stated in whole seconds.
    pub(super) fn with_its_life(&self, arrival: Arrival) -> Arrival {
        let Some(token) = self.token().filter(|_| arrival.same) else { return arrival };
        let left = between(arrival.sent, token.window.ends_at);
        let life = match arrival.life {
            rounded if rounded < left && rounded + SECOND >= left => left,
            stated => stated,
        };
        let dated = token.dated_end.map_or(life, |end| between(arrival.sent, end));
        let insists = left.is_zero() && self.failures.len() >= 3;
        let last = if !arrival.stated && token.stated && !insists { left } else { life };
        let life = life.min(dated).min(last);
        Arrival { life, ..arrival }
    }

    /// When the token is renewed although it is young: before 80 % of its life.
    pub(super) fn due_while_young(&self, arrival: Arrival) -> Option<Now> {
        let due = self.now + arrival.refresh_after?;
        let young = !is_reached(arrival.sent + arrival.life / 5 * 4, due);
        young.then_some(due)
    }

    /// Refresh-ahead lies in 80 to 90 % of the life, or earlier if the answer says so. The hard margin is min(30 s, 10 %). A
    /// token that was issued again `repeats` times has both put off by a pause.
    pub(super) fn in_its_ranges(&self, window: Window, arrival: Arrival, repeats: Option<u32>) {
        let Arrival { sent, life, .. } = arrival;
        let slot = repeats
            .map_or(Duration::ZERO, |count| doubling(SECOND, count, LONGEST_PAUSE_WITH_A_TOKEN));
        let off = (repeats.map(|_| self.now + slot / 5 * 4), repeats.map(|_| self.now + slot));
        let end = sent + life;
        assert_eq!(window.ends_at, end, "10: its end");
        let margin = sent + (life - (life / 10).min(30 * SECOND));
        let refresh = (sent + life / 10 * 8, sent + life / 10 * 9);
        let due = self.due_while_young(arrival);
        for clock in [Now::monotonic, Now::since_epoch] {
            let early =
                |moment: Now| due.map_or(clock(moment), |due| clock(due).min(clock(moment)));
            let within = |it: Now, from: Duration, to: Duration| {
                let put_off = |moment: Duration, off: Option<Now>| {
                    moment.max(off.map_or(Duration::ZERO, clock)).min(clock(end))
                };
                put_off(from, off.0) <= clock(it) + LEEWAY
                    && clock(it) <= put_off(to, off.1) + LEEWAY
            };
            assert!(
                within(window.refresh_at, early(refresh.0), early(refresh.1)),
                "10: refresh-ahead {window:?}"
            );
            assert!(
                within(window.margin_at, clock(margin), clock(margin)),
                "10: the hard margin {window:?}"
            );
        }
    }

    pub(crate) fn rotated(
        &mut self,
        used: Generation,
        arrival: Arrival,
        told: Result<(Generation, Window), NotAdopted>,
    ) {
        self.settle();
        let (generation, window) = match (told, self.why_not(used, arrival)) {
            (Ok(it), None) => it,
            (told, why_not) => return assert_eq!(told.err(), why_not, "3: whether it follows"),
        };
        self.in_its_ranges(window, arrival, None);
        // A token that arrives late in its life is due at once.
        self.excused |= self.has_come(window.refresh_at);
        let (lineage, by) = self.token().map(|token| (token.lineage, token.by)).expect("a lineage");
        self.counted.rotations += 1;
        self.new_token(generation, by, parts_of(arrival), window);
        self.tokens.last_mut().expect("just now").lineage = lineage;
    }

    /// Why a token that answered a request with `used` may not follow the current one.
    pub(crate) fn why_not(&self, used: Generation, arrival: Arrival) -> Option<NotAdopted> {
        let current = self.token().filter(|_| !self.setup.fixed && !self.is_waiting());
        let Some(current) = current else { return Some(NotAdopted::OtherLineage) };
        if !self.tokens.iter().any(|it| it.generation == used && it.lineage == current.lineage) {
            return Some(NotAdopted::OtherLineage);
        }
        if arrival.life < SECOND || self.has_come(arrival.sent + arrival.life) {
            return Some(NotAdopted::Ended);
        }
        let (iat, exp) = (
            arrival.claimed.0.zip(current.claimed.0).filter(|(one, other)| one != other),
            arrival.claimed.1.zip(current.claimed.1).filter(|(one, other)| one != other),
        );
        let answers_it = used == current.generation;
        let sent_later = arrival.sent.monotonic() > current.sent.monotonic();
        let newer = match iat.or(exp) {
            // A response to the current token brings its successor, unless it was issued more than a minute earlier.
            _ if answers_it && !arrival.same => {
                iat.is_none_or(|(its, ours)| its + 60 * SECOND >= ours)
            }
            Some((its, ours)) => its > ours,
            None => sent_later && !arrival.same,
        };
        (!newer).then_some(NotAdopted::NotNewer)
    }
}
