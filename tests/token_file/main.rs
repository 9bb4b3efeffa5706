//! A token in a file, from end to end: a real file, a real socket, and one clock for the layer and the server, which moves
//! only when a test moves it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // the helpers are tests as well

mod errors;
mod file;
#[path = "../support/log.rs"]
mod log;
mod looks;
mod refusals;
mod rotation;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::exchange::ExchangeError;
use tower_outbound_auth::system::{ClientCredentials, HeaderScheme};
use tower_outbound_auth::testkit::{ManualClock, OAuthServer};
use tower_outbound_auth::{Auth, AuthLayer, BoxError, Error, TokenSource};

use self::file::Folder;

type Http = Client<HttpConnector, Full<Bytes>>;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// An API, a platform that gets tokens for it and writes them into a file, and a client with the layer.
struct Setup {
    clock: ManualClock,
    server: OAuthServer,
    platform: TokenSource<ClientCredentials>,
    folder: Folder,
    source: TokenSource<HeaderScheme>,
    api: Auth<Http>,
}

impl Setup {
    /// There is no file yet.
    async fn without_file() -> Setup {
        let clock = ManualClock::new();
        let server = OAuthServer::start().await.unwrap().with_clock(clock.clone());
        let (id, secret) = (server.client_id(), server.client_secret());
        let scheme = ClientCredentials::new(server.endpoint(), id, secret).unwrap();
        let platform = TokenSource::builder_over_http(scheme, http()).clock(clock.clone()).build();
        let folder = Folder::new();
        let layer = layer(&folder.token(), &server, &clock);
        let (source, api) = (layer.source().clone(), layer.layer(http()));
        Setup { clock, server, platform, folder, source, api }
    }

    /// The file has a token of an hour, and a request has been sent with it.
    async fn new() -> Setup {
        let setup = Setup::without_file().await;
        setup.rewrite().await;
        setup.good().await;
        setup
    }

    /// A new token of the API.
    async fn issue(&self) -> String {
        self.platform.to_builder().build().token().await.unwrap().expose().to_owned()
    }

    /// The platform writes a new token into the file.
    async fn rewrite(&self) -> String {
        let token = self.issue().await;
        self.folder.rename_to(&token);
        token
    }

    async fn get(&self) -> Result<Response<Bytes>, BoxError> {
        self.send(Request::get(self.server.url("/pods")).body(Full::default()).unwrap()).await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, BoxError> {
        // In real time: with a clock that does not move, a bug would wait for ever.
        let response = timeout(Duration::from_secs(60), self.api.clone().oneshot(request)).await;
        let (head, body) = response??.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    /// A request that is accepted, and the look that it may have started.
    async fn good(&self) {
        assert_eq!(self.get().await.unwrap().status(), 200);
        self.source.settled().await;
    }

    /// The error of a request for which there is no token.
    async fn no_token(&self) -> (Error, ExchangeError) {
        let error = *self.get().await.unwrap_err().downcast::<Error>().unwrap();
        let exchange = error.exchange().unwrap().clone();
        (error, exchange)
    }

    /// How often the file was looked at.
    fn looks(&self) -> u64 {
        self.source.status().counters.exchanges()
    }

    /// The tokens that the API saw, oldest first.
    fn seen(&self) -> Vec<String> {
        let token = |value: &http::HeaderValue| value.to_str().unwrap().replace("Bearer ", "");
        let requests = self.server.requests();
        requests.iter().map(|request| token(&request.headers[AUTHORIZATION])).collect()
    }
}

fn layer(path: &Path, server: &OAuthServer, clock: &ManualClock) -> AuthLayer<HeaderScheme> {
    let layer = AuthLayer::token_file(path, server.origin()).unwrap();
    layer.rebuild_source(|source| source.clock(clock.clone()))
}

fn http() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
