//! The API: tonic's health service, for callers with a valid token.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use http_body_util::Full;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::{Server, server::TcpIncoming};
use tower::layer::layer_fn;
use tower::{ServiceExt, service_fn};
use tower_outbound_auth::BoxError;
use tower_outbound_auth::testkit::OAuthServer;

/// Serves on a free port of this machine. Returns its address.
pub(crate) async fn start(tokens: OAuthServer) -> Result<String, BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let (_, health) = tonic_health::server::health_reporter();
    let judge = Judge { client: Client::builder(TokioExecutor::new()).build_http(), tokens };
    let guarded = layer_fn(move |inner: Routes| {
        let judge = judge.clone();
        service_fn(move |request: Request<Body>| {
            let (judge, inner) = (judge.clone(), inner.clone());
            async move {
                match judge.accepts(request.headers().get(AUTHORIZATION).cloned()).await {
                    true => inner.oneshot(request).await,
                    false => Ok(Status::unauthenticated("this token is not good").into_http()),
                }
            }
        })
    });
    let serving = Server::builder().layer(guarded).add_service(health);
    tokio::spawn(serving.serve_with_incoming(TcpIncoming::from(listener)));
    Ok(url)
}

/// Asks the token server about a token: that server's own API accepts only valid ones.
#[derive(Clone)]
struct Judge {
    client: Client<HttpConnector, Full<Bytes>>,
    tokens: OAuthServer,
}

impl Judge {
    async fn accepts(&self, credential: Option<HeaderValue>) -> bool {
        let Some(credential) = credential else { return false };
        let request =
            Request::get(self.tokens.url("/introspect")).header(AUTHORIZATION, credential);
        let Ok(request) = request.body(Full::default()) else { return false };
        self.client.request(request).await.is_ok_and(|answer| answer.status().is_success())
    }
}
