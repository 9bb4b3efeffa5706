//! What observers are told.
//!
//! Each label of a metric (`as_str`, `code`) is one of a few fixed texts, whatever a server sends.
//!
//! ```
//! use tower_outbound_auth::token::{EventKind, WaitOutcome};
//!
//! /// Whether a caller got no token.
//! fn is_alarming(event: &EventKind<'_>) -> bool {
//!     match event {
//!         EventKind::WaitFinished { outcome, .. } => !matches!(outcome, WaitOutcome::Token),
//!         _ => false,
//!     }
//! }
//! # let _ = is_alarming;
//! ```

use std::time::Duration;

use crate::clock::Now;
use crate::error::Error;
use crate::error::recovery::Recovery;
use crate::exchange::context::Reason;
use crate::exchange::error::ExchangeError;
use crate::scheme::judge::Verdict;
use crate::scheme::not_adopted::NotAdopted;
use crate::token::machine::events::Generation;
use crate::token::machine::status::State;
use crate::token::observer::store_operation::{StoreOperation, StoreOutcome};

/// Something that happened to a source, for an [`Observer`](crate::token::Observer). It has no secret.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The system, as in the log.
    pub system: &'static str,
    /// The [name](crate::token::SourceBuilder::name) of the source. Default: the system.
    pub source: &'a str,
    /// When it happened, by the source's clock.
    pub at: Now,
    /// What happened.
    pub kind: EventKind<'a>,
}

/// What happened. A later version may have more kinds, and more fields.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum EventKind<'a> {
    /// A refresh started: an exchange, on a task of its own.
    #[non_exhaustive]
    RefreshStarted {
        /// Numbers the refreshes of this source. A later one has a larger number.
        refresh: u64,
        /// Why it started.
        reason: Reason,
    },
    /// A refresh finished. The waiting callers have its outcome.
    #[non_exhaustive]
    RefreshFinished {
        /// As in its `RefreshStarted`.
        refresh: u64,
        /// Why it started.
        reason: Reason,
        /// The time since its start.
        took: Duration,
        /// How many requests it has sent ([`mark_sent`](crate::exchange::ExchangeContext::mark_sent)). Zero if it ended before
        /// the first one, or if the exchange sends none.
        requests: u32,
        /// What it brought.
        outcome: RefreshOutcome<'a>,
    },
    /// A caller waits from now on.
    #[non_exhaustive]
    WaitStarted {
        /// What the caller waits for.
        wait: WaitFor,
        /// How many callers wait now, with this one.
        waiters: usize,
    },
    /// A caller has waited, or got the stored error of the last exchange at once. For a stored error, and for another error
    /// before the wait, there was no `WaitStarted`.
    #[non_exhaustive]
    WaitFinished {
        /// What the caller waited for.
        wait: WaitFor,
        /// How long it waited. None if it got an error at once.
        took: Option<Duration>,
        /// How many callers wait now, without this one.
        waiters: usize,
        /// What the caller got.
        outcome: WaitOutcome<'a>,
    },
    /// A response refused or doubted its token. Told when it is known what follows.
    #[non_exhaustive]
    RefusalJudged {
        /// `Refused` or `Doubted`.
        verdict: Verdict,
        /// The token of the request.
        generation: Generation,
        /// What followed. [`Replayed`](Recovery::Replayed): the request is sent again (after
        /// [`reject`](crate::TokenSource::reject): there was another token). If the caller gave up before it was sent again,
        /// [`OutOfTime`](Recovery::OutOfTime). None: this was the second sending, so nothing followed.
        recovery: Option<Recovery>,
    },
    /// A request that was refused was sent again, and this is the end of the second sending. (A caller that gives up makes no
    /// such event. If a request cannot be sent again, the `recovery` of its refusal says why.)
    #[non_exhaustive]
    ReplayFinished {
        /// How it ended.
        outcome: ReplayOutcome,
    },
    /// A request is sent again with new headers of its own: the API wants another nonce in the DPoP proof, or refuses the proof. The
    /// token is not renewed.
    #[non_exhaustive]
    NewProof {},
    /// A refusal would have caused a renewal, but too many renewals in a row had not helped.
    #[non_exhaustive]
    BudgetExhausted {},
    /// The source uses a token that a response brought.
    #[non_exhaustive]
    RotationAdopted {
        /// Its number.
        generation: Generation,
        /// Its life, from the sending of the request on. None if it does not expire.
        lifetime: Option<Duration>,
        /// The rest of its life.
        expires_in: Option<Duration>,
    },
    /// A response brought a token, and the source does not use it. The current token again is no event.
    #[non_exhaustive]
    RotationNotAdopted {
        /// Why.
        why: NotAdopted,
    },
    /// The state after a refresh, a lifted pause, changed credentials, or a token of a response.
    #[non_exhaustive]
    StateChanged {
        /// In one word.
        state: State,
        /// As in [`Status`](crate::token::Status::consecutive_failures).
        consecutive_failures: u32,
        /// As in [`Status`](crate::token::Status::next_attempt_in).
        next_attempt_in: Option<Duration>,
    },
    /// A credential was read again, and has another value. The first value of a credential is no event, unless it was
    /// unreadable before.
    #[non_exhaustive]
    CredentialChanged {
        /// `file`, `env`, `function` or `provider`.
        credential: &'static str,
        /// The name of the environment variable, if it is one.
        variable: Option<&'a str>,
    },
    /// A credential cannot be read from now on. If there is a last good value, that one is used.
    #[non_exhaustive]
    CredentialUnreadable {
        /// As above.
        credential: &'static str,
        /// As above.
        variable: Option<&'a str>,
    },
    /// The token endpoint refused the credentials of a refresh. Told after its `RefreshFinished`, for each credential that a
    /// person may have to correct: for all that are not values in the code, or for the values if there is nothing else.
    #[non_exhaustive]
    CredentialRefused {
        /// As above, or `minted`, `value`, or `unknown` if the exchange names none
        /// ([`credentials`](crate::exchange::Exchange::credentials)).
        credential: &'static str,
        /// As above.
        variable: Option<&'a str>,
    },
    /// A call of the [store](crate::store) ended.
    #[non_exhaustive]
    StoreOperationFinished {
        /// What the store was asked for.
        operation: StoreOperation,
        /// How long it took.
        took: Duration,
        /// How it ended.
        outcome: StoreOutcome,
    },
}

