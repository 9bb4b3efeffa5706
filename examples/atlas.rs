//! The Atlas document API, through ten seconds of what happens in production in a month: a cold start
//! under load, tokens that end (after 3 s here), and a revocation.
//!
//! ```text
//! cargo run --example atlas --features test-util
//! ```
//!
//! Nothing leaves this machine: the server is the embedded one of the test kit. The exit code says
//! whether every caller got what it asked for, at the price of no more exchanges than it had to cost.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_outbound_auth::exchange::Reason;
use tower_outbound_auth::scheme::Atlas;
use tower_outbound_auth::source::Status;
use tower_outbound_auth::testkit::{AtlasServer, ServerCounts};
use tower_outbound_auth::{Auth, AuthLayer, BoxError, Recovery};

type Api = Auth<Client<HttpConnector, Full<Bytes>>, Atlas>;

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let server = AtlasServer::start().await?.with_lifetime(3);
    server.delay_exchanges(Duration::from_millis(100)); // so that callers have something to wait for

    // All that a client needs:
    let layer = AuthLayer::atlas(server.endpoint(), server.client_id(), server.client_secret())?;
    let source = layer.source().clone(); // to look at, afterwards
    let client = Client::builder(TokioExecutor::new()).build_http();
    let api = ServiceBuilder::new().layer(layer).service(client);

    let seen = Arc::new(Seen::default());
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        callers.spawn(call(caller, api.clone(), server.url("/v1/documents"), seen.clone()));
    }
    for second in 1..=10 {
        sleep(Duration::from_secs(1)).await;
        if second == 4 {
            server.revoke_tokens();
        }
        progress(second, &seen, &server.counts());
    }
    callers.join_all().await;

    let (status, counts) = (source.status(), server.counts());
    print_table(&seen, &status, &counts);
    Ok(verdict(&seen, &counts))
}

const CALLERS: u64 = 50;
const REQUESTS_EACH: u64 = 10;

/// What the callers saw.
#[derive(Default)]
struct Seen {
    sent: AtomicUsize,
    ok: AtomicUsize,
    healed: AtomicUsize,
    errors: AtomicUsize,
}

/// A caller knows nothing of tokens. All begin at once; then each sends about one request a second, at a
/// pace of its own.
async fn call(caller: u64, mut api: Api, url: String, seen: Arc<Seen>) {
    for number in 0..REQUESTS_EACH {
        let text = format!("document {number} of caller {caller}");
        seen.sent.fetch_add(1, Relaxed);
        match upload(&mut api, &url, text).await {
            Ok(healed) => {
                seen.ok.fetch_add(1, Relaxed);
                seen.healed.fetch_add(usize::from(healed), Relaxed);
            }
            Err(error) => {
                seen.errors.fetch_add(1, Relaxed);
                eprintln!("caller {caller}: {error}");
            }
        }
        let pause = if number == 0 { 20 * caller } else { 950 + 2 * caller };
        sleep(Duration::from_millis(pause)).await;
    }
}

/// Returns whether it took a second try, with another token.
async fn upload(api: &mut Api, url: &str, text: String) -> Result<bool, BoxError> {
    let request = Request::post(url).body(Full::from(text))?;
    let response = api.ready().await?.call(request).await?;
    let healed = response.extensions().get() == Some(&Recovery::Replayed);
    let status = response.status();
    response.into_body().collect().await?; // so that the connection can be used again
    if status.is_success() { Ok(healed) } else { Err(format!("answered {status}").into()) }
}

fn progress(second: u32, seen: &Seen, counts: &ServerCounts) {
    let (sent, ok) = (seen.sent.load(Relaxed), seen.ok.load(Relaxed));
    let revoked = if second == 4 { ", and now all tokens are revoked" } else { "" };
    println!("{second:>2} s: {sent} sent, {ok} answered, {} exchanges{revoked}", counts.exchanges);
}

fn print_table(seen: &Seen, status: &Status, counts: &ServerCounts) {
    let row = |what: &str, count: usize| println!("  {what:<40}{count:>6}");
    println!("\nthe callers");
    row("requests sent", seen.sent.load(Relaxed));
    row("answered 200", seen.ok.load(Relaxed));
    row("  of these, healed after a 401", seen.healed.load(Relaxed));
    row("errors", seen.errors.load(Relaxed));
    println!("the layer");
    row("exchanges", status.counters.exchanges() as usize);
    for (what, reason) in [
        ("  for the first token", Reason::First),
        ("  ahead of expiry, nobody waiting", Reason::RefreshAhead),
        ("  in the last moments of a token", Reason::Expiring),
        ("  after a token's end", Reason::Expired),
        ("  because the API refused it", Reason::Refused),
    ] {
        row(what, status.counters.exchanges_for(reason) as usize);
    }
    println!("the server");
    row("exchanges", counts.exchanges);
    row("requests answered 200", counts.accepted);
    row("requests answered 401", counts.refused);
}

/// A token of 3 s is renewed after 2.4 to 2.7 s: the first one, one before the revocation, one because of
/// it and two after it make five exchanges. Three more are for a busy machine.
fn verdict(seen: &Seen, counts: &ServerCounts) -> ExitCode {
    let all_well = seen.ok.load(Relaxed) == (CALLERS * REQUESTS_EACH) as usize;
    let healed = seen.healed.load(Relaxed) == counts.refused && counts.refused > 0;
    if all_well && healed && counts.exchanges <= 8 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
