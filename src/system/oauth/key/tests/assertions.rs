//! Assertions, as a credential gives them.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use super::{decoded, is_signed_by, key, parts, text, vector};
use crate::clock::Now;
use crate::credential::Credential;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::secret::Secret;
use crate::system::oauth::key::assertion::{Assertion, Signer};
use crate::system::oauth::key::client_claims::client;
use crate::system::oauth::key::jwt_key::JwtKey;
use crate::system::oauth::key::provider_claims::app_store_connect;

fn claims() -> crate::system::oauth::key::claims::ClaimSet {
    client("billing", "https://idp.example")
}

fn now() -> Now {
    Now::new(Duration::ZERO, UNIX_EPOCH + Duration::from_secs(1_700_000_000))
}

async fn made(assertion: &Assertion) -> Result<Secret, ExchangeError> {
    assertion.make(now(), &Credential::current).await
}

#[tokio::test]
async fn each_assertion_has_128_other_random_bits() {
    let assertion = Assertion::signed_by(JwtKey::new(text("/key_files/good/p256_sec1")), claims());
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        let jwt = made(&assertion).await.unwrap();
        assert!(is_signed_by(jwt.expose(), vector("/rfc7515_a3/jwk")));
        let claims: Value = serde_json::from_str(&parts(jwt.expose())[1]).unwrap();
        assert_eq!(claims["iat"], 1_700_000_000);
        let bits = decoded(claims["jti"].as_str().unwrap());
        assert_eq!(bits.len(), 16);
        assert!(seen.insert(bits));
    }
    for byte in 0..16 {
        let values: BTreeSet<_> = seen.iter().map(|bits| bits[byte]).collect();
        assert!(values.len() > 50, "byte {byte} has only {} values", values.len());
    }
}

#[test]
fn an_rsa_key_signs_on_another_thread() {
    let builder = &mut tokio::runtime::Builder::new_current_thread();
    let runtime = builder.max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let rsa = JwtKey::new(text("/key_files/good/rsa_pkcs8"));
        let assertion = Assertion::signed_by(rsa, claims());
        // The only other thread is occupied, so nothing can be signed there now.
        let (free, occupied) = std::sync::mpsc::channel::<()>();
        let other = tokio::task::spawn_blocking(move || occupied.recv());
        let mut slow = Box::pin(made(&assertion));
        assert!(futures::poll!(&mut slow).is_pending());
        // An EC key needs no thread.
        let fast = Assertion::signed_by(JwtKey::new(text("/key_files/good/p256_sec1")), claims());
        assert!(futures::poll!(Box::pin(made(&fast))).is_ready());
        drop(free);
        other.await.unwrap().unwrap_err();
        let jwt = slow.await.unwrap();
        assert!(is_signed_by(jwt.expose(), vector("/rfc7515_a2/jwk")));
    });
}

#[test]
fn an_rsa_key_outside_a_runtime_is_an_error() {
    let assertion = Assertion::signed_by(JwtKey::new(text("/key_files/good/rsa_pkcs8")), claims());
    let error = futures::executor::block_on(made(&assertion)).unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::Configuration);
    assert!(error.to_string().contains("no tokio runtime"), "{error}");
}

#[tokio::test]
async fn a_key_or_a_secret_that_cannot_sign_is_a_configuration_error_without_its_text() {
    let by_key = |key: &str| Assertion::signed_by(JwtKey::new(key), claims());
    let by_secret =
        |secret: &str| Assertion::new(Signer::Secret(Credential::from(secret)), claims());
    let p256 = text("/key_files/good/p256_sec1");
    for (assertion, says) in [
        (by_key("hunter2"), "the private key in value: the text has no private key"),
        (by_secret("hunter2"), "fewer than 32 bytes"),
        (
            Assertion::signed_by(
                JwtKey::new(text("/key_files/good/rsa_pkcs8")),
                app_store_connect("x"),
            ),
            "in value: the provider accepts only EC P-256 keys (ES256), and this one makes RS256 signatures",
        ),
        (
            Assertion::signed_by(JwtKey::new(Credential::file("/not/there")), claims()),
            "is it among the credentials of the Grant",
        ),
        (by_key(&p256[..100]), "no line `-----END"),
    ] {
        let error = made(&assertion).await.unwrap_err();
        assert_eq!(error.kind(), ExchangeErrorKind::Configuration);
        let shown = format!("{error} {error:?} {assertion:?}");
        assert!(shown.contains(says) && !shown.contains("hunter2"), "{shown}");
        assert!(!shown.contains("MHcCAQEE"), "{shown}");
    }
}

#[tokio::test]
async fn a_credential_of_an_assertion_shows_neither_the_key_nor_the_assertion() {
    let assertion = Assertion::signed_by(JwtKey::new(text("/key_files/good/p256_sec1")), claims());
    let credential = assertion.credential();
    let jwt = credential.read().await.unwrap();
    assert!(is_signed_by(jwt.expose(), vector("/rfc7515_a3/jwk")));
    let shown = format!("{assertion:?} {credential:?} {:?} {jwt:?}", key("rfc7515_a3"));
    let (_, signature) = jwt.expose().rsplit_once('.').unwrap();
    let d = text("/rfc7515_a3/jwk/d");
    for secret in [signature, &d[..8], "MHcCAQEE"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
