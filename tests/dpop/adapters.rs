//! Proofs through hyper, reqwest, axum and tonic, over sockets.

use bytes::Bytes;
use futures::stream;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_outbound_auth::system::OAuth;
use tower_outbound_auth::{AuthLayer, BoxError, Origin};

use super::dpop;
use super::socket::{Socket, builder};

impl Socket {
    /// A server that wants nonces at both sides, and has revoked its first token: so the first request is sent three times.
    async fn demanding() -> Socket {
        let socket = Socket::start().await;
        socket.server.state().endpoint.demand("n1");
        socket.server.state().api.demand("n2");
        socket.server.revoke("t1");
        socket
    }

    /// The first request was sent three times, each time with its whole body, and every proof was right.
    fn assert_sent_three_times(&self, layer: &AuthLayer<OAuth>, body: &str) {
        let state = self.server.state();
        assert_eq!(state.wrong, <[&str; 0]>::default());
        let nonces: Vec<_> = state.api.nonces.iter().map(Option::as_deref).collect();
        assert_eq!(nonces, [None, Some("n2"), Some("n2")]);
        assert_eq!(state.bodies, [body, body, body]);
        let counters = layer.source().status().counters;
        assert_eq!((counters.exchanges(), counters.new_proofs), (2, 1));
    }
}

#[tokio::test]
async fn with_hyper_a_request_has_proofs_and_nonces() {
    let socket = Socket::demanding().await;
    let layer = socket.layer(dpop());
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = Request::put(socket.url("/x?y")).body(Full::from("body")).unwrap();
    let response = layer.layer(client).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    socket.assert_sent_three_times(&layer, "body");
}

#[tokio::test]
async fn with_axum_a_stream_is_sent_whole_each_time() {
    let socket = Socket::demanding().await;
    let layer = socket.layer(dpop());
    let client = Client::builder(TokioExecutor::new()).build_http::<axum::body::Body>();
    let parts = ["one ", "two ", "three"].map(Ok::<_, BoxError>);
    let body = axum::body::Body::from_stream(stream::iter(parts));
    let request = Request::post(socket.url("/upload")).body(body).unwrap();
    let response = layer.layer(client).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    socket.assert_sent_three_times(&layer, "one two three");
}

#[tokio::test]
async fn with_tonic_the_base_names_the_server() {
    let socket = Socket::demanding().await;
    let dpop = dpop().htu_base(Origin::relative(), &socket.origin).unwrap();
    let layer = socket.layer(dpop).with_origin(Origin::relative());
    let endpoint = tonic::transport::Endpoint::from_shared(socket.origin.clone()).unwrap();
    let service = layer.clone().for_tonic().layer(endpoint.connect().await.unwrap());
    let body = tonic::body::Body::new(Full::from("message"));
    let request = Request::post("/pkg.Service/Call").body(body).unwrap();
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    socket.assert_sent_three_times(&layer, "message");
}

#[tokio::test]
async fn with_reqwest_a_request_has_proofs_and_nonces() {
    let socket = Socket::demanding().await;
    let layer = socket.layer(dpop());
    let client = layer.reqwest(builder()).unwrap();
    let url = socket.url("/x?y").parse().unwrap();
    let mut request = reqwest::Request::new(Method::POST, url);
    *request.body_mut() = Some("body".into());
    let response = client.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    socket.assert_sent_three_times(&layer, "body");
}

#[tokio::test]
async fn a_redirect_below_the_layer_is_not_followed_because_the_proof_is_for_one_url() {
    let socket = Socket::demanding().await;
    let client = socket.layer(dpop()).reqwest(builder()).unwrap();
    let url = socket.url("/redirect").parse().unwrap();
    let request = reqwest::Request::new(Method::GET, url);
    let response = client.oneshot(request).await.unwrap();
    assert_eq!((response.status(), response.url().path()), (StatusCode::FOUND, "/redirect"));
    let state = socket.server.state();
    assert_eq!(state.wrong, <[&str; 0]>::default());
    assert!(!state.uris.iter().any(|uri| uri.ends_with("/arrived")), "{:?}", state.uris);
}

#[tokio::test]
async fn a_redirect_above_the_layer_is_followed_with_a_new_proof() {
    let socket = Socket::demanding().await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let service = ServiceBuilder::new()
        .layer(FollowRedirectLayer::new())
        .layer(socket.layer(dpop()))
        .service(client);
    let request = Request::get(socket.url("/redirect")).body(Full::default()).unwrap();
    assert_eq!(service.oneshot(request).await.unwrap().status(), 200);
    let state = socket.server.state();
    assert_eq!(state.wrong, <[&str; 0]>::default());
    assert_eq!(state.uris.last().unwrap(), &socket.url("/arrived"));
}
