//! New tokens that are not adopted: the caller does not notice, and the next request succeeds.

use http::StatusCode;
use serde_json::json;
use tower_outbound_auth::testkit::RotatingServer;
use tower_outbound_auth::token::NotAdopted;

use super::{Setup, secs, token_of, unsigned};

/// Ten seconds after the first token, a response brings a token with the usual claims, changed by `make`.
/// It is not adopted, for this reason.
async fn not_adopted(why: NotAdopted, make: impl AsyncFn(&Setup) -> Vec<String>) {
    let setup = Setup::new().await;
    let current = setup.source.token().await.unwrap().expose().to_owned();
    setup.clock.advance(secs(10));

    setup.server.hand_out(Some(make(&setup).await));
    let response = setup.post("/orders", "an order").await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.body(), r#"{"length":8,"method":"POST","path":"/orders"}"#);
    let counters = setup.counters();
    assert_eq!(counters.rotations_not_adopted_for(why), 1, "{counters:?}");
    assert_eq!((counters.rotations_adopted, counters.rotations_not_adopted()), (0, 1));

    setup.server.hand_out(None);
    setup.good().await;
    assert_eq!(token_of(setup.server.requests().last().unwrap()), current);
    setup.good().await;
    assert_eq!(setup.counters().rotations_adopted, 2, "correct tokens are adopted");
    let counts = setup.server.counts();
    assert_eq!((counts.exchanges, counts.refused), (1, 0));
}

/// Like [`not_adopted`], for a token with one wrong claim.
async fn not_adopted_with(why: NotAdopted, claim: &str, value: serde_json::Value) {
    let make = async |setup: &Setup| {
        let mut claims = setup.claims();
        claims[claim] = value.clone();
        vec![format!("Bearer {}", setup.sign(&claims))]
    };
    not_adopted(why, make).await;
}

/// 2025-01-01, the first time of the clock. New tokens come ten seconds later.
const T0: u64 = 1_735_689_600;

#[tokio::test]
async fn a_successor_without_a_flaw_is_adopted() {
    let setup = Setup::new().await;
    setup.good().await;
    setup.clock.advance(secs(10));
    let successor = setup.sign(&setup.claims());
    setup.server.hand_out(Some(vec![format!("Bearer {successor}")]));
    setup.good().await;
    assert_eq!(setup.source.token().await.unwrap().expose(), successor);
}

#[tokio::test]
async fn a_successor_with_another_issuer_subject_or_audience_is_not_adopted() {
    not_adopted_with(NotAdopted::OtherClaims, "sub", json!("another")).await;
    not_adopted_with(NotAdopted::OtherClaims, "iss", json!("https://another.example")).await;
    not_adopted_with(NotAdopted::OtherClaims, "aud", json!("another api")).await;
    not_adopted_with(NotAdopted::OtherClaims, "aud", json!(["api", "another api"])).await;
}

#[tokio::test]
async fn an_expired_successor_is_not_adopted() {
    // Seconds from the token's issue, ten seconds later: it has expired, or has no life.
    not_adopted_with(NotAdopted::LivesTooLong, "exp", json!(T0 + 10)).await;
    not_adopted_with(NotAdopted::LivesTooLong, "exp", json!(T0 - 1)).await;
    not_adopted(NotAdopted::Ended, async |setup| {
        let mut claims = setup.claims();
        (claims["iat"], claims["exp"]) = (json!(T0 - 60), json!(T0 + 9));
        vec![setup.sign(&claims)]
    })
    .await;
}

#[tokio::test]
async fn a_successor_from_the_future_is_not_adopted() {
    let make = async |setup: &Setup| {
        let mut claims = setup.claims();
        (claims["iat"], claims["exp"]) = (json!(T0 + 10 + 120), json!(T0 + 10 + 120 + 3_600));
        vec![setup.sign(&claims)]
    };
    not_adopted(NotAdopted::NotYetIssued, make).await;
}

#[tokio::test]
async fn a_successor_with_a_longer_life_is_not_adopted() {
    not_adopted_with(NotAdopted::LivesTooLong, "exp", json!(T0 + 10 + 3_661)).await;
    not_adopted_with(NotAdopted::LivesTooLong, "exp", json!(T0 + 1_000_000_000)).await;
    not_adopted_with(NotAdopted::LivesTooLong, "exp", json!(null)).await;
}

#[tokio::test]
async fn an_unsigned_successor_is_not_adopted() {
    for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS256"}"#, r#"{"alg":"RS256"}"#] {
        let make = async |setup: &Setup| vec![unsigned(header, &setup.claims())];
        not_adopted(NotAdopted::BadSignature, make).await;
    }
    let stripped = async |setup: &Setup| {
        let token = unsigned(r#"{"alg":"none"}"#, &setup.claims());
        vec![token[..=token.rfind('.').unwrap()].to_owned()]
    };
    not_adopted(NotAdopted::BadSignature, stripped).await;
}

#[tokio::test]
async fn a_successor_that_another_key_signed_is_not_adopted() {
    let make = async |setup: &Setup| {
        let other = RotatingServer::start().await.unwrap();
        let other = other.with_client(setup.server.client_id(), "another secret of 32 bytes, here");
        vec![format!("Bearer {}", other.sign(&setup.claims().to_string()))]
    };
    not_adopted(NotAdopted::BadSignature, make).await;
}

#[tokio::test]
async fn a_successor_of_more_than_16_kib_is_not_adopted() {
    not_adopted_with(NotAdopted::TooLong, "padding", json!("x".repeat(16 * 1024))).await;
}

#[tokio::test]
async fn two_different_successors_are_not_adopted() {
    let make = async |setup: &Setup| {
        let mut claims = setup.claims();
        let one = setup.sign(&claims);
        claims["jti"] = json!("another");
        vec![one, setup.sign(&claims)]
    };
    not_adopted(NotAdopted::Ambiguous, make).await;
}

#[tokio::test]
async fn a_successor_that_is_no_jwt_is_not_adopted() {
    for text in ["Bearer opaque", "Basic dXNlcjpwYXNz", "Bearer", "a b c"] {
        not_adopted(NotAdopted::Malformed, async |_| vec![text.to_owned()]).await;
    }
}
