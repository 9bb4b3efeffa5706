//! The Atlas document API. In ten seconds the example shows what production sees in a month: a cold
//! start under load, tokens that expire (after 3 s here), and a revocation.
//!
//! ```text
//! cargo run --example atlas --features test-util
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
use tower_outbound_auth::testkit::AtlasServer;
use tower_outbound_auth::{AuthLayer, BoxError};

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let server = AtlasServer::start().await?.with_lifetime(3);
    server.delay_exchanges(Duration::from_millis(100)); // so that callers have something to wait for

    // All that a client needs:
    let layer = AuthLayer::atlas(server.endpoint(), server.client_id(), server.client_secret())?;
    let source = layer.source().clone(); // for the table at the end
    let client = Client::builder(TokioExecutor::new()).build_http();
    let api = ServiceBuilder::new().layer(layer).service(client);

    // A token of 3 s is renewed after 2.4 to 2.7 s. This makes five exchanges: the first one, one before
    // the revocation, one because of it, and two after it. Three more are allowed for a busy machine.
    Ok(common::ten_seconds_of_traffic(&[api], Full::<Bytes>::from, &source, &server, 8).await)
}
