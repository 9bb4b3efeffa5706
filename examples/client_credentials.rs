//! OAuth 2.0 client credentials, as with a Keycloak realm. The example shows how the client authenticates if its
//! id and secret have characters that servers decode in different ways. It runs for ten seconds, with fifty callers,
//! tokens that expire (after 3 s), and a revocation.
//!
//! ```text
//! cargo run --example client_credentials --features test-util
//! cargo run --example client_credentials --features test-util -- --svg timeline.svg
//! ```
//!
//! Nothing leaves this machine: the server is the test kit's embedded one. The exit code tells
//! whether every caller got its answer, with no more exchanges than necessary.

mod common;

use std::process::ExitCode;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::ServiceBuilder;
use tower_outbound_auth::endpoint::TokenEndpoint;
use tower_outbound_auth::testkit::{OAuthServer, ReceivedRequest};
use tower_outbound_auth::{AuthLayer, BoxError};

use self::common::traffic::ten_seconds_of_traffic;
use self::common::{Story, Table};

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let title = "OAuth 2.0 client credentials: tokens of 3 s, one revocation";
    let story = Story::begin(title, "callers")?;
    // These characters have a meaning in Basic, and servers decode them in different ways.
    let server = OAuthServer::start().await?.with_client("app:one two", "p@ss+w%rd/=&: ~!\"x");
    let server = server.with_lifetime(3);
    server.delay_exchanges(Duration::from_millis(100)); // so that callers have something to wait for

    // A client needs only this. The API may have another host than the endpoint; here it has the
    // same.
    let endpoint = TokenEndpoint::keycloak(&server.url(""), "test")?;
    let (id, secret, origin) = (server.client_id(), server.client_secret(), server.origin());
    let layer = AuthLayer::client_credentials(endpoint, id, secret, origin)?;
    let layer = layer.rebuild_source(|source| source.observer(story.observer())); // for the timeline
    let client = Client::builder(TokioExecutor::new()).build_http();
    let api = ServiceBuilder::new().layer(layer).service(client);

    let traffic = ten_seconds_of_traffic(&story, &[api], Full::<Bytes>::from, &server).await;

    let (counts, requests) = (server.counts(), server.exchange_requests());
    let used = requests.first().and_then(encoded_id).unwrap_or_default();
    let encoding = match &*used {
        "app%3Aone%20two" => "percent (%XX), the first that the layer tries",
        "app%3Aone+two" => "form (RFC 6749, appendix B)",
        _ => "none (raw)",
    };
    let bodies = requests.iter().map(|it| String::from_utf8_lossy(&it.body));
    let in_a_body = bodies.filter(|body| body.contains("client_secret")).count();
    let how = Table::new("How the client authenticated")
        .row("where", "Basic, in the header Authorization (client_secret_basic)")
        .row("encoding of id and secret", encoding)
        .row("the client's id", id)
        .row("the same in the header, before base64", used);
    let exchanges = Table::new("The token endpoint")
        .row("requests", counts.exchanges)
        .row("answered with a token", counts.exchanges_succeeded)
        .row("refused, and sent in another encoding", counts.exchanges - counts.exchanges_succeeded)
        .row("with a secret in the body", in_a_body);
    let api = Table::new("The API")
        .row("requests answered 200", counts.accepted)
        .row("of these, sent again after a 401", traffic.sum(|it| &it.healed))
        .row("requests answered 401", counts.refused);
    let next =
        "for a scope, an audience, or a secret in the body, see `system::ClientCredentials`.";
    story.end(&[how, exchanges, api], next)?;

    // A token of 3 s is renewed after 2.4 to 2.7 s. This makes five exchanges: the first one, one before
    // the revocation, one because of it, and two after it. Three more are allowed for a busy machine.
    Ok(traffic.verdict(&counts, 8))
}

/// The client's id as the server received it. The secret stands behind the colon, and is not shown.
fn encoded_id(request: &ReceivedRequest) -> Option<String> {
    let pair = request.headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(pair).ok()?).ok()?;
    Some(pair.split_once(':')?.0.to_owned())
}
