//! Exchanged tokens that were not signed with the client secret.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::future::join_all;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::json;
use tower::service_fn;
use tower_outbound_auth::endpoint::{ExchangeAnswer, Grant, Step};
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::scheme::Presentation;
use tower_outbound_auth::system::Rotating;
use tower_outbound_auth::testkit::RotatingServer;
use tower_outbound_auth::{BoxError, Credential, ErrorKind, TokenSource};

use super::{Setup, all_texts, layer, secs, unsigned, until};

/// An API that signs with its own key instead of the client secret.
async fn with_a_key_of_its_own(options: impl FnOnce(Rotating) -> Rotating) -> Setup {
    let server = RotatingServer::start().await.unwrap();
    let scheme =
        Rotating::new(&server.api_root(), server.client_id(), "another secret, of 32 bytes");
    let setup = Setup::of(server, layer(options(scheme.unwrap())));
    setup.answer_exchanges(setup.sign(&setup.claims()));
    setup
}

#[tokio::test]
async fn a_token_that_cannot_be_verified_is_an_error_of_configuration_for_all_callers_at_once() {
    let setup = with_a_key_of_its_own(|scheme| scheme).await;
    setup.server.delay_exchanges(secs(1));
    let server = async {
        until(|| setup.exchanges() == 1 && setup.source.status().waiters == 100).await;
        setup.clock.advance(secs(1));
    };
    let (errors, ()) = tokio::join!(join_all((0..100).map(|_| setup.no_token())), server);
    for (error, exchange) in errors {
        assert_eq!(
            (error.kind(), exchange.kind()),
            (ErrorKind::Exchange, ExchangeErrorKind::Configuration)
        );
        assert!(!error.is_transient());
        assert!(exchange.to_string().contains("danger_without_verification"), "{exchange}");
    }
    let counts = setup.server.counts();
    assert_eq!((counts.exchanges, counts.requests), (1, 0), "the token was never sent");
}

#[tokio::test]
async fn after_a_token_that_cannot_be_verified_exchanges_are_rare() {
    let setup = with_a_key_of_its_own(|scheme| scheme).await;
    setup.no_token().await;
    for _ in 0..7 {
        setup.clock.advance(secs(1));
        setup.no_token().await;
    }
    assert_eq!(setup.exchanges(), 1);
    setup.clock.advance(secs(3));
    setup.no_token().await;
    assert_eq!(setup.exchanges(), 2);
}

#[tokio::test]
async fn without_verification_such_an_api_works() {
    let setup = with_a_key_of_its_own(Rotating::danger_without_verification).await;
    for _ in 0..3 {
        setup.good().await;
        setup.clock.advance(secs(10));
    }
    assert_eq!((setup.exchanges(), setup.counters().rotations_adopted), (1, 3));
}

#[tokio::test]
async fn an_error_of_verification_says_what_is_wrong_and_shows_no_part_of_the_token() {
    for (token, what) in [
        (r#"{"alg":"HS256"}"#, "the client secret is not the key"),
        (r#"{"alg":"HS512"}"#, "the client secret is not the key"),
        (r#"{"alg":"RS256"}"#, "not signed with HS256, HS384 or HS512"),
        (r#"{"alg":"none"}"#, "not signed with HS256, HS384 or HS512"),
        ("", "it is no JWT"),
    ] {
        let setup = Setup::new().await;
        let token = match token {
            "" => "opaque-0123456789".to_owned(),
            header => unsigned(header, &setup.claims()),
        };
        setup.answer_exchanges(token.clone());
        let (error, exchange) = setup.no_token().await;
        assert_eq!(exchange.kind(), ExchangeErrorKind::Configuration);
        assert!(exchange.to_string().contains(what), "{exchange}");
        let texts = all_texts(&error);
        for part in token.split('.') {
            assert!(!texts.contains(part), "{texts}");
        }

        let believing = Setup::with(Rotating::danger_without_verification).await;
        believing.answer_exchanges(token.clone());
        assert_eq!(believing.source.token().await.unwrap().expose(), token);
    }
}

/// Some APIs have "OK" in the body and the token in a header.
#[tokio::test]
async fn of_several_texts_that_may_be_the_token_the_signed_one_is_used() {
    let server = RotatingServer::start().await.unwrap();
    let scheme = Rotating::new(&server.api_root(), "key", server.client_secret()).unwrap();
    let token = server.sign(r#"{"sub":"somebody","exp":4102444800}"#);
    for body in ["OK", r#""success""#, r#"{"token":"7"}"#, "{}", ""] {
        let answer = Response::builder().header("authorization", format!("Bearer {token}"));
        let answer = ExchangeAnswer::new(answer.body(Bytes::from(body)).unwrap());
        match scheme.read(answer).unwrap() {
            Step::Issued(issued) => assert_eq!(issued.access_token().expose(), token, "{body}"),
            other => panic!("{other:?}"),
        }
    }
}

/// The secret changes between the exchanges of two sources with one scheme.
#[tokio::test]
async fn the_successors_of_a_token_are_verified_by_the_secret_of_its_own_exchange() {
    const SECRETS: [&str; 2] =
        ["the first secret, of 32 bytes ..", "the second secret, of 32 bytes ."];
    let current = Arc::new(AtomicUsize::new(0));
    let read = current.clone();
    let secret = Credential::from_fn(move || Ok(SECRETS[read.load(Ordering::SeqCst)].into()));
    let server = RotatingServer::start().await.unwrap();
    let scheme = Arc::new(Rotating::new(&server.api_root(), server.client_id(), secret).unwrap());
    let claims = json!({"iss": "issuer", "iat": 1_700_000_000}).to_string();
    for (nth, secret) in SECRETS.into_iter().enumerate() {
        current.store(nth, Ordering::SeqCst);
        let issuer = RotatingServer::start().await.unwrap().with_client("key", secret);
        let token = issuer.sign(&claims);
        let client = service_fn(move |_: Request<Full<Bytes>>| {
            let answer = Response::new(Full::new(Bytes::from(token.clone())));
            async { Ok::<_, BoxError>(answer) }
        });
        TokenSource::over_http(scheme.clone(), client).token().await.unwrap();
        assert!(
            scheme.is_authentic(&issuer.sign(&claims).into()),
            "the last exchange's secret verifies the token"
        );
    }
    let first = RotatingServer::start().await.unwrap().with_client("key", SECRETS[0]);
    assert!(
        scheme.is_authentic(&first.sign(&claims).into()),
        "the previous exchange's secret verifies the token"
    );
    let other = RotatingServer::start()
        .await
        .unwrap()
        .with_client("key", "another of 32 bytes ...........");
    assert!(!scheme.is_authentic(&other.sign(&claims).into()));
}
