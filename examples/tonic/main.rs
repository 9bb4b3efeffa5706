//! A gRPC client behind the layer. In ten seconds the example shows what production sees in a month: a
//! cold start under load, tokens that expire (after 3 s here), and a revocation.
//!
//! ```text
//! cargo run --example tonic --features tonic,test-util
//! ```
//!
//! Nothing leaves this machine. Tokens come from the test kit's embedded server. The API is tonic's health
//! service, which asks that server about every token. The exit code tells whether every caller got its
//! answer, with no more exchanges than necessary.

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

/// A token of 3 s is renewed after 2.4 to 2.7 s. This makes five exchanges: the first one, one before the
/// revocation, one because of it, and two after it. Three more are allowed for a busy machine.
const MOST_EXCHANGES: usize = 8;

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let tokens = OAuthServer::start().await?.with_lifetime(3);
    tokens.delay_exchanges(Duration::from_millis(100)); // so that callers have something to wait for
    let api = api::start(tokens.clone()).await?;

    // A client needs only this. The channel has one peer, and its requests name no host: `Origin::relative`.
    // With `for_tonic`, callers get a code when there is no token.
    let (endpoint, id, secret) = (tokens.endpoint(), tokens.client_id(), tokens.client_secret());
    let layer = AuthLayer::client_credentials(endpoint, id, secret, Origin::relative())?;
    let source = layer.source().clone(); // for the table at the end
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

    // The API asked the token server about each token, so the counts of that server are those of
    // the API.
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

/// A caller. All callers begin at once. Then each calls about once a second. Returns how many calls were
/// answered.
async fn call(caller: u64, mut client: Client) -> u64 {
    let mut answered = 0;
    for number in 0..CALLS_EACH {
        // Every second caller listens to a stream instead.
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
