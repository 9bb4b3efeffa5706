//! A service that runs: its start, what to watch, an outage, a login, a rotated secret, its end.
//!
//! # The start
//!
//! Wait for the first token before the service says that it is ready. While its token is usable, a failing renewal does not make it
//! unready.
//!
//! Before somebody asks for a token, the source has none, and `/ready` (below) is a 503. A load balancer that waits for readiness sends
//! no request, so nobody ever asks. So ask at the start, by [`warm_up`](crate::TokenSource::warm_up) or
//! [`probe`](crate::TokenSource::probe):
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
//! OpenTelemetry and StatsD. Each metric has the labels `system` and `source`. The label `source` is the name that you give
//! ([`SourceBuilder::name`](crate::token::SourceBuilder::name)), else the name of the system. A layer that a preset has made gets both
//! like this, before it is cloned:
//!
#![cfg_attr(feature = "metrics", doc = "```")]
#![cfg_attr(not(feature = "metrics"), doc = "```ignore")]
//! use tower_outbound_auth::AuthLayer;
//! use tower_outbound_auth::token::MetricsObserver;
//!
//! // Once, at the start of the program: `let handle = PrometheusBuilder::new().install_recorder()?;`
//! // (crate `metrics-exporter-prometheus`). `handle.render()` is the text for `/metrics`.
//! fn observed(auth: AuthLayer) -> AuthLayer {
//!     auth.rebuild_source(|source| source.name("reports").observer(MetricsObserver::new()))
//! }
//! # let _ = observed;
//! ```
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
//! | `outbound_auth_new_proofs_total` | counter | | does the API refuse DPoP proofs, or change its nonce often: one a minute is usual, one for each request is not |
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
//! The exporter for Prometheus makes a summary of each histogram, unless you give it buckets (`set_buckets`); the dashboard needs none.
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
//! # Traces
//!
//! The spans of a source go wherever your `tracing` subscriber sends them. For OpenTelemetry, that is the crate
//! `tracing-opentelemetry`:
//!
//! ```
//! use opentelemetry::trace::TracerProvider;
//! use opentelemetry_sdk::trace::SdkTracerProvider;
//! use tracing_subscriber::layer::SubscriberExt;
//!
//! /// `provider` has your exporter: OTLP, say.
//! fn subscriber(provider: &SdkTracerProvider) -> impl tracing::Subscriber {
//!     let tracer = provider.tracer("billing");
//!     tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer))
//! }
//! # let _ = subscriber(&SdkTracerProvider::default());
//! ```
//!
//! A trace viewer then shows two traces, which are linked:
//!
//! ```text
//! your request                                          a span of yours
//! └─ token_wait     wait=token outcome=unavailable      link: token_refresh
//!
//! token_refresh     reason=expired outcome=unavailable  links: the first eight callers that wait
//! ├─ POST           url.path=/token http.response.status_code=503 error.type=503
//! └─ (event)        exchange failed: error=… next_attempt_in=…
//! ```
//!
//! | question | where |
//! |---|---|
//! | Why was this request slow? | its `token_wait`: follow the link to the refresh |
//! | Who waited for this refresh? | the links of its `token_refresh` |
//! | Is the provider slow, or what else of the exchange? | `POST`, beside the whole `token_refresh` |
//! | Whose fault is it? | `error.type` of the refresh and of its requests; the event `exchange failed` has the whole error |
//!
//! A request with a usable token makes no span. A refresh is the root of its trace, so a sampler that keeps one trace in a hundred
//! keeps one refresh in a hundred. Refreshes are rare: let your sampler keep all roots that are named `token_refresh`.
//!
//! A client with spans of its own (`reqwest-tracing`, say) has them within ours. All names and fields are listed in
//! [`token`](crate::token#spans). No span shows a secret, the query of a URL, or a client id; the error in the event names the
//! client id, as in the log.
//!
//! # Readiness, status and metrics over HTTP
//!
//! In an axum server, on a port that only operators reach (`examples/axum_proxy/operator.rs` is a file to copy).
//! [`Status::is_ready`](crate::token::Status::is_ready) is true from the first token on, while there is a usable one or nobody asks.
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
//! # One outage, as you see it
//!
//! It is three in the morning. A service sends one request a second, and its tokens live for five minutes. At 03:04:00 the token
//! endpoint begins to answer 503. At 03:07:00 it answers again. A test runs this and writes the texts below.
//!
//! The log has a line for each exchange that fails, and none for a request that fails. Here only the first of several lines with the
//! same reason is shown.
//!
//! ```text
//! 03:04:12  WARN token_refresh{system="client_credentials" source="reports" reason="refresh_ahead"}:
//!     tower_outbound_auth: exchange failed system="client_credentials" error=client_credentials
//!     (https://idp.example/token, client "billing"): the token endpoint failed on its own side (status
//!     503) reason=RefreshAhead took=200ms failures=1 next_attempt_in=889.007906ms
//!     (and 4 more, until 03:04:29)
//! 03:04:44  WARN token_refresh{system="client_credentials" source="reports" reason="expiring"}:
//!     tower_outbound_auth: exchange failed system="client_credentials" error=client_credentials
//!     (https://idp.example/token, client "billing"): the token endpoint failed on its own side (status
//!     503) reason=Expiring took=200ms failures=6 next_attempt_in=7.9s
//!     (and 3 more, until 03:04:59)
//! 03:05:00  WARN token_refresh{system="client_credentials" source="reports" reason="expired"}:
//!     tower_outbound_auth: exchange failed system="client_credentials" error=client_credentials
//!     (https://idp.example/token, client "billing"): the token endpoint failed on its own side (status
//!     503) reason=Expired took=200ms failures=10 next_attempt_in=25.997203322s
//!     (and 4 more, until 03:06:52)
//! 03:07:21  INFO token_refresh{system="client_credentials" source="reports" reason="expired"}:
//!     tower_outbound_auth: exchange succeeds again system="client_credentials" generation=2
//!     reason=Expired took=200ms expires_in=299.8s failing_for=189s
//! ```
//!
//! [`Status`](crate::token::Status) says the same in one line. Here it is at three moments: renewals fail and no caller notices;
//! callers get errors; all is well again.
//!
//! ```text
//! 03:04:40  the token is usable and due for renewal and expires in 20 s; the next exchange is due in
//!     3.8 s; failed exchanges in a row: 5, the first 28 s ago; the last error: client_credentials
//!     (https://idp.example/token, client "billing"): the token endpoint failed on its own side (status
//!     503)
//! 03:06:00  there is no usable token, and callers get an error; the next exchange is due in 27 s;
//!     failed exchanges in a row: 12, the first 108 s ago; the last error: client_credentials
//!     (https://idp.example/token, client "billing"): the token endpoint failed on its own side (status
//!     503)
//! 03:08:00  the token is fresh and expires in 261 s; the next exchange is due in 220 s
//! ```
//!
//! The counters and the gauges at the same moments, without the prefix `outbound_auth_` and the labels `system` and `source`.
//! `waits_total` with another outcome than `ok` counts the callers that got an error. `refreshes_total` counts the exchanges: the
//! outage cost the provider 14 of them.
//!
//! ```text
//!                                                                              03:04:40  03:06:00  03:08:00
//! consecutive_failures                                                                5        12         0
//! next_attempt_timestamp_seconds - time()                                             4        27       220
//! refreshes_total{reason="expired", outcome="ok", code="none"}                                            1
//! refreshes_total{reason="expired", outcome="unavailable", code="none"}                         3         5
//! refreshes_total{reason="expiring", outcome="unavailable", code="none"}                        4         4
//! refreshes_total{reason="first", outcome="ok", code="none"}                          1         1         1
//! refreshes_total{reason="refresh_ahead", outcome="unavailable", code="none"}         5         5         5
//! token_expiry_timestamp_seconds - time()                                            20       -60       261
//! token_lifetime_seconds                                                            300       300       300
//! waiters                                                                             0         0         0
//! waits_total{outcome="ok"}                                                           1         5         6
//! waits_total{outcome="unavailable"}                                                           61       141
//! ```
//!
//! The picture (`docs/outage.svg` has more detail). The seconds count from 03:00:00.
//!
//! ```text
//! 16 exchanges: 1 for the first token, 5 ahead of expiry, 4 in the last tenth of a life, 6 after
//! expiry
//! 541 requests of 4 callers, 141 failed
//!                                                    ▼ the endpoint answers 503
//!                                                                                ▼ it answers again
//! tokens       1██████████████████████████████████████████████░                      2██████████████░
//! exchanges    F                                       xxx  xxx    x   x    x   x    E
//! requests     ██████████████████████████████████████████████████████████████████████████████████████
//!   waiting    ▅                                            ▅▅█    ▅   ▅    ▅   ▅    ▅
//!   failed                                                    ▅██████████████████████▄
//! seconds      0   30   60   90   120 150  180  210  240  270 300  330  360  390 420  450  480  510
//! █ in use  ░ rest of life  F first  A ahead  L last tenth  E expired  x failed  ▁▄█ few to many
//! ```
//!
//! | time | what happens | what to do |
//! |---|---|---|
//! | 03:04:12 | The renewal in the background fails. The token is good for 48 s more, so no caller notices. | Find out whose fault it is: `unavailable` (the status is 503) is the provider's, `unreachable` and `timeout` are the provider's or the network's, `refused` is about your credentials. [`errors`](super::errors) explains each of them. |
//! | 03:04:44 | The last 30 s of the token's life. A request that comes when an attempt is due waits for it, and then uses the old token. | Tell the provider. |
//! | 03:05:00 | The token has expired. Requests get the stored error at once. The pauses between attempts are 30 s at most. | Tell your callers. Do not restart the service: a new process has no token either. |
//! | 03:07:00 | The endpoint answers again. The next attempt is not due yet. | Wait for 30 s at most, or call [`retry_now`](crate::TokenSource::retry_now). |
//! | 03:07:21 | The next attempt succeeds. The request that waited for it, and all later ones, are answered. | Nothing. If this comes often, ask the provider for tokens that live longer: most outages of three minutes disturb nobody if a token lives for an hour. |
//!
//! # A login
//!
//! A login that a [store](super::refresh_tokens) keeps can end, and then only a person can help. Look at `login` of the status:
//!
//! | `login` | what happened | what to do |
//! |---|---|---|
//! | `is_refused` is true | the login is dead: the endpoint has refused its refresh token | [log in again](super::refresh_tokens#to-log-in-again); put the new refresh token into the place that the error names; no restart |
//! | `in_doubt_since` has a time | the refresh token was sent, and no answer tells whether it is spent | wait: the source [decides](super::refresh_tokens#a-refresh-token-in-doubt) |
//! | `is_saved` is false | the newest refresh token is in memory only, and is lost if the process ends | correct what `store_error` says. Do not restart the process before the event `the refresh token is saved again` |
//!
//! The log has one line for each attempt (here broken into several), and `/status` says the same. Both are from a run, with other names:
//!
//! ```text
//! WARN token_refresh{system="oauth" source="calendar" reason="expired"}: tower_outbound_auth:
//!     exchange failed system="oauth" error=oauth (https://idp.example/token, client "calendar"): the
//!     token endpoint has refused the refresh token: log in again, and put the new refresh token into
//!     file /run/secrets/calendar/refresh-token (status 400, invalid_grant) reason=Expired took=0ns
//!     failures=1 next_attempt_in=9.876939344s
//! ```
//!
//! ```json
//! "login": {
//!   "has_refresh_token": false,
//!   "in_doubt_since": null,
//!   "is_refused": true,
//!   "is_saved": true,
//!   "store_error": null
//! }
//! ```
//!
//! Set an alert on these lines of the log. Each is a `WARN`, and stays unnoticed until a token ends:
//!
//! | the line | what to do |
//! |---|---|
//! | `the endpoint has refused the refresh token` | log in again, unless there is a primary credential |
//! | `a refresh token is in doubt ..` | if it comes often, look at the network and at the endpoint |
//! | `the new refresh token cannot be saved ..` | correct the store, before the process ends |
//! | `this login is lost at the next restart ..` | give the source a store |
//! | `a client certificate ends soon` | put a new certificate and its key into the files, if nothing does so by itself |
//! | `a client certificate and its key cannot be used ..`, `a certificate and its key cannot be used ..`, `a private key cannot be used ..` | correct the files: the last good ones are used, and are lost when the process ends |
//! | `a credential cannot be read: its last good value is used` | the same |
//!
//! # A rotated secret
//!
//! Write the new secret into the file, or into the store that a function reads. The next exchange uses it. If the old one was
//! refused meanwhile, requests read the new one, at most once a second. So some requests in the second after a correction still get the
//! old error. [`probe`](crate::TokenSource::probe) reads it first and uses it: call it to see at once whether the new secret is right.
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
//! Write the new certificate and its private key into the same files. The next exchange shows the new certificate. Each request
//! to the API shows the certificate that its token was issued with. [`manual::mtls`](super::mtls) has the steps.
//!
//! # The end
//!
//! [`settled`](crate::TokenSource::settled) waits for an exchange that is under way, so that a refresh token which a server has
//! just replaced is not lost. It takes no longer than an exchange may take.
