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
//! # Metrics
//!
//! With feature `metrics`, `token::MetricsObserver` counts for the facade `metrics`, which has exporters for Prometheus,
//! OpenTelemetry and StatsD. Each metric has the labels `system` and `source`. A source is [named](crate::token::SourceBuilder::name)
//! by you, and otherwise as its system.
//!
//! | metric | kind | other labels | answers |
//! |---|---|---|---|
//! | `outbound_auth_refreshes_total` | counter | `reason`, `outcome`, `code` | what did it cost, and whose fault is it |
//! | `outbound_auth_refresh_duration_seconds` | histogram | `outcome` | is the provider slow |
//! | `outbound_auth_waits_total` | counter | `outcome` | did callers notice |
//! | `outbound_auth_wait_duration_seconds` | histogram | `outcome` | for how long |
//! | `outbound_auth_waiters` | gauge | | are they noticing now |
//! | `outbound_auth_token_expiry_timestamp_seconds` | gauge | | how long until it hurts |
//! | `outbound_auth_token_lifetime_seconds` | gauge | | how long is a whole life |
//! | `outbound_auth_consecutive_failures` | gauge | | do refreshes fail |
//! | `outbound_auth_next_attempt_timestamp_seconds` | gauge | | when is the next attempt |
//! | `outbound_auth_refusals_total` | counter | `verdict`, `recovery` | does the API refuse us, and what followed |
//! | `outbound_auth_budget_refusals_total` | counter | | do renewals not help |
//! | `outbound_auth_rotations_total` | counter | `outcome` | are the tokens of responses used |
//! | `outbound_auth_credential_reloads_total` | counter | `outcome` | did the new secret arrive |
//! | `outbound_auth_credential_refused` | gauge | `credential` | which secret does the token endpoint refuse: 1 from a refusal to the next token |
//! | `outbound_auth_store_operations_total` | counter | `operation`, `outcome` | does the store of the login work |
//! | `outbound_auth_store_operation_duration_seconds` | histogram | `operation`, `outcome` | is it slow |
//!
//! | label | values |
//! |---|---|
//! | `reason` | those of [`Reason`](crate::exchange::Reason) |
//! | `outcome` of refreshes | `ok`, `too_late`, `lost`, or one of [`ExchangeErrorKind`](crate::exchange::ExchangeErrorKind) |
//! | `code` | an error code of OAuth 2.0 (RFC 6749, RFC 8707), `other`, or `none` |
//! | `outcome` of waits | `ok`, `gave_up` (a timeout above the layer, say), or one of `ExchangeErrorKind`, [`ErrorKind`](crate::ErrorKind) or [`Recovery`](crate::Recovery) |
//! | `verdict` | `refused`, `doubted` |
//! | `recovery` | one of `Recovery`; `none`: the second sending was refused, too |
//! | `outcome` of rotations | `adopted`, or one of [`NotAdopted`](crate::token::NotAdopted) |
//! | `outcome` of credentials | `changed`, `unreadable` |
//! | `credential` | `file`, `function`, `minted`, `provider`, the name of the environment variable, `value` if all are values, or `unknown` if the exchange names none |
//! | `operation`, `outcome` of stores | those of [`StoreOperation`](crate::token::StoreOperation) and [`StoreOutcome`](crate::token::StoreOutcome) |
//!
//! A caller that gets a stored error at once counts in `waits_total` and not in the histogram. Gauges are set by events, so an idle
//! source changes none: whether a token has expired is `token_expiry_timestamp_seconds - time()`. For logs or counts of
//! your own, write an [`Observer`](crate::token::Observer).
//!
//! # Alerts and a dashboard
//!
//! `docs/operating` in the repository has rules for Prometheus (`alerts.yml`), a runbook with a section for each alert, and a
//! dashboard for Grafana that answers three questions: can my callers get a token; if not, whose fault is it, and when is the next
//! try; what did the last hour cost. `docs/operating/check` runs the rules on recorded faults.
//!
//! | alert | fires if |
//! |---|---|
//! | `OutboundAuthCallersGetErrors`, page | for two minutes, callers got errors, gave up, or got a refusal of the API because no new token came |
//! | `OutboundAuthCredentialRefused`, page | the token endpoint has refused the credentials for a minute; the label `credential` says which |
//! | `OutboundAuthTokenExpires` | less than a tenth of the token's life is left, and refreshes fail |
//! | `OutboundAuthRefusalsHandedOn` | the API refuses good tokens, so renewals do not help |
//! | `OutboundAuthRefreshesTooOften` | more than three times as many tokens as their lives call for |
//! | `OutboundAuthStoreUnreachable` | calls of the store of the login fail |
//!
//! # Counters without an exporter
//!
//! Without an exporter, the counters of the status have stable names:
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
//! # Readiness, status and metrics over HTTP
//!
//! In an axum server, on a port that only operators reach (`examples/axum_proxy/operator.rs` is a file to copy).
//! [`Status::is_ready`](crate::token::Status::is_ready) is true from the first token on, while there is a usable one or nobody asks.
//! So a failing renewal makes no service unready before its token ends.
//!
//! ```
//! use axum::{Router, routing::get};
//! use http::StatusCode;
//! use tower_outbound_auth::TokenSource;
//!
//! /// `render` is that of your exporter: `PrometheusHandle::render`, say.
//! fn routes(source: TokenSource, render: impl Fn() -> String + Clone + Send + Sync + 'static) -> Router {
//!     let shown = source.clone();
//!     let ready = move || async move {
//!         let status = source.status();
//!         let code = if status.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
//!         (code, status.to_string()) // one line
//!     };
//!     let status = move || async move {
//!         let json = serde_json::to_string(&shown.status());
//!         json.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
//!     };
//!     let metrics = move || async move { render() };
//!     Router::new().route("/ready", get(ready)).route("/status", get(status)).route("/metrics", get(metrics))
//! }
//! # let _ = routes(TokenSource::fixed(tower_outbound_auth::system::HeaderScheme::bearer(), "abc")?.erased(), String::new);
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
//! # A rotated key
//!
//! A client with a private key ([`OAuthClient::with_key`](crate::system::OAuthClient)) can get a new key without a gap:
//!
//! 1. Make the new key. Give it a new `kid`: in a JWK, its own `kid` changes with the key, so nothing else must change; for a
//!    PEM, set it by [`with_key_id`](crate::system::JwtKey). Without a new `kid`, a server that remembers keys by it refuses the new
//!    key, and a `WARN` event says so.
//! 2. If the provider keeps two keys: register the new one beside the old one, then replace the file of the key, and later remove
//!    the old one at the provider. The next exchange after the replacement uses the new key.
//! 3. If the provider keeps one key, or you do not know when it reads the new one: give the old key as
//!    [`previous_key`](crate::system::OAuthClient) (in a file: `previous_key`), and then change the key at both places in any order. If
//!    one of the two is refused, the other one is tried in the same exchange.
//!
//! While a new text has no usable key, the last good key is used. For a certificate of Entra, the file with the certificate and
//! that with its key may change one after the other.
//!
//! # A certificate of the client
//!
//! With [`HttpClient::with_certificate`](crate::endpoint::HttpClient::with_certificate), write the new certificate and its private
//! key into the same files, in any order. The next exchange shows the new certificate as soon as both belong together. Register it
//! at the provider before, if the provider knows certificates one by one (`self_signed_tls_client_auth`). From 14 days before its
//! end, a `WARN` event a day says that it ends.
//!
//! A token that the provider binds to the certificate (`cnf`, RFC 8705 section 3) is refused by an API that sees another
//! certificate. The connection to the API is your client's: give it the new certificate too.
//!
//! # The end
//!
//! [`settled`](crate::TokenSource::settled) waits for an exchange that is under way, so that a refresh token which a server has
//! just replaced is not lost. It takes no longer than an exchange may take.
