//! What callers get when no token can be obtained.

use std::error::Error as _;

use bytes::Bytes;
use http::StatusCode;
use tower::Layer;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::testkit::{AtlasServer, MalformedAnswer, ServerCounts};
use tower_outbound_auth::{AuthLayer, Error, ErrorKind};

use super::{Setup, http, secs, until};

/// The texts of an error, as a program may print it.
fn all_texts(error: &Error) -> String {
    let mut texts = format!("{error:?} {error:#?}");
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        texts += &format!(" {error} {error:?}");
        next = error.source();
    }
    texts
}

fn assert_nothing_secret(texts: &str, setup: &Setup) {
    for secret in [setup.server.client_secret(), MalformedAnswer::CANARY] {
        assert!(!texts.contains(secret), "{texts}");
    }
}

#[tokio::test]
async fn refused_credentials_are_a_typed_error_and_are_tried_rarely() {
    let setup = Setup::new().await;
    setup.server.refuse_credentials(true);
    for _ in 0..10 {
        let (error, exchange) = setup.no_token().await;
        assert_eq!(
            (error.kind(), exchange.kind()),
            (ErrorKind::Exchange, ExchangeErrorKind::Refused)
        );
        assert_eq!(exchange.status(), Some(StatusCode::UNAUTHORIZED));
        assert_eq!(exchange.code(), Some("Invalid_credentials"));
        assert!(!error.is_transient());
        assert_nothing_secret(&all_texts(&error), &setup);
    }
    assert_eq!((setup.exchanges(), setup.server.counts().requests), (1, 0));

    setup.server.refuse_credentials(false);
    setup.clock.advance(secs(7));
    setup.no_token().await;
    setup.clock.advance(secs(3));
    assert_eq!(setup.get("/documents").await.unwrap().status(), StatusCode::OK);
    assert_eq!(setup.exchanges(), 2);
}

#[tokio::test]
async fn missing_credentials_count_as_refused() {
    let setup = Setup::new().await;
    let body = r#"{"error": "Missing Client-Id or Client-Secret"}"#;
    let answer = MalformedAnswer::Custom(StatusCode::BAD_REQUEST, Bytes::from(body));
    setup.server.set_malformed(Some(answer.clone()));
    let (_, exchange) = setup.no_token().await;
    assert_eq!(exchange.kind(), ExchangeErrorKind::Refused);
    assert_eq!(exchange.code(), Some("Missing_Client-Id_or_Client-Secret"));
}

#[tokio::test]
async fn an_error_that_is_not_in_atlas_s_format_is_an_outage() {
    let words = ["", "Blocked", "<h1>400</h1>", "{}", "null", r#"{"error": {"code": 7}}"#];
    for status in [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED] {
        for words in words {
            let setup = Setup::new().await;
            let answer = MalformedAnswer::Custom(status, Bytes::from(words));
            setup.server.set_malformed(Some(answer.clone()));
            let (error, exchange) = setup.no_token().await;
            assert_eq!(exchange.kind(), ExchangeErrorKind::Unavailable, "{status} {words}");
            assert_eq!((exchange.status(), exchange.code()), (Some(status), None));
            assert!(error.is_transient());
        }
    }
}

#[tokio::test]
async fn an_answer_without_a_usable_token_is_malformed_and_shown_nowhere() {
    for answer in MalformedAnswer::ALL {
        let setup = Setup::new().await;
        setup.server.set_malformed(Some(answer.clone()));
        let (error, exchange) = setup.no_token().await;
        assert_eq!(exchange.kind(), ExchangeErrorKind::Malformed, "{answer:?}: {exchange}");
        assert!(error.is_transient());
        let (source, api) = (&setup.source, &setup.api);
        let texts = format!("{} {source:?} {api:?} {exchange:?}", all_texts(&error));
        assert_nothing_secret(&texts, &setup);
        assert_eq!(setup.server.counts().requests, 0, "without a token nothing is sent");

        setup.server.set_malformed(None);
        setup.clock.advance(secs(1));
        assert_eq!(setup.get("/documents").await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn an_answer_of_more_than_256_kib_is_an_error() {
    let setup = Setup::new().await;
    setup.server.set_malformed(Some(MalformedAnswer::Huge));
    let (_, exchange) = setup.no_token().await;
    assert!(exchange.to_string().contains("longer than 256 KiB"), "{exchange}");

    let setup = Setup::new().await;
    let mut just_so = br#"{"access_token":"opaque","expires_in":3600}"#.to_vec();
    just_so.resize(256 * 1024, b' ');
    let answer = MalformedAnswer::Custom(StatusCode::OK, just_so.into());
    setup.server.set_malformed(Some(answer.clone()));
    assert_eq!(setup.source.token().await.unwrap().expose(), "opaque");
}

#[tokio::test]
async fn a_redirect_of_the_token_endpoint_is_not_followed() {
    let (setup, other) = (Setup::new().await, AtlasServer::start().await.unwrap());
    for (tried, status) in [302, 307, 308].into_iter().enumerate() {
        let status = StatusCode::from_u16(status).unwrap();
        setup.server.redirect_path("/v1/docstream/authtoken", status, &other.endpoint());
        let (_, exchange) = setup.no_token().await;
        assert_eq!(exchange.kind(), ExchangeErrorKind::Unavailable);
        assert_eq!(exchange.status(), Some(status));
        assert_eq!(setup.exchanges(), tried + 1);
        setup.clock.advance(secs(30));
    }
    assert_eq!(other.counts(), ServerCounts::default());
}

#[tokio::test]
async fn a_token_endpoint_without_a_listener_is_unreachable() {
    let setup = Setup::new().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/authtoken", listener.local_addr().unwrap());
    drop(listener);
    let layer = AuthLayer::atlas(endpoint, "id", setup.server.client_secret()).unwrap();
    let layer = layer.with_origin(setup.server.origin());
    let setup = Setup { api: layer.layer(http()), ..setup };

    let (error, exchange) = setup.no_token().await;
    assert_eq!(exchange.kind(), ExchangeErrorKind::Unreachable);
    let mut cause = exchange.source();
    let system = loop {
        let below = cause.expect("what the system said");
        match below.downcast_ref::<std::io::Error>() {
            Some(system) => break system.kind(),
            None => cause = below.source(),
        }
    };
    assert_eq!(system, std::io::ErrorKind::ConnectionRefused);
    assert!(error.is_transient() && error.retry_after() <= Some(secs(1)));
    assert_nothing_secret(&all_texts(&error), &setup);
    assert_eq!(setup.server.counts(), ServerCounts::default());
}

#[tokio::test]
async fn a_token_endpoint_that_does_not_answer_is_waited_for_ten_seconds() {
    let setup = Setup::new().await;
    setup.server.delay_exchanges(secs(60));
    let time = async {
        until(|| setup.exchanges() == 1).await;
        setup.clock.advance(secs(10));
    };
    let ((_, exchange), ()) = tokio::join!(setup.no_token(), time);
    assert_eq!(exchange.kind(), ExchangeErrorKind::Timeout);
}

#[tokio::test]
async fn no_exchange_is_made_before_the_retry_after_of_an_outage() {
    let setup = Setup::new().await;
    setup.server.begin_outage(Some(secs(44)));
    let (error, exchange) = setup.no_token().await;
    assert_eq!(exchange.status(), Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(error.retry_after(), Some(secs(44)));

    setup.server.end_outage();
    setup.clock.advance(secs(43));
    setup.no_token().await;
    assert_eq!(setup.exchanges(), 1);
    setup.clock.advance(secs(1));
    assert_eq!(setup.get("/documents").await.unwrap().status(), StatusCode::OK);
}
