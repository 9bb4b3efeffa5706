//! The model: it remembers all that has happened, in lists, and says from them what anybody may be told.
//!
//! It draws nothing. Where the machine does, the model holds the result against its documented range,
//! and goes on with what the machine said.
//!
//! What holds, by number in the assertions below:
//!
//! 1. At most one refresh; one that has not ended is given up only after its limit.
//! 2. No refresh within a pause, unless somebody lifted it.
//! 3. Generations count up by one, and only a token that is newer in its lineage follows.
//! 4. A token stays until its successor is there, and is not used past its end by either clock.
//! 5. A refusal is paid for: five in a row, one more every 30 s, and what was given back.
//! 6. No storm: what is not paid for lies 200 ms apart at least, unless a token ended, a refresh vanished
//!    or came back, or a pause was lifted in between.
//! 7. Whoever waits, waits for a refresh within its limit; whoever fails is told the truth.
//! 8. A refresh token goes to one refresh, and comes from the answer that was adopted last.
//! 9. A refusal of an older token costs nothing; others join; without budget it is handed on.
//! 10. What is drawn lies in its range; without `Retry-After`, no pause outlasts a usable token.
//! 11. What is published hides nothing that is due.
//! 12. Doubts cause a renewal a minute at most, and leave the budget alone.

use std::time::Duration;

use crate::clock::Now;
use crate::error::recovery::Recovery;
use crate::exchange::context::Reason;
use crate::scheme::not_adopted::NotAdopted;
use crate::token::machine::Machine;
use crate::token::machine::backoff::{Fault, Nature};
use crate::token::machine::events::{
    Arrival, Ask, Finished, Generation, RefreshId, Refused, Start,
};
use crate::token::machine::model::event::{Moment, Setup};
use crate::token::machine::status::{State, Status};
use crate::token::machine::window::Window;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Token {
    generation: Generation,
    /// The first of its lineage.
    line: Generation,
    /// The refresh that brought its lineage, or brought it again last.
    by: Option<usize>,
    /// When it became current, in the order of events.
    order: usize,
    sent: Now,
    /// Some answer has said how long it lives.
    stated: bool,
    /// When it ends at the latest, as it was said first.
    dated_end: Option<Now>,
    claimed: (Option<Duration>, Option<Duration>),
    window: Window,
    repeats: u32,
}

/// When a token was asked for, whether its life was said, when it ends at the latest, and its claims.
type Parts = (Now, bool, Option<Now>, (Option<Duration>, Option<Duration>));

fn parts_of(arrival: Arrival) -> Parts {
    let dated_end = arrival.dated.map(|dated| arrival.sent + dated);
    (arrival.sent, arrival.stated, dated_end, arrival.claimed)
}

#[derive(Debug)]
struct Refresh {
    start: Start,
    order: usize,
    under_way: bool,
    was_usable: bool,
    /// What the clocks had travelled when it began.
    travelled: Duration,
}

#[derive(Debug)]
struct Failure {
    at: Now,
    retry_at: Now,
    in_doubt: bool,
    permanent: bool,
    /// A verdict on credentials that have changed since.
    forgiven: bool,
}

#[derive(Debug)]
struct OpenRenewal {
    refresh: RefreshId,
    refused: Generation,
    at: Now,
    open: bool,
    discredited: bool,
    brought: Option<Generation>,
}

#[derive(Debug)]
pub(crate) struct Model {
    setup: Setup,
    pub(crate) now: Now,
    order: usize,
    /// How far the clocks have gone, to and fro.
    travelled: Duration,
    tokens: Vec<Token>,
    refreshes: Vec<Refresh>,
    /// In a row.
    failures: Vec<Failure>,
    /// In a row: the earliest and the latest end of the pause after each.
    vanished: Vec<(Now, Now)>,
    /// The bucket's, by the monotonic clock: taken (false) and given back (true).
    bucket: Vec<(Duration, bool)>,
    budget: Vec<OpenRenewal>,
    /// When a doubt caused a renewal last.
    doubted: Option<Now>,
    /// When the credentials were reloaded_at up last, or had failed.
    reloaded_at: Option<Now>,
    refresh_token: bool,
    /// A pause was lifted, or a refresh vanished or came back, since the last start.
    excused: bool,
    counted: Counted,
}

