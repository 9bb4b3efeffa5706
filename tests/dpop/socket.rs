//! The server on sockets, for real clients.

use std::convert::Infallible;
use std::sync::Arc;

use http::Request;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::system::{Dpop, OAuth, OAuthClient};

use super::server::Server;

/// A server on two sockets, so that its token endpoint and its API may have two origins.
pub(crate) struct Socket {
    pub(crate) server: Server,
    pub(crate) origin: String,
    /// The origin of the token endpoint: `origin`, or another one.
    pub(crate) issuer: String,
}

impl Socket {
    /// Token endpoint and API have one origin.
    pub(crate) async fn start() -> Socket {
        let server = Server::default();
        let origin = listen(&server).await;
        Socket { issuer: origin.clone(), server, origin }
    }

    /// Token endpoint and API have two origins.
    pub(crate) async fn with_an_issuer() -> Socket {
        let socket = Socket::start().await;
        Socket { issuer: listen(&socket.server).await, ..socket }
    }

    pub(crate) fn layer(&self, dpop: Dpop) -> AuthLayer<OAuth> {
        let system = OAuth::builder(format!("{}/token", self.issuer))
            .client(OAuthClient::with_secret("billing", "s3cret"))
            .dpop(dpop)
            .build()
            .unwrap();
        AuthLayer::oauth(system, &self.origin).unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

async fn listen(server: &Server) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (answering, base) = (server.clone(), origin.clone());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (server, base) = (answering.clone(), base.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let (server, base) = (server.clone(), base.clone());
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    Ok::<_, Infallible>(server.answer(&head, body, &base))
                }
            });
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                drop(builder.serve_connection(TokioIo::new(socket), service).await);
            });
        }
    });
    origin
}

/// A builder without TLS and proxies.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(rustls::RootCertStore::empty());
    reqwest::ClientBuilder::new().tls_backend_preconfigured(config.with_no_client_auth()).no_proxy()
}
