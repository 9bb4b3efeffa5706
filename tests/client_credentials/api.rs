//! What the API gets, and what its answers mean (RFC 6750, RFC 9110).

use http::Request;
use http::header::AUTHORIZATION;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_outbound_auth::{AuthLayer, Origin};

use crate::*;

#[tokio::test(start_paused = true)]
async fn rfc9068_1_an_opaque_token_is_fine_and_travels_as_bearer() {
    let server = Server::with(200, SUCCESS);
    let source = server.source(scheme("id", "secret"));
    let layer = AuthLayer::new(source).with_origin(Origin::parse("https://api.example").unwrap());
    let mut api = layer.layer(service_fn(|request: Request<Body>| async move {
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer abc");
        Ok::<_, BoxError>(Response::new(Body::default()))
    }));
    let request = Request::get("https://api.example/v1").body(Body::default()).unwrap();
    api.ready().await.unwrap().call(request).await.unwrap();
    let elsewhere = Request::get(ENDPOINT).body(Body::default()).unwrap();
    assert!(
        api.ready().await.unwrap().call(elsewhere).await.is_err(),
        "another host: no credential"
    );
}
