//! A gRPC client behind the layer: unary calls and streams. In ten seconds the example shows what production
//! sees in a month: a cold start under load, tokens that expire (after 3 s here), and a revocation.
//!
//! ```text
//! cargo run --example tonic --features tonic,test-util
//! cargo run --example tonic --features tonic,test-util -- --svg timeline.svg
//! ```
//!
//! Nothing leaves this machine. Tokens come from the test kit's embedded server. The API is tonic's health
//! service, which asks that server about every token. The exit code tells whether every caller got its
//! answer, with no more exchanges than necessary.

mod api;
#[path = "../common/mod.rs"]
mod common;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use tonic::transport::Endpoint;
use tonic::{Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::ServiceBuilder;
use tower_outbound_auth::adapter::tonic::TonicAuth;
use tower_outbound_auth::testkit::OAuthServer;
use tower_outbound_auth::{AuthLayer, BoxError, Origin, Recovery};

use self::common::{Story, Table};

type Client = HealthClient<TonicAuth<tonic::transport::Channel>>;

const CALLERS: u64 = 50;
const CALLS_EACH: u64 = 10;

/// The results of the callers. Callers with an even number make unary calls, the others listen to streams.
#[derive(Default)]
struct Seen {
    answered: [AtomicU64; 2],
    sent_again: [AtomicU64; 2],
}

/// A token of 3 s is renewed after 2.4 to 2.7 s. This makes five exchanges: the first one, one before the
/// revocation, one because of it, and two after it. Three more are allowed for a busy machine.
const MOST_EXCHANGES: usize = 8;

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let story = Story::begin("gRPC with tonic: calls and streams, one revocation", "callers")?;
    let tokens = OAuthServer::start().await?.with_lifetime(3);
    tokens.delay_exchanges(Duration::from_millis(100)); // so that callers have something to wait for
    let api = api::start(tokens.clone()).await?;

    // A client needs only this. The channel has one peer, and its requests name no host: `Origin::relative`.
    // With `for_tonic`, callers get a code when there is no token.
    let (endpoint, id, secret) = (tokens.endpoint(), tokens.client_id(), tokens.client_secret());
    let layer = AuthLayer::client_credentials(endpoint, id, secret, Origin::relative())?;
    let layer = layer.rebuild_source(|source| source.observer(story.observer())); // for the timeline
    let channel = Endpoint::from_shared(api)?.connect().await?;
    let client = HealthClient::new(ServiceBuilder::new().layer(layer.for_tonic()).service(channel));

    let seen = Arc::new(Seen::default());
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        callers.spawn(call(caller, client.clone(), seen.clone(), story.clone()));
    }
    let sum = |counts: &[AtomicU64; 2]| counts.iter().map(|it| it.load(Relaxed)).sum::<u64>();
    let so_far = || {
        let exchanges = tokens.counts().exchanges;
        format!("{} calls answered; exchanges: {exchanges}", sum(&seen.answered))
    };
    story.ten_seconds(|| tokens.revoke_tokens(), so_far).await;
    callers.join_all().await;

    // The API asked the token server about each token, so the counts of that server are those of
    // the API.
    let (counts, answered) = (tokens.counts(), sum(&seen.answered));
    let each = |counts: &[AtomicU64; 2]| [&counts[0], &counts[1]].map(|it| it.load(Relaxed));
    let calls = Table::new("One channel, one token")
        .cells("", ["calls", "streams"])
        .cells("begun", [CALLERS / 2 * CALLS_EACH; 2])
        .cells("answered OK", each(&seen.answered))
        .cells("of these, sent again after UNAUTHENTICATED", each(&seen.sent_again));
    let servers = Table::new("What the servers counted")
        .row("exchanges", counts.exchanges)
        .row("calls and streams with a good token", counts.accepted)
        .row("answered UNAUTHENTICATED", counts.refused);
    let next = "`tokens.begin_outage(None)` in place of the delay shows the status of calls without a token.";
    story.end(&[calls, servers], next)?;
    let all_well = answered == CALLERS * CALLS_EACH && counts.accepted as u64 == answered;
    Ok(match all_well && counts.refused > 0 && counts.exchanges <= MOST_EXCHANGES {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// A caller. All callers begin at once. Then each calls about once a second.
async fn call(caller: u64, mut client: Client, seen: Arc<Seen>, story: Story) {
    let kind = (caller % 2) as usize;
    for number in 0..CALLS_EACH {
        let began = story.now();
        let answer = match kind {
            0 => client.check(HealthCheckRequest::default()).await.map(|it| recovery(&it)),
            _ => first_of_watch(&mut client).await,
        };
        story.answered(caller, began, answer.is_ok(), answer.as_ref().ok().copied().flatten());
        match answer {
            Ok(recovery) => {
                seen.answered[kind].fetch_add(1, Relaxed);
                seen.sent_again[kind].fetch_add(recovery.is_some().into(), Relaxed);
            }
            Err(status) => story.complain(&format!("caller {caller}: {status}")),
        }
        let pause = if number == 0 { 20 * caller } else { 950 + 2 * caller };
        sleep(Duration::from_millis(pause)).await;
    }
}

async fn first_of_watch(client: &mut Client) -> Result<Option<Recovery>, Status> {
    let response = client.watch(HealthCheckRequest::default()).await?;
    let (recovery, mut states) = (recovery(&response), response.into_inner());
    let first = states.message().await?;
    first.map(|_| recovery).ok_or_else(|| Status::internal("an empty stream"))
}

/// What the layer did after a refusal.
fn recovery<M>(response: &Response<M>) -> Option<Recovery> {
    response.extensions().get().copied()
}
