//! A call on a task of its own, with a boxed body. Without the box around the client, rustc says ``implementation of `Service` is
//! not general enough``, with hyper's client alone as with this layer.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};
use tower_outbound_auth::testkit::OAuthServer;
use tower_outbound_auth::{AuthLayer, BoxError};

type Body = BoxBody<Bytes, BoxError>;
type Api = BoxCloneSyncService<Request<Body>, Response<hyper::body::Incoming>, BoxError>;

#[tokio::test]
async fn a_call_with_a_boxed_body_can_be_spawned() {
    let server = OAuthServer::start().await.unwrap();
    let (id, secret) = (server.client_id(), server.client_secret());
    let auth =
        AuthLayer::client_credentials(server.endpoint(), id, secret, server.origin()).unwrap();
    let hyper: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).build_http();
    let mut api = Api::new(auth.layer(hyper));
    let body = Full::<Bytes>::from("two chairs").map_err(BoxError::from).boxed();
    let request = Request::post(server.url("/orders")).body(body).unwrap();
    // `api.oneshot(request)` is not general enough here, either: its future has the type of the request.
    let call = tokio::spawn(async move { api.ready().await?.call(request).await });
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
}
