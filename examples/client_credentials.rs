//! OAuth 2.0 client credentials, as a Keycloak realm serves them, through ten seconds of what happens in
//! production in a month: a cold start under load, tokens that end (after 3 s here), and a revocation.
//!
//! ```text
//! cargo run --example client_credentials --features test-util
//! ```
//!
//! Nothing leaves this machine: the server is the embedded one of the test kit. The exit code says
//! whether every caller got what it asked for, at the price of no more exchanges than it had to cost.

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
    // Characters that mean something in Basic, and that servers decode in different ways.
    let server = OAuthServer::start().await?.with_client("app:one two", "p@ss+w%rd/=&: ~!\"x");
    let server = server.with_lifetime(3);
    server.delay_exchanges(Duration::from_millis(100)); // so that callers have something to wait for

    // All that a client needs. The API may be another host than the endpoint; here it is not.
    let endpoint = TokenEndpoint::keycloak(&server.url(""), "test")?;
    let (id, secret, origin) = (server.client_id(), server.client_secret(), server.origin());
    let layer = AuthLayer::client_credentials(endpoint, id, secret, origin)?;
    let source = layer.source().clone(); // to look at, afterwards
    let client = Client::builder(TokioExecutor::new()).build_http();
    let api = ServiceBuilder::new().layer(layer).service(client);

    // A token of 3 s is renewed after 2.4 to 2.7 s: the first one, one before the revocation, one because
    // of it and two after it make five exchanges. Three more are for a busy machine.
    Ok(common::ten_seconds_of_traffic(&[api], Full::<Bytes>::from, &source, &server, 8).await)
}
