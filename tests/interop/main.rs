//! The layer between servers that others wrote: oidc-provider issues tokens of three seconds, and an express
//! API accepts them to the second; oauth2-mock-server makes errors in `faults`; grpcio serves in `grpc`; each way to
//! authenticate an OAuth client is in `oauth`, but for certificates, which are in `mtls`.
//! `interop/README.md` says how to run it.
//!
//! The tests check what the servers counted, and what callers got.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod callers;
#[path = "../../examples/doctor/doctor/mod.rs"]
mod doctor;
#[path = "../support/echo.rs"]
mod echo;
mod faults;
mod grpc;
#[path = "../support/masked.rs"]
mod masked;
mod mtls;
mod oauth;
mod reports;
mod rotation;
mod servers;

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{BasicEncoding, ClientAuth, ClientCredentials};
use tower_outbound_auth::{AuthLayer, Error, ErrorKind, Origin};

use self::callers::{Api, CALLERS};
use self::servers::Servers;

type Http = Client<HttpConnector, Full<Bytes>>;

/// Reserved characters of every kind, so that each encoding is different.
const RESERVED: (&str, &str) = ("app:one two", r#"p@ss+w%rd/=&: ~!"x"#);

const HALF_A_MINUTE: Duration = secs(30);

/// A token of 3 s is renewed after 2.4 s at the earliest: 30 / 2.4, rounded up, and the first one. Some
/// tokens end earlier, on a full second, but three together last at least seven seconds.
const MOST_TOKEN_CALLS: u32 = 14;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn every_request_succeeds_for_half_a_minute_with_basic() {
    let servers = Servers::start().await;
    every_request_succeeds(&servers, &preset(&servers, ("basic", "basic-secret"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn every_request_succeeds_for_half_a_minute_with_credentials_in_the_body() {
    let servers = Servers::start().await;
    let client = ("post", "post-secret");
    let layer = with_options(&servers, client, |scheme| scheme.with_auth(ClientAuth::Post));
    every_request_succeeds(&servers, &layer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn every_request_succeeds_for_half_a_minute_with_reserved_characters_in_basic() {
    let servers = Servers::start().await;
    every_request_succeeds(&servers, &preset(&servers, RESERVED)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn every_request_succeeds_for_half_a_minute_with_reserved_characters_in_form_encoding() {
    let servers = Servers::start().await;
    let form = ClientAuth::Basic(BasicEncoding::Form);
    let layer = with_options(&servers, RESERVED, |scheme| scheme.with_auth(form));
    every_request_succeeds(&servers, &layer).await;
}

/// A token ends on a full second, so some end before the layer expects it. The API refuses them, and
/// callers do not notice.
async fn every_request_succeeds(servers: &Servers, layer: &AuthLayer<ClientCredentials>) {
    let sent = Api::new(layer, servers).upload_by_many_for(HALF_A_MINUTE).await;
    let (tokens, api) = (servers.token_stats().await, servers.api_stats().await);
    println!("{sent} sent, {tokens:?}, {api:?}");
    assert!(sent > CALLERS as u32 * 30, "callers were busy: {sent}");
    assert_eq!((api.accepted, api.requests), (sent, sent + api.unauthorized));
    assert!(tokens.token_calls <= MOST_TOKEN_CALLS, "{tokens:?}");
    let issued = tokens.grants["client_credentials"];
    assert_eq!((issued, tokens.errors.len()), (tokens.token_calls, 0), "no token request failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn a_cold_start_under_load_makes_one_token_request() {
    let servers = Servers::start().await;
    let api = Api::new(&preset(&servers, ("basic", "basic-secret")), &servers);
    for response in api.post_by_many("/documents").await {
        assert_eq!(response.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(servers.token_stats().await.token_calls, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn a_wrong_secret_costs_one_exchange_and_every_caller_gets_the_error() {
    let servers = Servers::start().await;
    let api = Api::new(&preset(&servers, ("basic", "wrong-secret")), &servers);
    for response in api.post_by_many("/documents").await {
        let error = *response.unwrap_err().downcast::<Error>().unwrap();
        let exchange = error.exchange().unwrap();
        assert_eq!(
            (error.kind(), exchange.kind()),
            (ErrorKind::Exchange, ExchangeErrorKind::Refused)
        );
        assert_eq!(exchange.code(), Some("invalid_client"));
    }
    let tokens = servers.token_stats().await;
    assert_eq!((tokens.token_calls, tokens.errors["invalid_client"]), (1, 1));
    assert_eq!(servers.api_stats().await.requests, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn an_answer_about_a_missing_scope_goes_to_the_caller_and_causes_no_exchange() {
    let servers = Servers::start().await;
    let layer = with_options(&servers, ("basic", "basic-secret"), |it| it.with_scope("api:read"));
    for response in Api::new(&layer, &servers).post_by_many("/scoped").await {
        let response = response.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
    }
    assert_eq!(servers.token_stats().await.token_calls, 1);
    let api = servers.api_stats().await;
    assert_eq!(
        (api.forbidden, api.requests),
        (CALLERS as u32, CALLERS as u32),
        "nothing was sent twice"
    );
}

fn preset(servers: &Servers, (id, secret): (&str, &str)) -> AuthLayer<ClientCredentials> {
    AuthLayer::client_credentials(servers.token_endpoint(), id, secret, servers.api()).unwrap()
}

fn with_options(
    servers: &Servers,
    (id, secret): (&str, &str),
    options: impl FnOnce(ClientCredentials) -> ClientCredentials,
) -> AuthLayer<ClientCredentials> {
    let scheme = options(ClientCredentials::new(servers.token_endpoint(), id, secret).unwrap());
    let endpoint = scheme.endpoint().clone();
    let origin = Origin::parse(servers.api()).unwrap();
    AuthLayer::for_endpoint(scheme, &endpoint).unwrap().with_origin(origin)
}

fn http() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
