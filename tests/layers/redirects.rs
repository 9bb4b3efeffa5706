//! A redirect to a foreign server that refuses and sends a token, over real sockets. The tests check the
//! bytes that the foreign server receives.

use std::sync::{Arc, Mutex};

use http::StatusCode;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::{FollowRedirectLayer, RequestUri};
use tower_outbound_auth::system::Rotating;
use tower_outbound_auth::testkit::RotatingServer;
use tower_outbound_auth::{AuthLayer, Error, ErrorKind, Foreign, TokenSource};

use super::*;

/// A foreign server, the bytes that it received, and its address.
struct Evil {
    got: Arc<Mutex<Vec<String>>>,
    address: String,
}

/// Gives every request the same answer, and closes the connection.
async fn evil(status: &'static str) -> Evil {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let got = Arc::<Mutex<Vec<String>>>::default();
    let log = got.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n")
                && socket.read_buf(&mut request).await.unwrap() > 0
            {}
            log.lock().unwrap().push(String::from_utf8(request).unwrap());
            let answer = format!(
                "HTTP/1.1 {status}\r\nauthorization: Bearer EVIL\r\ntoken: EVIL\r\n\
                 www-authenticate: Bearer error=\"invalid_token\"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    Evil { got, address }
}

/// The API sends a token with every response, so a foreign token might be adopted.
async fn rotating() -> (RotatingServer, AuthLayer<Rotating>, TokenSource<Rotating>) {
    let server = RotatingServer::start().await.unwrap();
    let (key, secret) = (server.client_id(), server.client_secret());
    let layer = AuthLayer::rotating(&server.api_root(), key, secret).unwrap();
    let source = layer.source().clone();
    (server, layer, source)
}

fn http() -> Client<HttpConnector, Body> {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Everything that a foreign server could have changed.
fn state(source: &TokenSource<Rotating>) -> impl PartialEq + std::fmt::Debug {
    let status = source.status();
    let counters = status.counters;
    (status.generation, counters.exchanges(), counters.refusals, counters.rotations_not_adopted())
}

const ANSWERS: [(&str, u16); 2] = [("401 Unauthorized", 401), ("200 OK", 200)];

#[tokio::test]
async fn under_a_redirect_layer_the_foreign_server_gets_no_credential_and_its_answer_changes_nothing()
 {
    for (line, status) in ANSWERS {
        let ((server, layer, source), evil) = (rotating().await, evil(line).await);
        let client = ServiceBuilder::new()
            .layer(FollowRedirectLayer::new())
            .layer(layer.with_foreign(Foreign::SendUnauthenticated))
            .service(http());
        source.token().await.unwrap();
        let before = state(&source);
        for (n, code) in [302, 307, 308].into_iter().enumerate() {
            let code = StatusCode::from_u16(code).unwrap();
            server.redirect_path("/away", code, &format!("http://{}/catch", evil.address));
            let request =
                Request::get(server.url("/away")).header("x-own", "1").body(Body::default());
            let answer = client.clone().oneshot(request.unwrap()).await.unwrap();
            assert_eq!(answer.status(), status);
            assert_eq!(
                answer.headers()["authorization"],
                "Bearer EVIL",
                "a foreign answer is passed on unchanged"
            );
            let bytes =
                format!("GET /catch HTTP/1.1\r\nx-own: 1\r\nhost: {}\r\n\r\n", evil.address);
            assert_eq!(evil.got.lock().unwrap()[n..], [bytes]);
        }
        assert_eq!(state(&source), before);
        assert_eq!(server.counts().exchanges, 1);
        let request = Request::get(server.url("/fine")).body(Body::default()).unwrap();
        assert_eq!(
            client.oneshot(request).await.unwrap().status(),
            200,
            "the next request succeeds"
        );
    }
}

#[tokio::test]
async fn if_foreign_requests_are_refused_the_foreign_server_gets_no_byte() {
    let ((server, layer, source), evil) = (rotating().await, evil("401 Unauthorized").await);
    let client =
        ServiceBuilder::new().layer(FollowRedirectLayer::new()).layer(layer).service(http());
    source.token().await.unwrap();
    let before = state(&source);
    server.redirect_path("/away", StatusCode::FOUND, &format!("http://{}/catch", evil.address));
    let request = Request::get(server.url("/away")).body(Body::default()).unwrap();
    let error = client.oneshot(request).await.unwrap_err();
    assert_eq!(Error::find(&*error).unwrap().kind(), ErrorKind::ForeignOrigin);
    assert!(evil.got.lock().unwrap().is_empty());
    assert_eq!(state(&source), before);
}

/// The order that the documentation warns of. This crate cannot prevent what the redirect layer sends, but
/// the answer does no harm.
#[tokio::test]
async fn over_a_redirect_layer_the_foreign_answer_changes_nothing() {
    for (line, status) in ANSWERS {
        let ((server, layer, source), evil) = (rotating().await, evil(line).await);
        let uri = |extensions: &http::Extensions| Some(extensions.get::<RequestUri>()?.0.clone());
        let client = ServiceBuilder::new()
            .layer(layer.with_response_uri(uri))
            .layer(FollowRedirectLayer::new())
            .service(http());
        source.token().await.unwrap();
        let before = state(&source);
        server.redirect_path("/away", StatusCode::FOUND, &format!("http://{}/catch", evil.address));
        let request = Request::get(server.url("/away")).body(Body::default()).unwrap();
        let answer = client.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(evil.got.lock().unwrap().len(), 1, "it was not sent again");
        assert_eq!(state(&source), before);
        assert_ne!(source.token().await.unwrap().expose(), "EVIL");
        let request = Request::get(server.url("/fine")).body(Body::default()).unwrap();
        assert_eq!(
            client.oneshot(request).await.unwrap().status(),
            200,
            "the next request succeeds"
        );
    }
}
