//! A service that runs: its start, what to watch, an outage, a rotated secret, its end.
//!
//! # The start
//!
//! Wait for the first token before the service says that it is ready. Once it was ready, a failing renewal never makes it
//! unready: the token in use is good until it expires.
//!
//! ```
//! use std::time::Duration;
//! use tower_outbound_auth::{Error, TokenSource};
//!
//! async fn start(source: &TokenSource) -> Result<(), Error> {
//!     source.warm_up(Duration::from_secs(30)).await
//! }
//! # let _ = start;
//! ```
//!
//! # What to watch
//!
//! [`TokenSource::status`](crate::TokenSource::status) is cheap, and has no secret. It can be serialized, for a page or an
//! endpoint of your own.
//!
//! | question | where |
//! |---|---|
//! | Is there a usable token? | [`state`](crate::token::Status::state): `fresh` or `stale` |
//! | For how long? | [`expires_in`](crate::token::Status::expires_in) |
//! | Do renewals fail, since when, and why? | [`consecutive_failures`](crate::token::Status::consecutive_failures), [`failing_for`](crate::token::Status::failing_for), [`last_error`](crate::token::Status::last_error) |
//! | When is the next attempt? | [`next_attempt_in`](crate::token::Status::next_attempt_in) |
//! | Does an API refuse good tokens? | [`refusals`](crate::token::Counters::refusals) rise, and [`renewal_budget`](crate::token::Status::renewal_budget) is 0 |
//! | Do requests wait? | [`waiters`](crate::token::Status::waiters) |
//!
//! The counters have stable names, for an exporter:
//!
//! ```
//! use tower_outbound_auth::TokenSource;
//! # use tower_outbound_auth::system::HeaderScheme;
//!
//! fn metrics(source: &TokenSource) -> String {
//!     let counters = source.status().counters;
//!     counters.iter().map(|(name, value)| format!("outbound_auth_{name}_total {value}\n")).collect()
//! }
//! # let source = TokenSource::fixed(HeaderScheme::bearer(), "abc")?.erased();
//! # assert!(metrics(&source).starts_with("outbound_auth_exchanges_total 0\n"));
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```
//!
//! # An outage of the token endpoint
//!
//! One `WARN` for each failed exchange, with the cause and the pause. Requests go on with the token in use. When it expires,
//! they fail at once with the stored error. The pauses between attempts grow up to the limits in
//! [`defaults`](super::defaults#after-a-failure). The first success is an `INFO`: `exchange
//! succeeds again`. Nobody needs to restart anything. [`retry_now`](crate::TokenSource::retry_now) ends a pause, for an operator
//! who has mended something. All events are listed in [`token`](crate::token#events).
//!
//! # A rotated secret
//!
//! Write the new secret into the file, or into the store that a function reads. The next exchange uses it. If the old one was
//! refused meanwhile, requests read the new one, at most once a second. The request that starts the reading still gets the old
//! error, and the next one works. [`probe`](crate::TokenSource::probe) reads it first and uses it: call it to see at once whether the
//! new secret is right.
//!
//! # The end
//!
//! [`settled`](crate::TokenSource::settled) waits for an exchange that is under way, so that a refresh token which a server has
//! just replaced is not lost. It takes no longer than an exchange may take.
