//! The model: it keeps lists of all that has happened, and derives from them what each caller must be told.
//!
//! The model draws nothing at random. Where the machine draws, the model checks that the result lies in its documented
//! range, and goes on with that result.
//!
//! These rules hold. The assertions name them by number:
//!
//! 1. At most one refresh is under way. A refresh that has not ended is given up only after its limit.
//! 2. No refresh starts within a pause, unless somebody lifted the pause.
//! 3. Generations count up by one. A response's token follows only if it is newer, and of the same lineage.
//! 4. A token stays until its successor is there. It is not used past its end by either clock.
//! 5. Each renewal for a refusal takes one from the budget: five in a row, one more every 30 s, and what was given back.
//! 6. There is no storm: refreshes that the budget did not pay for start at least 200 ms apart, unless in between a token
//!    ended, a refresh vanished or came back, or a pause was lifted.
//! 7. A caller that waits, waits for a refresh within its limit. A caller that fails is told the true age and time.
//! 8. A refresh token goes to one refresh. It comes from the answer that was adopted last.
//! 9. A refusal of an older token costs nothing. Other refusals join the refresh. Without budget the refusal is handed on.
//! 10. What is drawn lies in its range. Without `Retry-After`, no pause outlasts a usable token.
//! 11. The published flags hide nothing that is due.
//! 12. Doubted responses cause at most one renewal a minute, and leave the budget alone.
//! 13. If an answer says when its token is renewed, that moment counts if it comes before 80 % of the life. The same token
//!     again is then expected: there is no pause.
//! 14. A new token waits for its settling time if the current one is usable and due, and neither refused nor doubted. No refresh
//!     starts meanwhile. A complaint, or the end of the current token, ends the wait. A refusal of the current token within its
//!     settling time renews nothing.

mod asked;
mod budget;
mod ended;
mod failures;
mod lives;
mod settling;
mod shown;

use std::time::Duration;

use crate::clock::Now;
use crate::token::machine::events::{Arrival, Generation, RefreshId, Start};
use crate::token::machine::model::event::{Moment, Setup};
use crate::token::machine::window::Window;

const SECOND: Duration = Duration::from_secs(1);
/// The longest pause with a usable token.
const LONGEST_PAUSE_WITH_A_TOKEN: Duration = Duration::from_secs(120);

#[derive(Debug)]
struct Token {
    generation: Generation,
    /// The generation that began its lineage.
    lineage: Generation,
    /// The last refresh that brought this token or began its lineage, by its place in `Model::refreshes`.
    by: Option<usize>,
    /// Its place in the order of events.
    order: usize,
    sent: Now,
    /// An answer stated its lifetime.
    stated: bool,
    /// Its latest end, as its first answer had it.
    dated_end: Option<Now>,
    claimed: (Option<Duration>, Option<Duration>),
    window: Window,
    /// How often the endpoint issued it again.
    repeats: u32,
    settled_at: Option<Now>,
}

/// When a token was asked for, whether its lifetime was stated, its latest end, and its claims.
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
    /// Its token is used at once.
    at_once: bool,
    /// `Model::travelled` when it began.
    travelled: Duration,
}

#[derive(Debug)]
struct Failure {
    at: Now,
    retry_at: Now,
    in_doubt: bool,
    permanent: bool,
    /// The credentials have changed since.
    forgiven: bool,
}

/// A renewal for a refused token.
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
    /// The sum of all movements of the clocks, forward and back.
    travelled: Duration,
    tokens: Vec<Token>,
    /// A token that waits until it has settled.
    waiting: Option<Token>,
    refreshes: Vec<Refresh>,
    /// Since the last success.
    failures: Vec<Failure>,
    /// Refreshes that vanished in a row: the earliest and the latest end of the pause after each.
    vanished: Vec<(Now, Now)>,
    /// What happened to the budget, by the monotonic clock: one taken (false), one given back (true).
    bucket: Vec<(Duration, bool)>,
    renewals: Vec<OpenRenewal>,
    /// When a doubted response last caused a renewal.
    doubted: Option<Now>,
    /// When the credentials were last reloaded or refused.
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
            waiting: None,
            refreshes: Vec::new(),
            failures: Vec::new(),
            vanished: Vec::new(),
            bucket: Vec::new(),
            renewals: Vec::new(),
            doubted: None,
            reloaded_at: None,
            refresh_token: false,
            excused: false,
            counted: Counted::default(),
        }
    }

    pub(crate) fn time_is(&mut self, now: Now) {
        let wall = now.since_epoch().abs_diff(self.now.since_epoch());
        self.travelled += wall.max(now.monotonic() - self.now.monotonic());
        self.now = now;
    }

    /// The current token.
    fn token(&self) -> Option<&Token> {
        self.waiting.as_ref().filter(|_| !self.is_waiting()).or(self.tokens.last())
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
            Moment::Settled => {
                self.waiting.as_ref().or(self.token()).and_then(|token| token.settled_at)
            }
        };
        let moment = moment.map_or(Duration::ZERO, Now::monotonic);
        moment.saturating_sub(self.now.monotonic())
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
