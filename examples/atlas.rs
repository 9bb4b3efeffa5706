//! The Atlas document API. In ten seconds the example shows what production sees in a month: a cold
//! start under load, tokens that expire (after 3 s here), and a revocation.
//!
//! ```text
//! cargo run --example atlas --features test-util
//! cargo run --example atlas --features test-util -- --svg timeline.svg
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
use tower_outbound_auth::exchange::Reason;
use tower_outbound_auth::testkit::AtlasServer;
use tower_outbound_auth::{AuthLayer, BoxError};

use self::common::traffic::ten_seconds_of_traffic;
use self::common::{Story, Table};

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let story = Story::begin("Atlas: fifty callers, tokens of 3 s, one revocation", "callers")?;
    let server = AtlasServer::start().await?.with_lifetime(3);
    server.delay_exchanges(Duration::from_millis(100)); // so that callers have something to wait for

    // All that a client needs:
    let layer = AuthLayer::atlas(server.endpoint(), server.client_id(), server.client_secret())?;
    let layer = layer.rebuild_source(|source| source.observer(story.observer())); // for the timeline
    let source = layer.source().clone(); // for the table at the end
    let client = Client::builder(TokioExecutor::new()).build_http();
    let api = ServiceBuilder::new().layer(layer).service(client);

    let traffic = ten_seconds_of_traffic(&story, &[api], Full::<Bytes>::from, &server).await;

    let (timeline, counts, counters) =
        (story.timeline(), server.counts(), source.status().counters);
    let renewals = counters.exchanges_for(Reason::RefreshAhead);
    // Of the requests that met such an exchange: the longest, and the one in the middle.
    let took = |reason| timeline.took_during(reason);
    let longest = |reason| millis(took(reason).last().copied());
    let typical = |reason| millis(took(reason).get(took(reason).len() / 2).copied());
    let start = Table::new("The start: one exchange for all")
        .row("callers that began without a token", timeline.waits_for(Reason::First).count())
        .row("exchanges that began for them", counters.exchanges_for(Reason::First))
        .row("the longest request", longest(Reason::First));
    let expiry = Table::new("Expiry: tokens are renewed before it, and an exchange takes 100 ms")
        .row("renewals in the background", renewals)
        .row("a typical request while they ran", typical(Reason::RefreshAhead));
    let revocation = Table::new("The revocation: no caller sees a 401")
        .row("requests that the API refused", counts.refused)
        .row("of these, sent again and answered", traffic.sum(|it| &it.healed))
        .row("refused with two tokens, asked again", traffic.sum(|it| &it.refused_twice))
        .row("the longest request meanwhile", longest(Reason::Refused));
    let all = Table::new("In all")
        .row("requests answered 200", traffic.sum(|it| &it.ok))
        .row("requests that failed", traffic.sum(|it| &it.errors))
        .row("exchanges that the server counted", counts.exchanges);
    story.end(
        &[start, expiry, revocation, all],
        "`-- --svg timeline.svg` draws this as a picture. The example `client_credentials` is OAuth 2.0.",
    )?;

    // A token of 3 s is renewed after 2.4 to 2.7 s. This makes five exchanges: the first one, one before
    // the revocation, one because of it, and two after it. Three more are allowed for a busy machine.
    Ok(traffic.verdict(&counts, 8))
}

/// The clock has a resolution of 4 ms.
fn millis(time: Option<Duration>) -> String {
    match time.unwrap_or_default().as_millis() {
        0..5 => "below 5 ms".to_owned(),
        millis => format!("{millis} ms"),
    }
}