#[derive(Debug, Default, PartialEq)]
struct Counted {
    exchanges: u64,
    succeeded: u64,
    failed: u64,
    lost: u64,
    same: u64,
    spent: u64,
    refusals: u64,
    doubts: u64,
    without_budget: u64,
    rotations: u64,
}

impl Model {
    pub(crate) fn new(setup: Setup, now: Now) -> Model {
        Model {
            setup,
            now,
            order: 0,
            travelled: Duration::ZERO,
            tokens: Vec::new(),
            refreshes: Vec::new(),
            failures: Vec::new(),
            vanished: Vec::new(),
            bucket: Vec::new(),
            budget: Vec::new(),
            doubted: None,
            reloaded_at: None,
            refresh_token: false,
            excused: false,
            counted: Counted::default(),
        }
    }

    // ===== what happens =====

    pub(crate) fn time_is(&mut self, now: Now) {
        let wall = now.since_epoch().abs_diff(self.now.since_epoch());
        self.travelled += wall.max(now.monotonic() - self.now.monotonic());
        self.now = now;
    }

    pub(crate) fn fixed(&mut self, generation: Generation, window: Window) {
        assert_eq!(window, Window::ENDLESS);
        self.new_token(generation, None, (self.now, true, None, (None, None)), window);
    }

    pub(crate) fn asked(&mut self, ask: Ask, start: Option<Start>) {
        let usable = self.is_usable();
        let reason = match self.token().map(|token| token.window) {
            None => Reason::First,
            Some(window) if self.has_come(window.ends_at) => Reason::Expired,
            Some(window) if self.has_come(window.margin_at) => Reason::Expiring,
            Some(window) if self.has_come(window.refresh_at) => Reason::RefreshAhead,
            Some(_) => return assert_eq!((ask, start), (Ask::Use, None), "nothing is due"),
        };
        self.give_up_overdue();
        let free = self.under_way().is_none() && !self.is_paused();
        let (earliest, latest) = match self.vanished.last() {
            Some(&quiet) if reason == Reason::RefreshAhead => quiet,
            _ => (self.now, self.now),
        };
        match start {
            Some(start) => {
                assert!(free, "1, 2: a refresh starts beside another one, or within a pause");
                assert!(self.has_come(earliest), "10: in the background, too early after a loss");
                self.started(start, reason, false);
            }
            None => assert!(!free || !self.has_come(latest), "an exchange is due"),
        }
        let waits = self.under_way().is_some();
        let told = match (usable, self.failures.last()) {
            (true, _) if waits && reason == Reason::Expiring => Ask::Wait,
            (true, _) => Ask::Use,
            (false, Some(last)) if !waits => {
                Ask::Fail { age: self.ago(last.at), retry_in: self.until(last.retry_at) }
            }
            (false, _) => Ask::Wait,
        };
        assert_eq!(ask, told, "4, 7: whoever asks");
        match ask {
            Ask::Use => assert!(usable, "4: past its end"),
            Ask::Wait => self.somebody_waits(),
            Ask::Fail { retry_in, .. } => assert!(!usable && !retry_in.is_zero(), "4, 7"),
        }
    }

    pub(crate) fn refused(&mut self, refused: Generation, answer: Refused, start: Option<Start>) {
        self.counted.refusals += 1;
        let told = self.whoever_wants_a_successor(refused, |model| {
            (model.budget() == 0).then_some(Recovery::BudgetSpent)
        });
        assert_eq!(answer, told, "9: whoever was refused");
        if told == Refused::HandOn(Recovery::BudgetSpent) {
            self.counted.without_budget += 1;
        }
        let begins = matches!(told, Refused::Wait) && self.under_way().is_none();
        assert_eq!(start.is_some(), begins, "1, 2, 9: an exchange for a refusal");
        if let Some(start) = start {
            let reason = match self.token() {
                None => Reason::First,
                Some(_) if self.is_usable() => Reason::Refused,
                Some(_) => Reason::Expired,
            };
            self.started(start, reason, reason == Reason::Refused);
            if reason == Reason::Refused {
                self.pays(start.id, refused);
            }
        }
        if matches!(answer, Refused::Wait | Refused::WaitAndAsk) {
            self.somebody_waits();
        }
    }

