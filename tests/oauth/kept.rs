//! A refresh token that is kept, of a client with two keys: it is sent again only if the endpoint has not looked at it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tower_outbound_auth::store::MemoryStore;
use tower_outbound_auth::system::{JwtKey, OAuthClient, OAuthGrant};

use crate::assertions::P256;
use crate::keys::{ED25519, signer, signers};
use crate::{Endpoint, Sent, builder, source};

fn client() -> OAuthClient {
    OAuthClient::with_key("billing", JwtKey::new(P256)).previous_key(JwtKey::new(ED25519))
}

fn algorithm(sent: &Sent) -> &'static str {
    signer(&sent.param("client_assertion"))
}

fn refused(code: &str) -> (u16, String) {
    (401, format!(r#"{{"error":"{code}"}}"#))
}

fn token(refresh_token: &str) -> (u16, String) {
    let life = r#""expires_in":300"#;
    (200, format!(r#"{{"access_token":"t","refresh_token":"{refresh_token}",{life}}}"#))
}

#[tokio::test]
async fn a_login_that_is_refused_is_not_shown_with_the_other_key() {
    let endpoint = Endpoint::judging(|_| refused("invalid_grant"));
    let grant = OAuthGrant::RefreshToken("r1".into());
    let (source, _) = source(builder().client(client()).grant(grant), &endpoint);
    source.token().await.unwrap_err();
    assert_eq!(signers(&endpoint.sent()), ["ES256"]);
}

#[tokio::test]
async fn a_login_of_a_client_that_is_refused_is_shown_with_the_other_key() {
    let endpoint = Endpoint::judging(|sent| match algorithm(sent) {
        "EdDSA" => token("r2"),
        _ => refused("invalid_client"),
    });
    let grant = OAuthGrant::RefreshToken("r1".into());
    let (source, _) = source(builder().client(client()).grant(grant), &endpoint);
    source.token().await.unwrap();
    assert_eq!(signers(&endpoint.sent()), ["ES256", "EdDSA"]);
    assert!(endpoint.sent().iter().all(|sent| sent.param("refresh_token") == "r1"));
}

/// The endpoint accepts the current key at first. Returns the requests after it has ceased to.
async fn after_a_change(code: &'static str) -> Vec<Sent> {
    let is_old = Arc::new(AtomicBool::new(true));
    let old = is_old.clone();
    let endpoint = Endpoint::judging(move |sent| match algorithm(sent) {
        "ES256" if !old.load(Ordering::Relaxed) => refused(code),
        _ => token("r1"),
    });
    let (first, clock) = source(builder().client(client()).refresh_tokens(), &endpoint);
    let source = first.to_builder().store(MemoryStore::new()).build();
    source.token().await.unwrap();
    is_old.store(false, Ordering::Relaxed);
    clock.advance(Duration::from_secs(301));
    let _ = source.token().await;
    endpoint.sent()[1..].to_vec()
}

#[tokio::test]
async fn a_kept_refresh_token_of_a_client_that_is_refused_is_shown_with_the_other_key() {
    let sent = after_a_change("invalid_client").await;
    assert_eq!(signers(&sent), ["ES256", "EdDSA"]);
    assert!(sent.iter().all(|sent| sent.param("refresh_token") == "r1"));
}

#[tokio::test]
async fn a_kept_refresh_token_that_is_refused_is_shown_once() {
    let sent = after_a_change("invalid_grant").await;
    let shown = sent.iter().filter(|sent| sent.param("grant_type") == "refresh_token");
    assert_eq!(shown.count(), 1);
}
