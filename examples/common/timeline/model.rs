//! The facts, and the timeline that they make. No text, no clock.

use std::time::Duration;

use tower_outbound_auth::exchange::Reason;

/// A fact, and when it became known, since the start of the recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) at: Duration,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum What {
    /// `refresh` is the number of the exchange.
    ExchangeBegan {
        refresh: u64,
        reason: Reason,
    },
    /// `expires_in` counts from this event. None: the token does not expire.
    ExchangeSucceeded {
        refresh: u64,
        reason: Reason,
        took: Duration,
        generation: u64,
        expires_in: Option<Duration>,
    },
    ExchangeFailed {
        refresh: u64,
        reason: Reason,
        took: Duration,
    },
    /// A response brought the token.
    TokenAdopted {
        generation: u64,
        expires_in: Option<Duration>,
    },
    Answered {
        caller: u64,
        began: Duration,
        took: Duration,
        answer: Answer,
    },
    /// Something that the server did: a short text.
    Mark(&'static str),
}

/// What the caller of a request got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The answer to the first sending.
    AtOnce,
    /// The token was refused. This is the good answer to the second sending.
    SentAgain,
    /// The refusal.
    Refused,
    /// An error, or another status that is no success.
    Failed,
}

/// What happened, ready to be drawn. All times count from the start of the recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Timeline {
    pub(crate) end: Duration,
    /// In the order of their generations.
    pub(crate) lives: Vec<Life>,
    /// In the order in which they began.
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) requests: Vec<Request>,
    pub(crate) marks: Vec<(Duration, &'static str)>,
}

/// The time in which a token was in use. Tokens that responses brought one after another are one entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Life {
    /// The generations of its tokens.
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) from_responses: bool,
    pub(crate) begins: Duration,
    pub(crate) ends: Duration,
    /// None: it does not expire.
    pub(crate) expires: Option<Duration>,
    pub(crate) fate: Fate,
}

/// Why a token was no longer used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Replaced,
    Refused,
    Expired,
    /// It was in use at the end of the recording.
    InUse,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Exchange {
    pub(crate) begins: Duration,
    pub(crate) ends: Duration,
    pub(crate) reason: Reason,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Token,
    Failure,
    UnderWay,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) caller: u64,
    pub(crate) begins: Duration,
    pub(crate) ends: Duration,
    pub(crate) answer: Answer,
    /// The reason for the exchange whose end the request waited for.
    pub(crate) waited_for: Option<Reason>,
}

impl Timeline {
    /// How long the requests took that met an exchange with this reason, the shortest first.
    pub(crate) fn took_during(&self, reason: Reason) -> Vec<Duration> {
        let met = |request: &&Request| {
            let mut its = self.exchanges.iter().filter(|it| it.reason == reason);
            its.any(|it| request.begins < it.ends && it.begins < request.ends)
        };
        let mut took: Vec<_> = self.requests.iter().filter(met).map(Request::took).collect();
        took.sort_unstable();
        took
    }

    /// The requests that waited for an exchange with this reason.
    pub(crate) fn waits_for(&self, reason: Reason) -> impl Iterator<Item = &Request> {
        self.requests.iter().filter(move |it| it.waited_for == Some(reason))
    }
}

impl Request {
    pub(crate) fn took(&self) -> Duration {
        self.ends.saturating_sub(self.begins)
    }
}
