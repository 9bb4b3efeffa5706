//! Refresh tokens of an OAuth server that rotates them, from end to end: real sockets on both sides
//! of the layer, and one clock for the layer and the server, which moves only when a test moves it.
#![allow(clippy::unwrap_used)] // the helpers are tests as well

#[path = "support/polls.rs"]
mod polls;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::endpoint::TokenEndpoint;
use tower_outbound_auth::system::ClientCredentials;
use tower_outbound_auth::testkit::{ManualClock, OAuthServer};
use tower_outbound_auth::{Auth, AuthLayer, TokenSource};

use self::polls::poll_at_most;

type Http = Client<HttpConnector, Full<Bytes>>;

/// A server that issues refresh tokens, and a client that uses them.
struct Setup {
    clock: ManualClock,
    server: OAuthServer,
    source: TokenSource<ClientCredentials>,
    api: Auth<Http>,
}

impl Setup {
    async fn new() -> Setup {
        let clock = ManualClock::new();
        let server = OAuthServer::start().await.unwrap().with_refresh_tokens();
        let server = server.with_clock(clock.clone());
        let endpoint = TokenEndpoint::parse(&server.endpoint()).unwrap();
        let (id, secret) = (server.client_id(), server.client_secret());
        let scheme = ClientCredentials::new(endpoint.clone(), id, secret).unwrap();
        let layer = AuthLayer::for_endpoint(scheme.with_refresh_tokens(), &endpoint).unwrap();
        let layer =
            layer.with_origin(server.origin()).rebuild_source(|source| source.clock(clock.clone()));
        let http = Client::builder(TokioExecutor::new()).build_http();
        let (source, api) = (layer.source().clone(), layer.layer(http));
        Setup { clock, server, source, api }
    }

    async fn get(&self) -> StatusCode {
        let request = Request::get(self.server.url("/reports")).body(Full::default()).unwrap();
        self.api.clone().oneshot(request).await.unwrap().status()
    }

    /// The credentials were sent once, and all later exchanges used refresh tokens.
    fn assert_one_family(&self) {
        let counts = self.server.counts();
        assert_eq!(counts.exchanges - counts.refreshes, 1, "{counts:?}");
        assert_eq!(counts.exchanges_succeeded, counts.exchanges, "{counts:?}");
        assert_eq!(counts.refresh_tokens_reused, 0, "{counts:?}");
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[tokio::test]
async fn in_a_day_the_credentials_are_sent_once() {
    let setup = Setup::new().await;
    for _ in 0..24 * 2 {
        assert_eq!(setup.get().await, StatusCode::OK);
        setup.source.settled().await;
        setup.clock.advance(secs(1_800));
    }
    assert!(setup.server.counts().refreshes >= 23);
    setup.assert_one_family();
}

#[tokio::test]
async fn a_caller_that_gives_up_at_any_moment_does_not_cause_a_revoked_family() {
    let setup = Setup::new().await;
    assert_eq!(setup.get().await, StatusCode::OK);
    for round in 0..200 {
        setup.clock.advance(secs(3_600));
        let polls = round % 10 + 1;
        let answered = poll_at_most(polls, setup.get()).await.is_some();
        assert!(
            polls > 1 || !answered,
            "the first poll of a call that needs a token cannot end it"
        );
        setup.source.settled().await;
    }
    assert_eq!(setup.get().await, StatusCode::OK);
    setup.assert_one_family();
}
