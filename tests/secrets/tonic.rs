//! gRPC: the texts of a status, and the logs of tonic and h2 about a call.

use std::time::Duration;

use bytes::Bytes;
use tonic::{Code, Request, Status};
use tower::Layer;
use tower_outbound_auth::system::ClientCredentials;
use tower_outbound_auth::testkit::{MalformedAnswer, OAuthServer};
use tower_outbound_auth::{AuthLayer, Error, ErrorKind, Origin};

use crate::canary::{Canaries, shown, texts_of};
use crate::echo::EchoClient;
use crate::grpc_server::GrpcServer;
use crate::log_of_all;

const SECRET: &str = "canary-secret-of-grpc";

fn said(status: &Status) -> String {
    let parts = [status.message().as_bytes(), status.details()].concat();
    let parts = String::from_utf8_lossy(&parts).into_owned();
    let code = status.code();
    shown(status) + &texts_of(status) + &parts + &format!("{code} {:?}", status.metadata())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_a_status_nor_the_log_of_a_call_shows_a_secret() {
    log_of_all();
    let server = GrpcServer::start().await;
    let oauth = OAuthServer::start().await.unwrap().with_client("the-client", SECRET);
    let scheme = ClientCredentials::new(oauth.endpoint(), "the-client", SECRET).unwrap();
    let endpoint = scheme.endpoint().clone();
    let layer = AuthLayer::for_endpoint(scheme, &endpoint).unwrap().with_origin(Origin::relative());
    let source = layer.source().clone();
    let mut echo = EchoClient::new(layer.for_tonic().layer(server.channel().await));

    let mut texts = String::new();
    let mut canaries = Canaries::of([SECRET, MalformedAnswer::CANARY]);
    let mut remember = async || canaries.add(source.token().await.unwrap().expose());
    // All outcomes of a call: an answer, a refusal after which it is sent again, a refusal for the
    // caller, a denial.
    assert_eq!(echo.call("Unary", "hello").await.unwrap(), "hello");
    remember().await;
    server.ledger.revoke(&server.ledger.tokens()[0]);
    assert_eq!(echo.call("Unary", "again").await.unwrap(), "again");
    remember().await;
    texts += &said(&echo.call("Denied", "x").await.unwrap_err());
    let refused = server.ledger.tokens().pop().unwrap();
    server.ledger.revoke(&refused);
    oauth.begin_outage(None);
    texts += &said(&echo.call("Unary", "x").await.unwrap_err());
    oauth.end_outage();

    // Without a token, the status is ours.
    for (answer, code) in [
        (
            r#"{"error":"invalid_client","error_description":"canary-secret-of-grpc"}"#,
            Code::Unauthenticated,
        ),
        (r#"{"error":"canary-secret-of-grpc"}"#, Code::Unavailable),
        (
            r#"{"access_token":{"canary-secret-of-grpc":"canary-secret-of-grpc"}}"#,
            Code::Unavailable,
        ),
    ] {
        let status = if answer.contains("access_token") { 200 } else { 401 };
        let status = http::StatusCode::from_u16(status).unwrap();
        oauth.set_malformed(Some(MalformedAnswer::Custom(status, Bytes::from(answer))));
        let scheme = ClientCredentials::new(oauth.endpoint(), "the-client", SECRET).unwrap();
        let layer = AuthLayer::for_endpoint(scheme, &endpoint).unwrap();
        let layer = layer.with_origin(Origin::relative()).for_tonic();
        let mut echo = EchoClient::new(layer.layer(server.channel().await));
        let status = echo.call("Unary", "x").await.unwrap_err();
        assert_eq!(status.code(), code, "{answer}");
        assert_eq!(Error::find(&status).unwrap().kind(), ErrorKind::Exchange);
        texts += &said(&status);
    }
    // A timeout.
    oauth.set_malformed(None);
    oauth.delay_exchanges(Duration::from_secs(60));
    source.reject(&source.token().await.unwrap()).await.unwrap_err();
    let scheme = ClientCredentials::new(oauth.endpoint(), "the-client", SECRET).unwrap();
    let layer = AuthLayer::for_endpoint(scheme, &endpoint).unwrap().with_origin(Origin::relative());
    let mut echo = EchoClient::new(layer.for_tonic().layer(server.channel().await));
    let mut request = Request::new(Bytes::from("x"));
    request.set_timeout(Duration::from_millis(50));
    texts += &said(&echo.call_with("Unary", request).await.unwrap_err());

    assert!(canaries.count() > 20, "there are secrets");
    canaries.assert_absent("what was said", &texts);
    let log = log_of_all().text();
    canaries.assert_absent("the log", &log);
    assert!(log.contains("tonic") && log.contains("h2::"), "the log has events of tonic and h2");
}