    pub(crate) fn doubted(&mut self, doubted: Generation, answer: Refused, start: Option<Start>) {
        self.counted.doubts += 1;
        let told = self.whoever_wants_a_successor(doubted, |model| {
            let next = model.doubted.map(|last| last + 60 * SECOND);
            next.filter(|next| !model.has_come(*next)).map(|_| Recovery::RenewedLately)
        });
        assert_eq!(answer, told, "12: whoever was doubted");
        let begins = matches!(told, Refused::Wait) && self.under_way().is_none();
        assert_eq!(start.is_some(), begins, "1, 2, 12: an exchange for a doubt");
        if let Some(start) = start {
            let reason = match self.token() {
                None => Reason::First,
                Some(_) if self.is_usable() => Reason::Doubted,
                Some(_) => Reason::Expired,
            };
            // Paid for by the minute that follows.
            self.started(start, reason, reason == Reason::Doubted);
            if reason == Reason::Doubted {
                self.doubted = Some(self.now);
            }
        }
        if matches!(answer, Refused::Wait | Refused::WaitAndAsk) {
            self.somebody_waits();
        }
    }

    /// `limit`: why no renewal may begin now for a token that is usable.
    fn whoever_wants_a_successor(
        &mut self,
        refused: Generation,
        limit: impl Fn(&Model) -> Option<Recovery>,
    ) -> Refused {
        if self.setup.fixed {
            return Refused::HandOn(Recovery::FixedToken);
        }
        let usable = self.is_usable();
        if usable && self.token().is_some_and(|token| token.generation > refused) {
            return Refused::Resend;
        }
        self.give_up_overdue();
        let issued = self.token().map_or(0, |token| token.order);
        match self.under_way() {
            Some(refresh) if usable && refresh.order < issued => Refused::WaitAndAsk,
            None if self.is_paused() => Refused::HandOn(Recovery::RenewalFailed),
            None if usable => limit(self).map_or(Refused::Wait, Refused::HandOn),
            Some(_) | None => Refused::Wait,
        }
    }

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
        let overtaken = self.token().is_some_and(|token| token.by > Some(nth));
        let arrival = match outcome {
            Ok(_) if overtaken => return assert_eq!(told, Finished::Outdated, "3: overtaken"),
            Ok(arrival) => self.with_its_life(arrival),
            Err(fault) if awaited => return self.failed(id, fault, None, told),
            Err(_) => return assert_eq!(told, Finished::Outdated, "nobody's failure"),
        };
        let alive = arrival.life >= SECOND && !self.has_come(arrival.sent + arrival.life);
        let dead = Fault { nature: Nature::Passing, retry_after: None };
        match told {
            Finished::Adopt { generation, window, recovered, .. } if alive || self.is_usable() => {
                let first = self.failures.first().map(|first| self.ago(first.at));
                assert_eq!(recovered, first);
                self.failures.clear();
                self.refresh_token = arrival.refresh_token.is_some();
                self.counted.succeeded += 1;
                let again = arrival.same && !self.tokens.is_empty();
                match (again, alive) {
                    (false, true) => {
                        self.in_its_ranges(window, arrival, None);
                        let brought = |payment: &&mut OpenRenewal| payment.refresh == id;
                        if let Some(payment) = self.open_payment().filter(brought) {
                            payment.brought = Some(generation);
                        }
                        self.new_token(generation, Some(nth), parts_of(arrival), window);
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

    /// The current token once more; `alive`: with a life that is left.
    fn same_again(
        &mut self,
        nth: usize,
        alive: Option<Arrival>,
        generation: Generation,
        window: Window,
    ) {
        self.counted.same += 1;
        let id = self.refreshes[nth].start.id;
        if let Some(payment) = self.open_payment().filter(|payment| payment.refresh == id) {
            payment.open = false;
        }
        let repeats = self.token().map_or(0, |token| token.repeats) + u32::from(alive.is_some());
        match alive {
            Some(arrival) => self.in_its_ranges(window, arrival, Some(repeats)),
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

    fn failed(&mut self, id: RefreshId, fault: Fault, dead: Option<bool>, told: Finished) {
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
            (_, false, Some(_)) => doubling(SECOND, count, 120 * SECOND),
            (_, false, None) => doubling(SECOND, count, 30 * SECOND),
        };
        let asked = fault.retry_after.unwrap_or_default().min(300 * SECOND);
        let (least, most) = ((slot / 5 * 4).max(asked), slot.max(asked));
        let in_slot = least <= retry_in + NANO && retry_in <= most + NANO;
        // Whether the endpoint is to be left alone: it said so, or it refuses the credentials.
        let alone = permanent && dead != Some(true) || !asked.is_zero();
        // That of an outage without a token, which the token's end makes of it.
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
            // Its hard margin has come, and with it the one attempt.
            () if alone && outlasts.is_some() && margin.is_none() => {
                if permanent {
                    in_slot
                } else {
                    in_last_slot
                }
            }
            () if before_the_end && !alone => {
                // In the very last moments that is no pause to speak of.
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

    pub(crate) fn lost(&mut self, id: RefreshId) {
        let nth = self.nth(id);
        if !self.refreshes[nth].under_way {
            return;
        }
        self.refreshes[nth].under_way = false;
        self.excused = true;
        self.counted.lost += 1;
        let count = u32::try_from(self.vanished.len()).unwrap() + 1;
        let slot = doubling(SECOND, count, 120 * SECOND);
        self.vanished
            .push((self.now + (slot / 5 * 4).saturating_sub(NANO), self.now + slot + NANO));
        self.refunded(id);
    }

    pub(crate) fn rotated(
        &mut self,
        used: Generation,
        arrival: Arrival,
        told: Result<(Generation, Window), NotAdopted>,
    ) {
        let (generation, window) = match (told, self.why_not(used, arrival)) {
            (Ok(it), None) => it,
            (told, why_not) => return assert_eq!(told.err(), why_not, "3: whether it follows"),
        };
        self.in_its_ranges(window, arrival, None);
        // One that has little left when it comes is due at once.
        self.excused |= self.has_come(window.refresh_at);
        let (line, by) = self.token().map(|token| (token.line, token.by)).expect("a line");
        self.counted.rotations += 1;
        self.new_token(generation, by, parts_of(arrival), window);
        self.tokens.last_mut().expect("just now").line = line;
    }

    /// Why a token that answered a request with `used` may not follow the current one.
    pub(crate) fn why_not(&self, used: Generation, arrival: Arrival) -> Option<NotAdopted> {
        let current = self.token().filter(|_| !self.setup.fixed);
        let Some(current) = current else { return Some(NotAdopted::OtherLineage) };
        if !self.tokens.iter().any(|it| it.generation == used && it.line == current.line) {
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
            // The answer to the current token follows it, unless it is from another time altogether.
            _ if answers_it && !arrival.same => {
                iat.is_none_or(|(its, ours)| its + 60 * SECOND >= ours)
            }
            Some((its, ours)) => its > ours,
            None => sent_later && !arrival.same,
        };
        (!newer).then_some(NotAdopted::NotNewer)
    }

    pub(crate) fn replay_accepted(&mut self, with: Generation) {
        let worth_it = |payment: &&mut OpenRenewal| payment.brought.is_some_and(|it| with >= it);
        if let Some(payment) = self.open_payment().filter(worth_it) {
            payment.open = false;
            if !payment.discredited {
                self.bucket.push((self.now.monotonic(), true));
            }
        }
    }

    pub(crate) fn rejected_token_accepted(&mut self, rejected_token: Generation, sent: Now) {
        if let Some(payment) = self.open_payment() {
            let after = sent.monotonic() > payment.at.monotonic();
            payment.discredited |= payment.refused == rejected_token && after;
        }
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

    pub(crate) fn reloaded(&mut self, look: bool) {
        assert_eq!(look, self.reloads(), "11: whether the credentials are reloaded_at up");
        if look {
            self.reloaded_at = Some(self.now);
        }
    }

    // ===== what follows =====

    fn started(&mut self, start: Start, reason: Reason, paid: bool) {
        assert_eq!((start.reason, start.started), (reason, self.now));
        assert!(self.refreshes.iter().all(|refresh| refresh.start.id != start.id));
        assert!(self.refreshes.iter().all(|refresh| !refresh.under_way), "1: two refreshes");
        assert!(!self.setup.fixed, "a fixed token is never renewed");
        assert_eq!(start.refresh_token.is_some(), self.refresh_token, "8: a refresh token");
        self.counted.spent += u64::from(self.refresh_token);
        self.refresh_token = false;
        if let Some(last) = self.refreshes.last()
            && !paid
        {
            let ended = last.was_usable && !self.is_usable();
            let apart = self.travelled - last.travelled >= Duration::from_millis(200);
            assert!(apart || ended || self.excused, "6: a storm");
        }
        self.excused = false;
        self.counted.exchanges += 1;
        self.order += 1;
        self.refreshes.push(Refresh {
            start,
            order: self.order,
            under_way: true,
            was_usable: self.is_usable(),
            travelled: self.travelled,
        });
    }

    fn new_token(
        &mut self,
        generation: Generation,
        by: Option<usize>,
        (sent, stated, dated_end, claimed): Parts,
        window: Window,
    ) {
        let count = u64::try_from(self.tokens.len()).unwrap() + 1;
        assert_eq!(generation.number(), count, "3: generations count up by one");
        self.order += 1;
        let (line, order) = (generation, self.order);
        self.tokens.push(Token {
            generation,
            line,
            by,
            order,
            sent,
            stated,
            dated_end,
            claimed,
            window,
            repeats: 0,
        });
    }

    /// The same token lives no longer than it says, and no shorter for a life in whole seconds.
    fn with_its_life(&self, arrival: Arrival) -> Arrival {
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

    /// 80 to 90 %, min(30 s, 10 %), the end; later by a pause of its own if it came once more.
    fn in_its_ranges(&self, window: Window, arrival: Arrival, repeats: Option<u32>) {
        let Arrival { sent, life, .. } = arrival;
        let slot = repeats.map_or(Duration::ZERO, |count| doubling(SECOND, count, 120 * SECOND));
        let off = (repeats.map(|_| self.now + slot / 5 * 4), repeats.map(|_| self.now + slot));
        let end = sent + life;
        assert_eq!(window.ends_at, end, "10: its end");
        let margin = sent + (life - (life / 10).min(30 * SECOND));
        let refresh = (sent + life / 10 * 8, sent + life / 10 * 9);
        for clock in [Now::monotonic, Now::since_epoch] {
            let within = |it: Now, from: Now, to: Now| {
                let put_off = |moment: Now, off: Option<Now>| {
                    clock(moment).max(off.map_or(Duration::ZERO, clock)).min(clock(end))
                };
                put_off(from, off.0) <= clock(it) + LEEWAY
                    && clock(it) <= put_off(to, off.1) + LEEWAY
            };
            assert!(
                within(window.refresh_at, refresh.0, refresh.1),
                "10: refresh-ahead {window:?}"
            );
            assert!(within(window.margin_at, margin, margin), "10: the hard margin {window:?}");
        }
    }

    fn give_up_overdue(&mut self) {
        if let Some(id) = self.overdue() {
            self.lost(id);
        }
    }

    fn pays(&mut self, refresh: RefreshId, refused: Generation) {
        let at = self.now.monotonic();
        self.bucket.push((at, false));
        let mut taken = 0;
        for &(since, given_back) in self.bucket.iter().rev() {
            taken += if given_back { -1 } else { 1 };
            let refills = (at - since).as_secs() / 30 + 1;
            assert!(taken <= 5 + i64::try_from(refills).unwrap(), "5: {taken} since {since:?}");
        }
        let (now, brought) = (self.now, None);
        let (open, discredited) = (true, false);
        self.budget.iter_mut().for_each(|payment| payment.open = false);
        self.budget.push(OpenRenewal { refresh, refused, at: now, open, discredited, brought });
    }

    fn refunded(&mut self, id: RefreshId) {
        if let Some(payment) = self.open_payment().filter(|payment| payment.refresh == id) {
            payment.open = false;
            self.bucket.push((self.now.monotonic(), true));
        }
    }

    /// What is left in the bucket: one drops in every 30 s from when it was last full.
    fn budget(&self) -> u32 {
        let (mut left, mut since) = (5, Duration::ZERO);
        let mut until = |moment: Duration, change: i32| {
            while left < 5 && moment >= since + 30 * SECOND {
                left += 1;
                since += 30 * SECOND;
            }
            if left == 5 {
                since = moment;
            }
            left = (left + change).min(5);
            left
        };
        for &(at, given_back) in &self.bucket {
            until(at, if given_back { 1 } else { -1 });
        }
        u32::try_from(until(self.now.monotonic(), 0)).expect("5: no debts")
    }

    fn somebody_waits(&self) {
        let refresh = self.under_way().expect("7: whoever waits, waits for a refresh");
        assert!(self.ago(refresh.start.started) < self.setup.refresh_limit, "7: past its limit");
    }

    // ===== how things stand =====

    fn token(&self) -> Option<&Token> {
        self.tokens.last()
    }

    fn is_usable(&self) -> bool {
        self.token().is_some_and(|token| !self.has_come(token.window.ends_at))
    }

    fn under_way(&self) -> Option<&Refresh> {
        self.refreshes.last().filter(|refresh| refresh.under_way)
    }

    pub(crate) fn overdue(&self) -> Option<RefreshId> {
        let refresh = self.under_way()?.start;
        (self.ago(refresh.started) >= self.setup.refresh_limit).then_some(refresh.id)
    }

    fn is_paused(&self) -> bool {
        self.failures.last().is_some_and(|last| !self.has_come(last.retry_at))
    }

    fn next_reload(&self) -> Option<Now> {
        let last = self.failures.last().filter(|last| last.permanent)?;
        let of_use = self.setup.credentials_may_change && self.under_way().is_none();
        of_use.then(|| self.reloaded_at.unwrap_or(last.at) + SECOND)
    }

    /// It is of use within a pause only, which it may end.
    pub(crate) fn is_reload_due(&self) -> bool {
        self.is_paused() && self.reloads()
    }

    fn reloads(&self) -> bool {
        self.next_reload().is_some_and(|moment| self.has_come(moment))
    }

    fn open_payment(&mut self) -> Option<&mut OpenRenewal> {
        self.budget.last_mut().filter(|payment| payment.open)
    }

    fn nth(&self, id: RefreshId) -> usize {
        self.refreshes.iter().position(|refresh| refresh.start.id == id).expect("it has begun")
    }

    fn has_come(&self, moment: Now) -> bool {
        is_reached(moment, self.now)
    }

    fn until(&self, moment: Now) -> Duration {
        between(self.now, moment)
    }

    fn ago(&self, moment: Now) -> Duration {
        self.now.monotonic().saturating_sub(moment.monotonic())
    }

    /// By the monotonic clock.
    pub(crate) fn time_until(&self, moment: Moment) -> Duration {
        let window = self.token().map(|token| token.window).filter(|_| !self.setup.fixed);
        let moment = match moment {
            Moment::RefreshAhead => window.map(|window| window.refresh_at),
            Moment::HardMargin => window.map(|window| window.margin_at),
            Moment::End => window.map(|window| window.ends_at),
            Moment::NextAttempt => self.failures.last().map(|last| last.retry_at),
            Moment::RefreshLimit => {
                self.under_way().map(|refresh| refresh.start.started + self.setup.refresh_limit)
            }
            Moment::NextReload => self.next_reload(),
        };
        let moment = moment.map_or(Duration::ZERO, Now::monotonic);
        moment.saturating_sub(self.now.monotonic())
    }

    // ===== what is shown =====

    pub(crate) fn shows(&self, status: &Status) {
        let window = self.token().map(|token| token.window);
        let state = match window {
            Some(window) if self.is_usable() && self.has_come(window.refresh_at) => State::Stale,
            Some(_) if self.is_usable() => State::Fresh,
            _ if self.under_way().is_some() => State::Exchanging,
            _ if !self.failures.is_empty() => State::Failing,
            Some(_) => State::Expired,
            None => State::Empty,
        };
        assert_eq!(status.state, state);
        assert_eq!(status.generation, self.token().map(|token| token.generation), "4");
        let ending = window.filter(|_| !self.setup.fixed);
        assert_eq!(status.expires_in, ending.map(|window| self.until(window.ends_at)), "4");
        assert_eq!(status.exchange_under_way, self.under_way().is_some());
        let retry = self.failures.last().map(|last| self.until(last.retry_at));
        let refresh = ending.map(|window| self.until(window.refresh_at));
        let is_idle = self.tokens.is_empty() && self.under_way().is_none();
        let next = retry.max(refresh).or(is_idle.then_some(Duration::ZERO));
        assert_eq!(status.next_attempt_in, next, "7: the next attempt");
        assert_eq!(usize::try_from(status.consecutive_failures), Ok(self.failures.len()));
        let first = self.failures.first().map(|first| self.ago(first.at));
        assert_eq!(status.failing_for, first);
        assert_eq!(status.renewal_budget, self.budget(), "5: what is left");
        let counters = &status.counters;
        let counted = Counted {
            exchanges: counters.exchanges(),
            succeeded: counters.exchanges_succeeded,
            failed: counters.exchanges_failed,
            lost: counters.exchanges_lost,
            same: counters.same_token,
            spent: counters.refresh_tokens_spent,
            refusals: counters.refusals,
            doubts: counters.doubts,
            without_budget: counters.budget_refusals,
            rotations: counters.rotations_adopted,
        };
        assert_eq!(counted, self.counted);
    }

    /// Whether nobody asks, because of what is published; as the cell's readers have it.
    pub(crate) fn is_said_to_be_silent(&self, machine: &Machine) -> bool {
        let Some(window) = self.token().map(|token| token.window) else { return false };
        let is_ahead = |moment: Option<Now>| moment.is_some_and(|it| !self.has_come(it));
        match window {
            _ if self.has_come(window.ends_at) || !self.has_come(window.refresh_at) => false,
            _ if self.has_come(window.margin_at) => is_ahead(machine.flags().paused_until),
            _ => is_ahead(machine.flags().quiet_until) || is_ahead(machine.flags().paused_until),
        }
    }

    pub(crate) fn hints(&self, machine: &Machine) {
        let rejected_token =
            self.budget.last().filter(|payment| payment.open && !payment.discredited);
        assert_eq!(
            machine.flags().rejected_token,
            rejected_token.map(|payment| payment.refused),
            "11: the rejected_token"
        );
        for token in self.tokens.iter().rev().take(2) {
            let current = self.token().is_some_and(|it| it.generation == token.generation);
            let renews =
                current && self.under_way().is_none() && !self.setup.fixed && !self.is_paused();
            let said = machine.would_renew(self.now, token.generation);
            assert_eq!(said, renews, "11: would renew");
        }
        let (quiet, paused) = (machine.flags().quiet_until, machine.flags().paused_until);
        if let Some(refresh) = self.under_way() {
            assert_eq!(quiet, Some(refresh.start.started + self.setup.refresh_limit), "11: quiet");
            assert_eq!(paused, None, "11: there is something to wait for");
            return;
        }
        let is_ahead = |moment: Option<Now>| moment.is_some_and(|it| !self.has_come(it));
        let silent = self.is_paused() && !self.reloads();
        assert_eq!(is_ahead(paused), silent, "11: a pause is published as long as it is one");
        assert!(quiet.is_some() || self.vanished.is_empty());
    }
}

const NANO: Duration = Duration::from_nanos(2);
/// What floating-point numbers lose of a life of a hundred years.
const LEEWAY: Duration = Duration::from_micros(2);

/// By either clock.
fn is_reached(moment: Now, now: Now) -> bool {
    now.monotonic() >= moment.monotonic() || now.since_epoch() >= moment.since_epoch()
}

/// By the clock that gets there first.
fn between(from: Now, to: Now) -> Duration {
    let monotonic = to.monotonic().saturating_sub(from.monotonic());
    monotonic.min(to.since_epoch().saturating_sub(from.since_epoch()))
}

/// The `count`-th of slots that double.
fn doubling(first: Duration, count: u32, cap: Duration) -> Duration {
    (1..count).fold(first, |slot, _| (slot * 2).min(cap)).min(cap)
}
