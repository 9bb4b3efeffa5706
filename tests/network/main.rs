//! What the network can do to an exchange and to a request: over real sockets, with a proxy that
//! breaks connections as the test wants. Cases that other tests cover are not repeated here:
//!
//! | what happens | what must hold | where |
//! |---|---|---|
//! | **token endpoint** | | |
//! | unreachable | a usable token is used until it expires; one attempt per pause | `endpoint::while_a_token_..`; without a token `atlas::failure` |
//! | slow | no caller waits while a token is usable | `promises::p05_..`, `atlas::wire::nobody_waits_..` |
//! | silent, silent after the head, or a byte at a time | one deadline for the whole answer; all callers get the same error | `endpoint::an_answer_that_does_not_come_to_its_end_..` |
//! | 429, 5xx, `Retry-After` | the pause is kept, and capped | `client_credentials::pauses`, `scenarios/retry_after.json`, `atlas::failure` |
//! | refused credentials; empty 401 and 403 | rare attempts; an outage | `client_credentials::answers::rfc6749_11_..`, `atlas::failure` |
//! | no JSON, HTML, nothing, 204, other media types, other encodings | malformed, or read | `garbage::what_is_no_answer_..` |
//! | endless, with and without a length | 256 KiB are read | `garbage::of_an_endless_answer_..`, `promises::http_exchange` |
//! | gzip | refused | `promises::http_exchange::answers_are_read_by_..` |
//! | odd tokens | not used, not shown | `client_credentials::answers::rfc6750_2_..`, `atlas::failure` |
//! | wrong lives, `exp` beside `expires_in` | defined rules | `promises::p11_two_clocks`, `client_credentials::life`, `scenarios/malformed_answers.json` |
//! | `token_type` | compared without case; another type is an error | `client_credentials::answers::rfc6749_7_..` |
//! | redirects | not followed | `atlas::failure::a_redirect_..` |
//! | wrong name, unknown issuer, expired certificate, no TLS | typed errors; nothing is sent unencrypted | `tests/tls.rs` |
//! | duplicate keys, deep nesting | no crash | `client_credentials::answers::rfc6749_9_..` |
//! | reset in the middle | all of an answer or nothing | `endpoint::an_answer_that_breaks_off_..`; HTTP/2 `endpoint::a_client_with_a_pool_..`, `http2::an_exchange_..` |
//! | the address changes | a connection for each exchange | `endpoint::each_exchange_..` |
//! | **clock** | | |
//! | wall clock set | a token expires by either clock | `promises::p11_two_clocks`, `scenarios/clocks.json` |
//! | suspend | the expired token is not sent | `suspend`, also by libfaketime |
//! | a clock jumps in other ways | lives from the sending; saturation | `promises::p11_two_clocks`, `clock`'s own tests |
//! | **cancellation and panic** | | |
//! | the first caller gives up | no schedule hangs, loses or repeats | `promises::sweep`, `promises::p20_..`, `tests/refresh.rs` |
//! | no caller waits; ready without a call; leaked future | the token is kept; nothing; no other caller is affected | `promises::p02_a_refresh_belongs_to_nobody` |
//! | buffers, timeouts, retries around | no deadlock | `tests/layers`, `promises::p15_no_permit_held` |
//! | panics | a failure like others | `promises::p02_..`, `p10_backoff::secrets` |
//! | a runtime ends, one thread | begun again on the next | `process::an_exchange_whose_runtime_..`, `promises::p02_a_refresh_belongs_to_nobody::runtimes` |
//! | the process ends | it ends, at once and without a panic | `process::a_process_that_ends_..` |
//! | an exchange through its own layer | an error | `promises::p15_no_permit_held` |
//! | a caller of a silent API gives up | its connection ends | `api::a_caller_that_gives_up_..` |
//! | **401** | | |
//! | a refusal, in each of its forms | one renewal, one second sending | `promises::p07_..`, `p08_..`, `p09_..`, `tests/replay_matrix.rs`, `tests/layers/limits.rs` |
//! | the refusal's body does not arrive | the request is sent again | `api::a_refusal_whose_body_..` |
//! | an answer is lost, the first or the second | the client's error; never sent a third time | `api::a_lost_answer_..`, `api::a_second_sending_..` |
//! | HTTP/2: `GOAWAY`, `RST_STREAM`, before and in the middle of an answer | the caller gets the same result as from the client alone | `http2::a_stream_that_is_reset_..`, `http2::a_connection_that_is_going_away_..` |
//! | the same after a refusal, or of the second sending | sent again; never sent a third time | `http2::a_refusal_..`, `http2::a_second_sending_..` |
//! | **refresh token** | | |
//! | | the credentials, once | `client_credentials::refresh`, `atlas::refresh`, `promises::p20_..` |
//! | the reply is lost after the rotation | not used again | `lost_answers`; in memory `promises::p20_..`; simulated `races/turmoil` |
//! | **scale** | | |
//! | 100,000 waiters | one exchange; woken in 200 ms; later callers do not wait | `tests/scale.rs`; `benches/herd.rs` |
//! | many tenants | | not yet: a source has one key; what one takes is held by `benches/memory.rs` |
//! | a day | nothing grows | `tests/soak.rs`; `promises::p19_..` |
//! | one endpoint is slow | no other source waits | `promises::p01_..` |
//! | the hot path | no allocation | `tests/allocations.rs` |
//! | **leaks** | | |
//! | logs, URLs, sensitive values | no secret | `promises::p18_..`, `leaks` of `atlas` and `rotating`, `client_credentials::secrets` |
//! | redirects to another origin | no credential | `layers::redirects`, `reqwest::leaks`, `atlas::wire` |
//! | plain http, names of this machine, odd spellings | not even a connection | `leaks`, `promises::p13_..`, `client_credentials::secrets` |
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)] // the helpers are tests as well
#![allow(clippy::disallowed_methods)] // durations are measured in real time

