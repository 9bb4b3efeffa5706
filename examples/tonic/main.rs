//! A gRPC client behind the layer, through ten seconds of what happens in production in a month: a cold
//! start under load, tokens that end (after 3 s here), and a revocation.
//!
//! ```text
//! cargo run --example tonic --features tonic,test-util
//! ```
//!
//! Nothing leaves this machine: tokens come from the embedded server of the test kit, and the API is tonic's
//! health service, which asks that server about every token. The exit code says whether every caller got
//! what it asked for, at the price of no more exchanges than it had to cost.

mod api;

use std::process::ExitCode;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use tonic::Status;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::ServiceBuilder;
use tower_outbound_auth::adapter::tonic::TonicAuth;
use tower_outbound_auth::testkit::OAuthServer;
use tower_outbound_auth::{AuthLayer, BoxError, Origin};

type Client = HealthClient<TonicAuth<tonic::transport::Channel>>;

const CALLERS: u64 = 50;
const CALLS_EACH: u64 = 10;

/// A token of 3 s is renewed after 2.4 to 2.7 s: the first one, one before the revocation, one because of it
/// and two after it make five exchanges. Three more are for a busy machine.
const MOST_EXCHANGES: usize = 8;

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let tokens = OAuthServer::start().await?.with_lifetime(3);
    tokens.delay_exchanges(Duration::from_millis(100)); // so that callers have something to wait for
    let api = api::start(tokens.clone()).await?;

    // All that a client needs. The channel has one peer, and its requests name none: `Origin::relative`. With
    // `for_tonic`, callers see a code for a token that is missing.
    let (endpoint, id, secret) = (tokens.endpoint(), tokens.client_id(), tokens.client_secret());
    let layer = AuthLayer::client_credentials(endpoint, id, secret, Origin::relative())?;
    let source = layer.source().clone(); // to look at, afterwards
    let channel = Endpoint::from_shared(api)?.connect().await?;
    let client = HealthClient::new(ServiceBuilder::new().layer(layer.for_tonic()).service(channel));

    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        callers.spawn(call(caller, client.clone()));
    }
    sleep(Duration::from_secs(4)).await;
    tokens.revoke_tokens();
    println!("after 4 s, all tokens are revoked");
    let answered: u64 = callers.join_all().await.iter().sum();

    // The API asked about each token it saw, so what the token server counted is what the API saw.
    let counts = tokens.counts();
    let row = |what: &str, count: u64| println!("  {what:<40}{count:>6}");
    println!("the callers");
    row("calls", CALLERS * CALLS_EACH);
    row("answered OK", answered);
    println!("the layer");
    row("exchanges", source.status().counters.exchanges());
    println!("the servers");
    row("exchanges", counts.exchanges as u64);
    row("calls with a good token", counts.accepted as u64);
    row("calls refused, and sent again", counts.refused as u64);
    let all_well = answered == CALLERS * CALLS_EACH && counts.accepted as u64 == answered;
    Ok(match all_well && counts.refused > 0 && counts.exchanges <= MOST_EXCHANGES {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// A caller knows nothing of tokens. All begin at once; then each calls about once a second, at a pace of its
/// own. Returns how many calls were answered.
async fn call(caller: u64, mut client: Client) -> u64 {
    let mut answered = 0;
    for number in 0..CALLS_EACH {
        // Every other caller listens to a stream instead.
        let answer = match caller % 2 {
            0 => client.check(HealthCheckRequest::default()).await.map(drop),
            _ => first_of_watch(&mut client).await,
        };
        match answer {
            Ok(()) => answered += 1,
            Err(status) => eprintln!("caller {caller}: {status}"),
        }
        let pause = if number == 0 { 20 * caller } else { 950 + 2 * caller };
        sleep(Duration::from_millis(pause)).await;
    }
    answered
}

async fn first_of_watch(client: &mut Client) -> Result<(), Status> {
    let mut states = client.watch(HealthCheckRequest::default()).await?.into_inner();
    states.message().await?.map(drop).ok_or_else(|| Status::internal("an empty stream"))
}
