//! OAuth 2.0 client credentials, as with a Keycloak realm. In ten seconds the example shows what
//! production sees in a month: a cold start under load, tokens that expire (after 3 s here), and a
//! revocation.
//!
//! ```text
//! cargo run --example client_credentials --features test-util
//! ```
//!
//! Nothing leaves this machine: the server is the test kit's embedded one. The exit code tells
//! whether every caller got its answer, with no more exchanges than necessary.

mod common;

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::ServiceBuilder;
use tower_outbound_auth::endpoint::TokenEndpoint;
use tower_outbound_auth::testkit::OAuthServer;
use tower_outbound_auth::{AuthLayer, BoxError};

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    // These characters have a meaning in Basic, and servers decode them in different ways.
    let server = OAuthServer::start().await?.with_client("app:one two", "p@ss+w%rd/=&: ~!\"x");
    let server = server.with_lifetime(3);
    server.delay_exchanges(Duration::from_millis(100)); // so that callers have something to wait for

    // A client needs only this. The API may have another host than the endpoint; here it has the
    // same.
    let endpoint = TokenEndpoint::keycloak(&server.url(""), "test")?;
    let (id, secret, origin) = (server.client_id(), server.client_secret(), server.origin());
    let layer = AuthLayer::client_credentials(endpoint, id, secret, origin)?;
    let source = layer.source().clone(); // for the table at the end
    let client = Client::builder(TokioExecutor::new()).build_http();
    let api = ServiceBuilder::new().layer(layer).service(client);

    // A token of 3 s is renewed after 2.4 to 2.7 s. This makes five exchanges: the first one, one before
    // the revocation, one because of it, and two after it. Three more are allowed for a busy machine.
    Ok(common::ten_seconds_of_traffic(&[api], Full::<Bytes>::from, &source, &server, 8).await)
}
