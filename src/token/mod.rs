//! The source of tokens: one token, at most one exchange at a time.
//!
//! A [`TokenSource`] keeps one token and renews it on demand. Its rules:
//!
//! 1. Without a request, nothing happens. Making a source needs no runtime. An idle source makes no exchange.
//! 2. The first request causes an exchange. All requests that come while it runs wait for its outcome.
//! 3. At 80 to 90 % of a token's life (drawn once for each token) the next request causes an exchange in the background.
//!    Only requests that [cannot be sent again](crate::replay) wait for it.
//! 4. In the last tenth of the life (30 s at most) requests wait for the next token. If there is none, they use the old one
//!    until it expires.
//! 5. After a failed exchange there is a pause before the next attempt. It doubles with each failure, is longer after refused
//!    credentials, and obeys `Retry-After`; [`defaults`](crate::manual::defaults#after-a-failure) has the numbers.
//!
//! A usable token that would expire within the pause gets one more attempt in its last tenth (several in an outage).
//! During a pause, callers without a token get the stored error at once.
//! 6. A refused token is renewed once, however many callers report it; see [`TokenSource::reject`].
//! 7. For a doubted response ([`Verdict::Doubted`](crate::scheme::Verdict::Doubted)), a token is renewed once a minute at
//!    most.
//! 8. With a [`settling_time`](SourceBuilder::settling_time), a usable token is used until the next one has settled.
//!
//! # Events
//!
//! All `tracing` events have the target `tower_outbound_auth` and, if they are of a source, the field `system` (the name in the exchange's identity).
//! A request makes an event only at `TRACE` (a token in its response) and at `DEBUG` (it could not be sent again).
//!
//! | level | message | fields |
//! |---|---|---|
//! | `INFO` | `exchange succeeds again` | `generation`, `reason`, `took`, `expires_in` (the rest of the token's life), `failing_for` |
//! | `WARN` | `exchange failed` | `error`, `cause` (if `error` does not have its text), `reason`, `took`, `failures` in a row, `next_attempt_in` |
//! | `INFO` | `another scope was granted than was asked for`, once per exchange | `scope` |
//! | `DEBUG` | `exchange begins`, `exchange succeeded`, `exchange ended too late` | `reason`, `took`, `generation`, `expires_in` |
//! | `INFO` | `the credentials have changed`, after they were refused | |
//! | `INFO` | `the credentials were refused, and there are others now`, from a provider or a file: the exchange is repeated | |
//! | `INFO` | `the endpoint does not support refresh tokens: ..`, `there is no refresh endpoint: ..` | `status` |
//! | `WARN` | `a credential cannot be read: its last good value is used` | `credential` (where it is), `cause` |
//! | `WARN` | `a private key cannot be used: the last good key is used`, without `system` | `credential` (where it is), `cause` |
//! | `WARN` | `a client certificate and its key cannot be used: the last good pair is used`, without `system` | `credential` (where they are), `cause` |
//! | `WARN` | `a client certificate ends soon`, once a day, without `system` | `credential`, `days`, `ends` |
//! | `WARN` | `a certificate and its key cannot be used: the last good pair is used`, without `system`: those that sign for [Entra](crate::system::Entra) | `credential` (where they are), `cause` |
//! | `WARN` | `the private key has changed and its key id has not: ..`, without `system` | `credential`, `key_id` |
//! | `WARN`, `INFO` | `the endpoint refuses the current key of the client, ..`, `.. the previous key ..`: it accepts the other one | `current`, `previous` (where they are) |
//! | `WARN` | `an observer panicked: ..`, once per observer | `source` (its name) |
//! | `WARN` | `a refused request could not be sent again ..`, once per source: its body was not kept | |
//! | `WARN` | `the API refuses new tokens, so renewals do not help ..`, once until a renewal helps: callers get the refusals | |
//! | `WARN` | `the API refuses the token, and our clock is 93 s ahead of the server's`, once per source | |
//! | `WARN` | `a rule is about the body of a response, and nothing has read it ..`, once per [`Login`](crate::manual::login) | |
//! | `WARN` | `an issuer has moved its token endpoint to another origin ..`, without `system` | `issuer`, `to` |
//! | `WARN` | `the metadata of an issuer cannot be used: its last token endpoint is used`, without `system` | `cause` |
//! | `WARN` | `the token endpoint stated no life ..`, once per source | |
//! | `INFO` | `the answer to the token exchange has no issued_token_type ..`, once per source | |
//! | `WARN` | `the environment names a proxy ..`, without `system` | |
//! | `WARN`, `DEBUG` | `root certificates cannot be read ..`, without `system` | |
//! | `WARN` | `a refresh token is in doubt ..`: it was sent, and no answer tells whether it is spent | |
//! | `WARN` | `the endpoint has refused the refresh token` of a kept login | |
//! | `WARN` | `the new refresh token cannot be saved ..`: it is used from memory | `error` |
//! | `WARN` | `this login is lost at the next restart ..`, once per source: it has no store | |
//! | `INFO` | `the refresh token is saved again`, `somebody has logged in again ..`, `a refresh token in doubt is sent again` | |
//! | `DEBUG` | `another process has renewed the token`, `the lease of a login was not released ..` | `error` |
//! | `DEBUG` | `a request could not be sent again ..`: the second sending failed | |
//! | `TRACE` | `adopted a rotated token`, `did not adopt a rotated token` | `generation`, `why` |
//!
//! # Spans
//!
//! All spans have the same target and the level `INFO`. A request with a usable token makes none.
//! [`manual::operating`](crate::manual::operating#traces) says how to read them.
//!
//! | span | is | fields |
//! |---|---|---|
//! | `token_refresh` | a refresh: the root of a trace of its own, with links to the first eight callers that wait. The events of the refresh, and the spans of your exchange, are in it | `system`, `source` (its [name](SourceBuilder::name)), `reason`, `outcome` |
//! | `token_request`, exported as its method (`POST`) | one request to a token endpoint: a child of the refresh, of the kind `CLIENT` | `http.request.method`, `http.request.resend_count` (how many requests to the same URL this refresh has sent before, from the second one on), `http.response.status_code`, `server.address`, `server.port`, `url.path`, `url.full` |
//! | `token_wait` | a caller that waits: in the trace of the caller, with a link to the refresh | `system`, `source`, `wait` ([`WaitFor`]), `outcome` |
//!
//! An `outcome` is a label of [`RefreshOutcome`] or [`WaitOutcome`]. If it is not `ok`, it is also the `error.type`, and
//! `otel.status_code` is `ERROR`. The `error.type` of a request is its status from 400 on, one of
//! [`ExchangeErrorKind`](crate::exchange::ExchangeErrorKind) if there is no usable answer, or `cancelled` (mostly by the
//! deadline of the exchange).
//!
//! A URL has no query, no user and no password. A segment of its path that has a credential, or may be one, is `REDACTED`.
//!
//! # Times
//!
//! `took` is measured with the source's clock. [`SystemClock`](crate::clock::SystemClock) has a resolution of 4 ms on most Linux
//! machines: `0ns` is a shorter exchange, and the digits below a millisecond mean nothing.
//!
//! # Without the layer
//!
//! Most programs use a source through [`AuthLayer`](crate::AuthLayer). Use it directly for anything
//! that is not an HTTP request:
//!
//! ```
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::{exchange, TokenSource};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let login = exchange::from_fn(|| async { Ok(exchange::Issued::new("abc")) });
//! let source = TokenSource::new(HeaderScheme::bearer(), login);
//!
//! let token = source.token().await?; // for a WebSocket handshake, say
//! assert_eq!(token.header_value(), "Bearer abc");
//! assert_eq!(source.status().counters.exchanges(), 1);
//! # Ok::<_, tower_outbound_auth::Error>(()) })?;
//! # Ok::<_, tower_outbound_auth::BoxError>(())
//! ```

pub(crate) mod builder;
pub(crate) mod keeping;
pub(crate) mod machine;
#[cfg(feature = "metrics")]
pub(crate) mod metrics;
pub(crate) mod observer;
pub(crate) mod options;
pub(crate) mod probe;
pub(crate) mod provider;
pub(crate) mod published;
pub(crate) mod refresh_end;
pub(crate) mod refresh_task;
pub(crate) mod request_refresh;
pub(crate) mod rotation;
pub(crate) mod sent_count;
pub(crate) mod shared;
pub(crate) mod source;
pub(crate) mod spans;
pub(crate) mod waiting;

pub use self::builder::SourceBuilder;
pub use self::machine::events::Generation;
pub use self::machine::status::{Counters, State, Status};
#[cfg(feature = "metrics")]
pub use self::metrics::MetricsObserver;
pub use self::observer::Observer;
pub use self::observer::event::{
    Event, EventKind, RefreshOutcome, ReplayOutcome, WaitFor, WaitOutcome,
};
pub use self::observer::store_operation::{StoreOperation, StoreOutcome};
pub use self::probe::Probe;
pub use self::published::AccessToken;
pub use self::source::TokenSource;
pub use crate::scheme::NotAdopted;
