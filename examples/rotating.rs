//! An API that sends a new token in every response. The example shows how the layer adopts them, so that two
//! exchanges last for all requests. It runs for ten seconds, with fifty callers, tokens of 3 s, and a revocation.
//!
//! ```text
//! cargo run --example rotating --features test-util
//! cargo run --example rotating --features test-util -- --svg timeline.svg
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
use tower_outbound_auth::scheme::NotAdopted;
use tower_outbound_auth::testkit::RotatingServer;
use tower_outbound_auth::{AuthLayer, BoxError};

use self::common::traffic::ten_seconds_of_traffic;
use self::common::{Story, Table};

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let story = Story::begin("A new token in every response: one revocation", "callers")?;
    let server = RotatingServer::start().await?.with_lifetime(3);
    server.delay_exchanges(Duration::from_millis(100)); // so that callers have something to wait for

    // All that a client needs:
    let (key, secret) = (server.client_id(), server.client_secret());
    let layer = AuthLayer::rotating(&server.api_root(), key, secret)?;
    let layer = layer.rebuild_source(|source| source.observer(story.observer())); // for the timeline
    let source = layer.source().clone(); // for the table at the end
    let client = Client::builder(TokioExecutor::new()).build_http();
    let api = ServiceBuilder::new().layer(layer).service(client);

    let traffic = ten_seconds_of_traffic(&story, &[api], Full::<Bytes>::from, &server).await;

    let (counts, counters) = (server.counts(), source.status().counters);
    let not_adopted = |why| counters.rotations_not_adopted_for(why);
    let others = counters.rotations_not_adopted()
        - not_adopted(NotAdopted::NotNewer)
        - not_adopted(NotAdopted::OtherLineage);
    let tokens = Table::new("Tokens in responses")
        .row("sent by the API", counts.rotations)
        .row("adopted: newer than the current one, and well signed", counters.rotations_adopted)
        .row("not adopted: a newer one was already there", not_adopted(NotAdopted::NotNewer))
        .row("not adopted: from before the last exchange", not_adopted(NotAdopted::OtherLineage))
        .row("not adopted for another reason", others);
    let exchanges = Table::new("Exchanges")
        .row("for the first token, and after the revocation", counts.exchanges)
        .row("requests for each of them", counts.accepted / counts.exchanges.max(1));
    let callers = Table::new("The callers")
        .row("requests answered 200", traffic.sum(|it| &it.ok))
        .row("of these, sent again after a 401", traffic.sum(|it| &it.healed))
        .row("requests that failed", traffic.sum(|it| &it.errors));
    let next = "give `with_lifetime` one second instead of three. There are still two exchanges.";
    story.end(&[tokens, exchanges, callers], next)?;

    // Every response brings the next token, so that no token expires. There are two exchanges: for the
    // first token, and because of the revocation. Two more are allowed for a busy machine.
    Ok(traffic.verdict(&counts, 4))
}
