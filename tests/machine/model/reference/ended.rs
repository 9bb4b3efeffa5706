//! A refresh ends, with a token or without one, or it vanishes.

use crate::token::machine::backoff::{Fault, Nature};
use crate::token::machine::events::{Arrival, Finished, Generation, RefreshId};
use crate::token::machine::model::reference::{
    LONGEST_PAUSE_WITH_A_TOKEN, Model, NANO, OpenRenewal, SECOND, doubling, parts_of,
};
use crate::token::machine::window::Window;

impl Model {
    pub(crate) fn finished(
        &mut self,
        id: RefreshId,
        outcome: Result<Arrival, Fault>,
        told: Finished,
    ) {
        let nth = self.nth(id);
        let awaited = self.refreshes[nth].under_way;
        self.refreshes[nth].under_way = false;
        if awaited {
            self.vanished.clear();
        } else {
            self.excused = true;
        }
        let newest = self.waiting.as_ref().or(self.token());
        let overtaken = newest.is_some_and(|token| token.by > Some(nth));
        let arrival = match outcome {
            Ok(_) if overtaken => return assert_eq!(told, Finished::Outdated, "3: overtaken"),
            Ok(arrival) => self.with_its_life(arrival),
            Err(fault) if awaited => return self.failed(id, fault, None, told),
            Err(_) => return assert_eq!(told, Finished::Outdated, "nobody's failure"),
        };
        let alive = arrival.life >= SECOND && !self.has_come(arrival.sent + arrival.life);
        let dead = Fault { nature: Nature::Passing, retry_after: None };
        match told {
            Finished::Adopt { generation, window, waits, recovered, .. }
                if alive || self.is_usable() =>
            {
                let first = self.failures.first().map(|first| self.ago(first.at));
                assert_eq!(recovered, first);
                self.failures.clear();
                self.refresh_token = arrival.refresh_token.is_some();
                self.counted.succeeded += 1;
                let again = arrival.same && !self.tokens.is_empty();
                match (again, alive) {
                    (false, true) => {
                        self.in_its_ranges(window, arrival, None);
                        let brought = |renewal: &&mut OpenRenewal| renewal.refresh == id;
                        if let Some(renewal) = self.open_renewal().filter(brought) {
                            renewal.brought = Some(generation);
                        }
                        assert_eq!(waits, self.is_to_wait(nth, awaited, window), "14: waits");
                        self.new_token(generation, Some(nth), parts_of(arrival), window);
                        let settling_time = self.setup.settling_time;
                        let token = self.tokens.last_mut().expect("just now");
                        token.settled_at =
                            (!settling_time.is_zero()).then(|| self.now + settling_time);
                        if waits {
                            self.waiting = self.tokens.pop();
                        }
                    }
                    (true, _) => self.same_again(nth, alive.then_some(arrival), generation, window),
                    (false, false) => panic!("4: a token that is over was adopted"),
                }
            }
            Finished::Failed { .. } if awaited && !alive => {
                assert!(!(arrival.same && self.is_usable()), "4: its last second is no failure");
                self.failed(id, dead, Some(arrival.same), told);
            }
            _ => {
                assert!(!alive, "a token is lost: {told:?}");
                assert!(!awaited, "a failure is lost: {told:?}");
                assert!(!(arrival.same && self.is_usable()), "the same token: {told:?}");
                assert_eq!(told, Finished::Outdated);
            }
        }
    }

    /// The exchange issued the current token again. `alive` has the answer if the token's life is not over.
    pub(super) fn same_again(
        &mut self,
        nth: usize,
        alive: Option<Arrival>,
        generation: Generation,
        window: Window,
    ) {
        self.counted.same += 1;
        let id = self.refreshes[nth].start.id;
        if let Some(renewal) = self.open_renewal().filter(|renewal| renewal.refresh == id) {
            renewal.open = false;
        }
        let expected = alive.is_some_and(|arrival| self.due_while_young(arrival).is_some());
        let repeats = self.token().map_or(0, |token| token.repeats) + u32::from(alive.is_some());
        let repeats = if expected { 0 } else { repeats };
        match alive {
            Some(arrival) => self.in_its_ranges(window, arrival, (!expected).then_some(repeats)),
            None => {
                let end = self.token().map(|token| token.window.ends_at);
                assert_eq!(Some(window.ends_at), end, "4: its end is moved");
                assert_eq!((window.refresh_at, window.margin_at), (window.ends_at, window.ends_at));
            }
        }
        let token = self.tokens.last_mut().expect("the same as another one");
        assert_eq!(generation, token.generation, "3: no successor");
        token.window = window;
        token.repeats = repeats;
        if let Some(arrival) = alive {
            token.by = Some(nth);
            token.stated |= arrival.stated;
            token.dated_end = token.dated_end.or(arrival.dated.map(|dated| arrival.sent + dated));
        }
    }

    pub(crate) fn lost(&mut self, id: RefreshId) {
        let nth = self.nth(id);
        if !self.refreshes[nth].under_way {
            return;
        }
        self.refreshes[nth].under_way = false;
        self.excused = true;
        self.counted.lost += 1;
        let count = u32::try_from(self.vanished.len()).unwrap() + 1;
        let slot = doubling(SECOND, count, LONGEST_PAUSE_WITH_A_TOKEN);
        self.vanished
            .push((self.now + (slot / 5 * 4).saturating_sub(NANO), self.now + slot + NANO));
        self.refunded(id);
    }
}
