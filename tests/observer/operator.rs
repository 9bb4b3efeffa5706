//! What an operator gets from the routes of the example `axum_proxy`, over a socket.

use http::StatusCode;
use http::Uri;
use http_body_util::BodyExt;
use tokio::net::TcpListener;
use tower_outbound_auth::TokenSource;
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::ScriptedExchange;

use crate::{http, secs};

#[path = "../../examples/axum_proxy/operator.rs"]
mod routes;

async fn ask(url: &str) -> (StatusCode, String) {
    let response = http().get(url.parse::<Uri>().unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    (head.status, String::from_utf8(body.collect().await.unwrap().to_bytes().into()).unwrap())
}

#[tokio::test]
async fn readiness_is_a_503_with_the_reason_until_there_is_a_token() {
    let exchange = ScriptedExchange::new().with_lifetime(secs(3_600));
    exchange.fail_next(1, ExchangeError::new(ExchangeErrorKind::Unavailable, "down for repairs"));
    let source = TokenSource::new(HeaderScheme::bearer(), exchange);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = routes::routes(source.clone().erased());
    tokio::spawn(async { axum::serve(listener, app).await });

    source.token().await.unwrap_err();
    let (status, text) = ask(&format!("{url}/ready")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains("the last error: ") && text.contains("down for repairs"), "{text}");

    source.retry_now();
    source.token().await.unwrap();
    let (status, text) = ask(&format!("{url}/ready")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.starts_with("the token is fresh and expires in 3"), "{text}");
    let (status, text) = ask(&format!("{url}/status")).await;
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &json["state"]), (StatusCode::OK, &"fresh".into()));
    assert_eq!(json["counters"]["exchanges_failed"], 1);
}
