//! The machine's inputs and outputs.

use std::fmt;
use std::time::Duration;

use crate::clock::Now;
use crate::error::recovery::Recovery;
use crate::exchange::context::Reason;
use crate::token::machine::backoff::Fault;
use crate::token::machine::window::Window;

/// Numbers the tokens of a source in the order in which they became current.
///
/// Only a refusal of the current generation causes a renewal.
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

/// Orders refreshes and tokens: the larger number began, or was issued, later.
pub(crate) type Tick = u64;

/// Identifies a refresh.
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

/// The action that an event may ask for: start a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start<R = ()> {
    pub(crate) id: RefreshId,
    pub(crate) reason: Reason,
    /// When it starts. Its deadline counts from here.
    pub(crate) started: Now,
    /// The refresh token that it may use. No other refresh gets it.
    pub(crate) refresh_token: Option<R>,
}

/// The answer to a caller that wants a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Use the current token.
    Use,
    /// Wait for the refresh that is under way, or that starts now.
    Wait,
    /// Fail: the last exchange failed `age` ago, and the next one is due in `retry_in`.
    Fail { age: Duration, retry_in: Duration },
}

/// How a response speaks against the token of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Complaint {
    /// The response refuses the token.
    Refusal,
    /// The token may have expired, but mostly has not.
    Doubt,
}

/// The answer to a caller whose token was refused or doubted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A newer token is current: send the request again with that one.
    Resend,
    /// Wait for the refresh that is under way, or that starts now.
    Wait,
    /// Wait for the refresh, and then ask again. The refresh began before the refused token was issued, so its
    /// outcome says nothing about the refusal.
    WaitAndAsk,
    /// Send the request again with the same token after a pause: the provider may not accept the token yet.
    SendAgain,
    /// Give the refusal to the caller.
    HandOn(Recovery),
}

/// A new token, from an exchange or from a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<R = ()> {
    /// When the request of the answer was sent.
    pub(crate) sent: Now,
    /// How long the token lives from then on.
    pub(crate) life: Duration,
    /// The answer or the token itself stated the life. Otherwise it is the default.
    pub(crate) stated: bool,
    /// The longest life, by the claims or by the stated time of expiry. These stay the same if the token is issued
    /// again.
    pub(crate) dated: Option<Duration>,
    /// The token equals the current token, byte for byte.
    pub(crate) same: bool,
    /// The token is renewed in the background after this time at the latest, counted from its arrival.
    pub(crate) refresh_after: Option<Duration>,
    /// The refresh token that came with the token.
    pub(crate) refresh_token: Option<R>,
    /// When the token was issued and when it expires, by its own claims, since the epoch.
    pub(crate) claimed: (Option<Duration>, Option<Duration>),
}

impl<R> Arrival<R> {
    pub(crate) fn dated_end(&self) -> Option<Now> {
        self.dated.map(|dated| self.sent + dated)
    }
}

/// The result of a refresh.
///
/// `previous` is the error of the failure before it, if any. Drop it outside the lock, because a user's error may run
/// any code in its `Drop`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Finished<E = Fault> {
    /// Publish its token, or keep it until it has settled if it `waits`. `recovered`: how long exchanges had been
    /// failing before.
    Adopt {
        generation: Generation,
        window: Window,
        waits: bool,
        recovered: Option<Duration>,
        previous: Option<E>,
    },
    /// Tell the waiting callers. `dead`: the token of the exchange had expired.
    Failed { dead: bool, failures: u32, retry_in: Duration, error: E, previous: Option<E> },
    /// Do nothing: the refresh was given up before. It failed now, or a later one has succeeded.
    Outdated,
}
