//! The layer under clients that tonic generates, over loopback sockets, with tonic's own server.
//!
//! The tests check what the server saw (each call's token, timeout and messages) and the status that
//! callers got.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod codes;
mod deadlines;
#[path = "../support/echo.rs"]
mod echo;
#[path = "../support/failing.rs"]
mod failing;
mod late;
mod recovery;
mod server;
mod stacks;
mod streams;
#[path = "../support/until.rs"]
mod until;
mod without;

use std::time::Duration;

use tonic::transport::Channel;
use tower::Layer;
use tower_outbound_auth::adapter::tonic::TonicAuth;
use tower_outbound_auth::clock::SystemClock;
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::ScriptedExchange;
use tower_outbound_auth::{AuthLayer, Origin, TokenSource};

use self::echo::EchoClient;
use self::server::GrpcServer;

pub(crate) type Authenticated = TonicAuth<Channel>;

/// A server, a channel to it, and scripted tokens: `token-1`, `token-2` and so on.
pub(crate) struct World {
    pub(crate) server: GrpcServer,
    pub(crate) channel: Channel,
    pub(crate) exchange: ScriptedExchange,
    pub(crate) source: TokenSource<HeaderScheme>,
    pub(crate) layer: AuthLayer<HeaderScheme>,
}

pub(crate) async fn world() -> World {
    world_with_delay(Duration::ZERO).await
}

/// An exchange takes `delay`.
pub(crate) async fn world_with_delay(delay: Duration) -> World {
    let server = GrpcServer::start().await;
    let channel = server.channel().await;
    let exchange = ScriptedExchange::new().with_delay(delay, SystemClock::new());
    let source = TokenSource::new(HeaderScheme::bearer(), exchange.clone());
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::relative());
    World { server, channel, exchange, source, layer }
}

impl World {
    pub(crate) fn service(&self) -> Authenticated {
        self.layer.clone().for_tonic().layer(self.channel.clone())
    }

    pub(crate) fn echo(&self) -> EchoClient<Authenticated> {
        EchoClient::new(self.service())
    }
}

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
