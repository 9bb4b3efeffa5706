//! The machine's vocabulary: what it is told, and what it answers.

use std::fmt;
use std::time::Duration;

use crate::clock::Now;
use crate::error::recovery::Recovery;
use crate::exchange::context::Reason;
use crate::token::machine::backoff::Fault;
use crate::token::machine::window::Window;

/// Numbers the tokens of a source in the order in which they became current.
///
/// A refusal is judged by it: only that of the current generation is a reason to renew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u64);

impl Generation {
    pub(crate) fn of(number: u64) -> Generation {
        Generation(number)
    }

    pub(crate) fn next(self) -> Generation {
        Generation(self.0 + 1)
    }

    /// As a number: 1 for the first token of a source.
    #[inline]
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Orders refreshes and tokens: what has the larger one began, or was issued, later.
pub(crate) type Tick = u64;

/// Names a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RefreshId(Tick);

impl RefreshId {
    pub(crate) fn at(tick: Tick) -> RefreshId {
        RefreshId(tick)
    }

    pub(crate) fn tick(self) -> Tick {
        self.0
    }
}

/// The action that an event may ask for: start this refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start<R = ()> {
    pub(crate) id: RefreshId,
    pub(crate) reason: Reason,
    /// When: its deadline counts from here.
    pub(crate) started: Now,
    /// The refresh token that it may spend. Nothing else will.
    pub(crate) refresh_token: Option<R>,
}

/// What somebody who wants a token is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Take the current one.
    Use,
    /// Wait for the refresh that is under way, or that starts now.
    Wait,
    /// Fail: the last exchange failed `age` ago, and the next one is due in `retry_in`.
    Fail { age: Duration, retry_in: Duration },
}

/// What an answer of the API says against the token that its request carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Complaint {
    /// It refuses the token.
    Refusal,
    /// The token may have ended, and mostly has not.
    Doubt,
}

/// What somebody whose token the API refused, or doubted, is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A newer token is current: send the request again with that one.
    Resend,
    /// Wait for the refresh that is under way, or that starts now.
    Wait,
    /// Wait for the refresh, which began before the refused token was issued and so says nothing of
    /// the refusal; then come back.
    WaitAndAsk,
    /// Give the refusal to the caller.
    HandOn(Recovery),
}

/// A token that an exchange or a rotation brought.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<R = ()> {
    /// When the request that it answers was sent.
    pub(crate) sent: Now,
    /// How long it lives from then on.
    pub(crate) life: Duration,
    /// Somebody says how long: the answer that brought it, or the token itself. Else it is the default.
    pub(crate) stated: bool,
    /// How long it lives at most, by what stays the same when it is handed out once more: its own claims, or a
    /// moment at which it ends.
    pub(crate) dated: Option<Duration>,
    /// It is, byte for byte, the current token.
    pub(crate) same: bool,
    /// The refresh token that came with it.
    pub(crate) refresh_token: Option<R>,
    /// When it was issued and when it ends, by its own claims, since the epoch.
    pub(crate) claimed: (Option<Duration>, Option<Duration>),
}

impl<R> Arrival<R> {
    pub(crate) fn dated_end(&self) -> Option<Now> {
        self.dated.map(|dated| self.sent + dated)
    }
}

/// What became of a refresh.
///
/// `previous` is why the last exchange before it failed. The machine has done with it: it is to be dropped without the
/// lock, since what a user's error does then is not ours to know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Finished<E = Fault> {
    /// Publish its token. `recovered`: how long exchanges had been failing before.
    Adopt {
        generation: Generation,
        window: Window,
        recovered: Option<Duration>,
        previous: Option<E>,
    },
    /// Tell those who waited. `dead`: it brought a token, which had ended already.
    Failed { dead: bool, failures: u32, retry_in: Duration, error: E, previous: Option<E> },
    /// Nothing: the refresh was given up, and has failed or been overtaken since.
    Outdated,
}
