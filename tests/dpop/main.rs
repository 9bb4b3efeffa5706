//! DPoP (RFC 9449) against a server that checks each proof, at its token endpoint and at its API.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod adapters;
mod api;
mod bodies;
mod keys;
#[path = "../support/log.rs"]
mod log;
mod logins;
mod server;
mod socket;
mod table;
mod token_endpoint;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt};
use tower_outbound_auth::system::{Dpop, OAuth, OAuthBuilder, OAuthClient};
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{AuthLayer, BoxError, Origin, TokenSource};

use self::server::{HOST, Server};

/// A system with DPoP, whose token endpoint and API are the same server.
struct World {
    server: Server,
    source: TokenSource<OAuth>,
    layer: AuthLayer<OAuth>,
}

fn dpop() -> Dpop {
    Dpop::new().unwrap()
}

/// A client with a secret at the server's token endpoint.
fn builder() -> OAuthBuilder {
    OAuth::builder(format!("{HOST}/token")).client(OAuthClient::with_secret("billing", "s3cret"))
}

fn world() -> World {
    world_of(builder().dpop(dpop()))
}

fn world_of(builder: OAuthBuilder) -> World {
    let (server, clock) = (Server::default(), ManualClock::new());
    server.set_clock(&clock);
    let system = builder.build().unwrap();
    let source = TokenSource::builder_over_http(system, server.clone()).clock(clock).build();
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(HOST).unwrap());
    World { server, source, layer }
}

impl World {
    /// Sends a request with a body in memory.
    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, BoxError> {
        self.layer.layer(self.server.clone()).oneshot(request).await
    }

    async fn get(&self, path: &str) -> Response<Full<Bytes>> {
        self.send(get(path)).await.unwrap()
    }

    fn new_proofs(&self) -> u64 {
        self.source.status().counters.new_proofs
    }

    fn exchanges(&self) -> u64 {
        self.source.status().counters.exchanges()
    }
}

fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("{HOST}{path}")).body(Full::default()).unwrap()
}

async fn text(response: Response<Full<Bytes>>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}
