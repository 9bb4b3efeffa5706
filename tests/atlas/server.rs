//! The embedded server itself, so that tests can rely on it.

use bytes::Bytes;
use http::request::Builder;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;
use tower_outbound_auth::testkit::{AtlasServer, ManualClock};

use super::{Setup, http, secs, until};

/// Without the layer.
async fn send(request: Builder) -> Response<Bytes> {
    let request = request.body(Full::default()).unwrap();
    let (head, body) = http().oneshot(request).await.unwrap().into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

fn exchange(server: &AtlasServer) -> Builder {
    Request::post(server.endpoint())
        .header("Client-Id", server.client_id())
        .header("Client-Secret", server.client_secret())
}

async fn token(server: &AtlasServer) -> String {
    let answer: serde_json::Value =
        serde_json::from_slice(send(exchange(server)).await.body()).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn credentials_are_checked_as_by_atlas() {
    let server = AtlasServer::start().await.unwrap();
    let missing = r#"{"error":"Missing Client-Id or Client-Secret"}"#;
    let invalid = r#"{"error":"Invalid credentials"}"#;
    let request = || Request::post(server.url("/any/authtoken"));
    let (id, secret) = (server.client_id(), server.client_secret());
    for (request, status, body) in [
        (request(), 400, missing),
        (request().header("Client-Id", id), 400, missing),
        (request().header("Client-Secret", secret), 400, missing),
        (request().header("Client-Id", id).header("Client-Secret", "x"), 401, invalid),
        (request().header("Client-Id", "x").header("Client-Secret", secret), 401, invalid),
        (exchange(&server).header("Client-Id", id), 400, missing),
    ] {
        let answer = send(request).await;
        assert_eq!((answer.status().as_u16(), &answer.body()[..]), (status, body.as_bytes()));
    }
    let counts = server.counts();
    assert_eq!((counts.exchanges, counts.exchanges_succeeded, counts.requests), (6, 0, 0));
}

#[tokio::test]
async fn the_api_accepts_only_a_valid_token_of_this_server() {
    let (clock, other) = (ManualClock::new(), AtlasServer::start().await.unwrap());
    let server = AtlasServer::start().await.unwrap().with_clock(clock.clone()).with_lifetime(3);
    let request = || Request::get(server.url("/documents"));
    let (good, foreign) = (token(&server).await, token(&other).await);
    for (request, status) in [
        (request(), 401),
        (request().header("Token", "abc"), 401),
        (request().header("Token", foreign), 401),
        (request().header("Token", format!("Bearer {good}")), 401),
        (request().header("Authorization", format!("Bearer {good}")), 401),
        (request().header("Token", &good).header("Token", &good), 401),
        (request().header("Token", &good), 200),
    ] {
        assert_eq!(send(request).await.status().as_u16(), status);
    }
    clock.advance(secs(3));
    assert_eq!(send(request().header("Token", &good)).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_server_stops_with_its_last_handle() {
    let setup = Setup::new().await;
    setup.get("/documents").await.unwrap();
    let (url, clone) = (setup.server.url("/"), setup.server.clone());
    let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let connects = || std::net::TcpStream::connect(&address).is_ok();
    drop(setup);
    tokio::task::yield_now().await;
    assert!(connects(), "one handle is left, so the server still runs");
    drop(clone);
    until(|| !connects()).await;
}

#[tokio::test]
async fn debug_of_the_server_shows_no_secret() {
    let setup = Setup::new().await;
    setup.get("/documents").await.unwrap();
    let (requests, exchanges) = (setup.server.requests(), setup.server.exchange_requests());
    let shown = format!("{:?} {requests:?} {exchanges:?}", setup.server);
    let token = setup.source.token().await.unwrap();
    assert!(!shown.contains(token.expose()) && !shown.contains(setup.server.client_secret()));
    assert!(shown.contains("client-secret"), "the names of the headers are shown: {shown}");
}

#[tokio::test]
async fn the_last_thousand_requests_are_remembered() {
    let setup = Setup::new().await;
    for number in 0..1_003 {
        setup.get(&format!("/{number}")).await.unwrap();
    }
    let requests = setup.server.requests();
    assert_eq!((requests.len(), &requests[0].path[..]), (1_000, "/3"));
    assert_eq!(setup.server.counts().requests, 1_003);
}
