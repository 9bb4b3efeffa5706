//! A minute of random faults, in real time and over real sockets. Fifty callers use each embedded server, with tokens of
//! four seconds, while one fault follows the other. `FAULTS_SEED` repeats the faults of a run (not its timing).
//!
//! These rules hold whatever happens:
//!
//! 1. Nobody gets an error while a token is usable. Only an exchange or a rotation makes a token usable, and only time
//!    ends it. So if neither happened during a call that failed, and a token is usable after the call, then it was
//!    usable during the whole call.
//! 2. A refusal that reaches a caller says why, and that is true: a token was revoked before, and the budget of renewals
//!    is not spent without a reason.
//! 3. Each exchange has a reason: a token ended or was revoked, or a pause was over.
//! 4. The server sees one exchange at a time.
//! 5. When the faults are over, all callers succeed as soon as the last pause is over.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(clippy::disallowed_methods)] // the test measures real time

mod callers;
mod injection;
mod totals;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;
use tower::Layer;
use tower_outbound_auth::endpoint::TokenEndpoint;
use tower_outbound_auth::system::{Atlas, ClientCredentials, RefreshTokenIn, Rotating};
use tower_outbound_auth::testkit::{
    AtlasServer, EmbeddedProtocol, EmbeddedServer, OAuthServer, RotatingServer,
};
use tower_outbound_auth::{Auth, AuthLayer, Scheme, TokenSource};

use crate::injection::{Fault, OF_THE_API, OF_THE_ENDPOINT};

const MINUTE: Duration = Duration::from_secs(60);
const CALLERS: usize = 50;
/// The lifetime of tokens, in seconds.
const LIFE: u64 = 4;
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(2);
/// Allowed for a request and its replay on a busy machine.
const SLACK: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute: .ci/deep"]
async fn callers_of_atlas_go_through_a_minute_of_faults() {
    let server = AtlasServer::start().await.unwrap().with_refresh_tokens();
    let (id, secret) = (server.client_id(), server.client_secret());
    let refresh = TokenEndpoint::parse(&server.refresh_endpoint()).unwrap();
    let scheme = Atlas::new(server.endpoint(), id, secret).unwrap();
    let scheme = scheme.with_refresh(refresh, RefreshTokenIn::Json("refresh_token".into()));
    let endpoint = scheme.endpoint().clone();
    let own = |server: &AtlasServer, begin| {
        if begin {
            server.revoke_refresh_tokens();
        }
    };
    a_minute_of_faults(scheme, &endpoint, server, own).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute: .ci/deep"]
async fn callers_of_oauth_go_through_a_minute_of_faults() {
    let server = OAuthServer::start().await.unwrap().with_refresh_tokens();
    let (id, secret) = (server.client_id(), server.client_secret());
    let scheme = ClientCredentials::new(server.endpoint(), id, secret).unwrap();
    let scheme = scheme.with_refresh_tokens();
    let endpoint = scheme.endpoint().clone();
    let own = |server: &OAuthServer, begin| {
        if begin {
            server.revoke_refresh_tokens();
        }
    };
    a_minute_of_faults(scheme, &endpoint, server, own).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute: .ci/deep"]
async fn callers_of_a_rotating_api_go_through_a_minute_of_faults() {
    let server = RotatingServer::start().await.unwrap();
    let (key, secret) = (server.client_id(), server.client_secret());
    let scheme = Rotating::new(&server.api_root(), key, secret).unwrap();
    let endpoint = scheme.endpoint().clone();
    // Without successors, the tokens of this API end like those of the others.
    let own = |server: &RotatingServer, begin: bool| {
        server.hand_out(begin.then(|| vec!["Bearer no-successor".to_owned()]));
    };
    a_minute_of_faults(scheme, &endpoint, server, own).await;
}

struct World<S, P> {
    server: EmbeddedServer<P>,
    own: fn(&EmbeddedServer<P>, bool),
    source: TokenSource<S>,
    client: Auth<Client<HttpConnector, Full<Bytes>>>,
    over: AtomicBool,
    refusing_routes: AtomicUsize,
    /// The endpoint issued the same token again. Its renewals took from the budget and did not help.
    was_sticky: AtomicBool,
    /// When a token was last revoked, or issued again.
    last_upheaval: Mutex<Option<Instant>>,
    faults: Mutex<BTreeMap<Fault, (u32, Duration)>>,
    seen: Mutex<BTreeMap<String, u32>>,
}

async fn a_minute_of_faults<S: Scheme, P: EmbeddedProtocol>(
    scheme: S,
    endpoint: &TokenEndpoint,
    server: EmbeddedServer<P>,
    own: fn(&EmbeddedServer<P>, bool),
) {
    let seed =
        std::env::var("FAULTS_SEED").map_or_else(|_| fastrand::u64(..), |it| it.parse().unwrap());
    println!("FAULTS_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let server = server.with_lifetime(LIFE);
    let layer = AuthLayer::for_endpoint(scheme, endpoint).unwrap().with_origin(server.origin());
    let layer = layer.rebuild_source(|source| source.exchange_timeout(EXCHANGE_TIMEOUT));
    let world = Arc::new(World {
        source: layer.source().clone(),
        client: layer.layer(Client::builder(TokioExecutor::new()).build_http()),
        server,
        own,
        over: AtomicBool::new(false),
        refusing_routes: AtomicUsize::new(0),
        was_sticky: AtomicBool::new(false),
        last_upheaval: Mutex::default(),
        faults: Mutex::default(),
        seen: Mutex::default(),
    });

    let mut callers: JoinSet<()> =
        (0..CALLERS).map(|nth| world.clone().call_until_over(nth)).collect();
    let faults = tokio::join!(
        tokio::spawn(world.clone().inject(OF_THE_ENDPOINT, rng.fork())),
        tokio::spawn(world.clone().inject(OF_THE_API, rng.fork())),
    );
    faults.0.unwrap();
    faults.1.unwrap();
    let status = world.source.status();
    world.over.store(true, SeqCst);
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
    let recovered = world.all_callers_succeed_after(&status).await;
    let bounds = world.each_exchange_had_a_reason();
    println!("{}\n{recovered}\n{bounds}", world.table());
}