mod api;
mod endpoint;
#[path = "../support/frames.rs"]
mod frames;
mod garbage;
#[path = "../secrets/hpack.rs"]
#[allow(dead_code)]
mod hpack;
mod http2;
mod leaks;
mod lost_answers;
mod process;
mod suspend;
#[path = "../support/until.rs"]
mod until;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::clock::{Clock, SystemClock};
use tower_outbound_auth::endpoint::TokenEndpoint;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::ClientCredentials;
use tower_outbound_auth::testkit::{FaultProxy, ManualClock, OAuthServer};
use tower_outbound_auth::token::SourceBuilder;
use tower_outbound_auth::{Auth, AuthLayer, BoxError, Error, TokenSource};

use self::until::until;

type Http = Client<HttpConnector, Full<Bytes>>;

const TOKEN_PATH: &str = "/protocol/openid-connect/token";

/// A server with refresh tokens, whose token endpoint is behind a proxy, and a client of its API.
struct Setup {
    clock: ManualClock,
    server: OAuthServer,
    proxy: FaultProxy,
    source: TokenSource<ClientCredentials>,
    api: Auth<Http>,
}

impl Setup {
    /// The clock moves only when a test moves it.
    async fn new() -> Setup {
        let clock = ManualClock::new();
        Setup::with(clock.clone(), clock, |source| source).await
    }

    /// In real time, with this time limit for an exchange.
    async fn in_real_time(exchange_timeout: Duration) -> Setup {
        let limit = |source: SourceBuilder<_>| source.exchange_timeout(exchange_timeout);
        Setup::with(ManualClock::new(), SystemClock::new(), limit).await
    }

    async fn with(
        clock: ManualClock,
        of_all: impl Clock + Clone,
        set: impl FnOnce(SourceBuilder<ClientCredentials>) -> SourceBuilder<ClientCredentials>,
    ) -> Setup {
        let server = OAuthServer::start().await.unwrap().with_refresh_tokens();
        let server = server.with_clock(of_all.clone());
        let proxy = FaultProxy::start(server.address()).await.unwrap();
        let endpoint = TokenEndpoint::parse(&proxy.url(TOKEN_PATH)).unwrap();
        let (id, secret) = (server.client_id(), server.client_secret());
        let scheme = ClientCredentials::new(endpoint.clone(), id, secret).unwrap();
        let layer = AuthLayer::for_endpoint(scheme.with_refresh_tokens(), &endpoint).unwrap();
        let layer = layer
            .with_origin(server.origin())
            .rebuild_source(set)
            .rebuild_source(|source| source.clock(of_all));
        let (source, api) = (layer.source().clone(), layer.layer(http()));
        Setup { clock, server, proxy, source, api }
    }

    async fn get(&self) -> Result<StatusCode, BoxError> {
        get(&self.api, &self.server.url("/documents")).await.map(|response| response.status())
    }

    /// Why a request got no token.
    async fn no_token(&self) -> ExchangeErrorKind {
        let error = self.get().await.unwrap_err();
        kind(Error::find(&*error).unwrap())
    }

    fn exchanges(&self) -> usize {
        self.server.counts().exchanges
    }

    /// Time passes until no connection of an exchange is left.
    async fn hours_later(&self, hours: u64) {
        until(|| self.proxy.open_connections() == 0).await;
        self.clock.advance(secs(hours * 3_600));
    }
}

async fn get(api: &Auth<Http>, url: &str) -> Result<Response<Bytes>, BoxError> {
    let request = Request::get(url).body(Full::default())?;
    // In real time: with a clock that does not move, a bug would wait for ever.
    let response = timeout(secs(20), api.clone().oneshot(request)).await??;
    let (head, body) = response.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

fn kind(error: &Error) -> ExchangeErrorKind {
    error.exchange().unwrap().kind()
}

fn http() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
