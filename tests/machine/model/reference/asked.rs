//! Requests ask for a token, or say that theirs was refused or doubted: what they are told, and whether a refresh starts.

use std::time::Duration;

use crate::error::recovery::Recovery;
use crate::exchange::context::Reason;
use crate::token::machine::events::{Ask, Generation, Refused, Start};
use crate::token::machine::model::reference::{Model, Refresh, SECOND};
use crate::token::machine::window::Window;

impl Model {
    pub(crate) fn fixed(&mut self, generation: Generation, window: Window) {
        assert_eq!(window, Window::ENDLESS);
        self.new_token(generation, None, (self.now, true, None, (None, None)), window);
    }

    pub(crate) fn asked(&mut self, ask: Ask, start: Option<Start>) {
        self.settle();
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
        assert_eq!(ask, told, "4, 7: what the caller is told");
        match ask {
            Ask::Use => assert!(usable, "4: past its end"),
            Ask::Wait => self.somebody_waits(),
            Ask::Fail { retry_in, .. } => assert!(!usable && !retry_in.is_zero(), "4, 7"),
        }
    }

    pub(crate) fn refused(&mut self, refused: Generation, answer: Refused, start: Option<Start>) {
        self.counted.refusals += 1;
        self.settle();
        let told = self.is_unsettled(refused).then_some(Refused::SendAgain);
        let told = told.unwrap_or_else(|| {
            self.told_of_a_successor(refused, |model| {
                (model.left_in_budget() == 0).then_some(Recovery::BudgetSpent)
            })
        });
        assert_eq!(answer, told, "9: what a refused request is told");
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
                self.spends(start.id, refused);
            }
        }
        if matches!(answer, Refused::Wait | Refused::WaitAndAsk) {
            self.somebody_waits();
        }
    }

    pub(crate) fn doubted(&mut self, doubted: Generation, answer: Refused, start: Option<Start>) {
        self.counted.doubts += 1;
        self.settle();
        let told = self.told_of_a_successor(doubted, |model| {
            let next = model.doubted.map(|last| last + 60 * SECOND);
            next.filter(|next| !model.has_come(*next)).map(|_| Recovery::RenewedLately)
        });
        assert_eq!(answer, told, "12: what a doubted request is told");
        let begins = matches!(told, Refused::Wait) && self.under_way().is_none();
        assert_eq!(start.is_some(), begins, "1, 2, 12: an exchange for a doubt");
        if let Some(start) = start {
            let reason = match self.token() {
                None => Reason::First,
                Some(_) if self.is_usable() => Reason::Doubted,
                Some(_) => Reason::Expired,
            };
            // The next doubt may cause a renewal a minute later, so this one counts as paid for.
            self.started(start, reason, reason == Reason::Doubted);
            if reason == Reason::Doubted {
                self.doubted = Some(self.now);
            }
        }
        if matches!(answer, Refused::Wait | Refused::WaitAndAsk) {
            self.somebody_waits();
        }
    }

    /// What a request with the token `refused` is told. `limit` says why no renewal of a usable token may begin now.
    pub(super) fn told_of_a_successor(
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
        if self.waits_no_longer() {
            return Refused::Resend;
        }
        self.give_up_overdue();
        let issued = self.token().map_or(0, |token| token.order);
        if let Some(last) = self.refreshes.last_mut().filter(|it| it.under_way) {
            last.at_once |= usable && last.order > issued;
        }
        match self.under_way() {
            Some(refresh) if usable && refresh.order < issued => Refused::WaitAndAsk,
            None if self.is_paused() => Refused::HandOn(Recovery::RenewalFailed),
            None if usable => limit(self).map_or(Refused::Wait, Refused::HandOn),
            Some(_) | None => Refused::Wait,
        }
    }

    pub(super) fn somebody_waits(&self) {
        let refresh = self.under_way().expect("7: a caller waits, and no refresh is under way");
        assert!(self.ago(refresh.start.started) < self.setup.refresh_limit, "7: past its limit");
    }

    pub(super) fn started(&mut self, start: Start, reason: Reason, paid: bool) {
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
            at_once: matches!(reason, Reason::Refused | Reason::Doubted),
            travelled: self.travelled,
        });
    }

    pub(super) fn give_up_overdue(&mut self) {
        if let Some(id) = self.overdue() {
            self.lost(id);
        }
    }
}