/// What a refresh brought.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum RefreshOutcome<'a> {
    /// A token.
    #[non_exhaustive]
    Issued {
        /// Its number. If the endpoint issued the current token again, that has its old number.
        generation: Generation,
        /// Its life, from the sending of the request on. None if it does not expire.
        lifetime: Option<Duration>,
        /// The rest of its life.
        expires_in: Option<Duration>,
        /// If exchanges had failed before: for how long.
        failing_for: Option<Duration>,
    },
    /// An error.
    Failed(&'a ExchangeError),
    /// It ended after it had been given up, and brought nothing that is used.
    TooLate,
    /// Its task was lost, because its runtime ended.
    Lost,
}

/// The codes of RFC 6749 sections 5.2 and 4.1.2.1, and of RFC 8707.
const CODES: [&str; 10] = [
    "access_denied",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
];

impl RefreshOutcome<'_> {
    /// A label: `ok`, `too_late`, `lost`, or the name of an [`ExchangeErrorKind`](crate::exchange::ExchangeErrorKind).
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            RefreshOutcome::Issued { .. } => "ok",
            RefreshOutcome::Failed(error) => error.kind().as_str(),
            RefreshOutcome::TooLate => "too_late",
            RefreshOutcome::Lost => "lost",
        }
    }

    /// A label: the endpoint's error code if it is one of OAuth 2.0 (RFC 6749, RFC 8707), `other` for another code, and `none`
    /// without a code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        let RefreshOutcome::Failed(error) = self else { return "none" };
        match error.code() {
            Some(code) => CODES.iter().copied().find(|known| *known == code).unwrap_or("other"),
            None => "none",
        }
    }
}

/// What a caller waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitFor {
    /// A token: there is none that is usable, or the current one is about to expire.
    Token,
    /// A fresher token than the usable one, because the request cannot be sent again: for one second at most.
    FresherToken,
    /// The token after a refused or doubted one.
    Renewal,
}

crate::basics::as_str::impl_as_str!(WaitFor {
    Token => "token",
    FresherToken => "fresher_token",
    Renewal => "renewal",
});

/// What a caller got that waited.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum WaitOutcome<'a> {
    /// A usable token.
    Token,
    /// An error.
    Failed(&'a Error),
    /// The refusal of its request, or [`NoSuccessor`](crate::ErrorKind::NoSuccessor): there is no newer token.
    NoSuccessor(Recovery),
    /// Nothing: it stopped waiting, because of a timeout above the layer, say.
    GaveUp,
}

impl WaitOutcome<'_> {
    /// A label: `ok`, `gave_up`, or the name of an [`ExchangeErrorKind`](crate::exchange::ExchangeErrorKind), of an
    /// [`ErrorKind`](crate::ErrorKind), or of a [`Recovery`].
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            WaitOutcome::Token => "ok",
            WaitOutcome::Failed(error) => match error.exchange() {
                Some(exchange) => exchange.kind().as_str(),
                None => error.kind().as_str(),
            },
            WaitOutcome::NoSuccessor(recovery) => recovery.as_str(),
            WaitOutcome::GaveUp => "gave_up",
        }
    }
}

/// How a second sending ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplayOutcome {
    /// Its response does not refuse the token.
    Accepted,
    /// It was refused or doubted, too.
    Refused,
    /// It had no response: the service below failed.
    Failed,
}

crate::basics::as_str::impl_as_str!(ReplayOutcome {
    Accepted => "accepted",
    Refused => "refused",
    Failed => "failed",
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::error::ExchangeErrorKind;

    #[test]
    fn a_code_that_oauth_does_not_know_is_other() {
        let code = |code: &str| {
            let error = ExchangeError::new(ExchangeErrorKind::Refused, "no").with_code(code);
            RefreshOutcome::Failed(&error).code()
        };
        assert_eq!(code("invalid_client"), "invalid_client");
        assert_eq!(code("a code that a server made up"), "other");
        assert_eq!(code(""), "none");
        assert_eq!(RefreshOutcome::Lost.code(), "none");
    }
}
