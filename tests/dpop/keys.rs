//! A token and its key change together.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::future::join_all;
use http::Request;
use http_body_util::Full;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::endpoint::Grant;
use tower_outbound_auth::exchange::{ExchangeErrorKind, Identity};
use tower_outbound_auth::system::{Dpop, SigningKey};
use tower_outbound_auth::{AuthLayer, Credential, ErrorKind, Origin, TokenSource};

use super::server::{HOST, Server};
use super::{World, builder, dpop, get, world_of};

#[tokio::test]
async fn a_new_key_begins_with_the_next_token_and_no_request_mixes_the_two() {
    let dpop = dpop();
    let world = Arc::new(world_of(builder().dpop(dpop.clone())));
    world.get("/").await;
    under_load(&world, 20, || {
        let old = dpop.thumbprint();
        dpop.rotate().unwrap();
        assert_ne!(dpop.thumbprint(), old);
    })
    .await;
}

/// Twenty callers send requests, while the key is changed and the token is revoked again and again. The server checks each request:
/// the proof has the key of the token and the hash of the token.
async fn under_load(world: &Arc<World>, times: usize, change_the_key: impl Fn()) {
    let ended = Arc::new(AtomicBool::new(false));
    let callers = (0..20).map(|_| {
        let (world, ended) = (world.clone(), ended.clone());
        tokio::spawn(async move {
            while !ended.load(Ordering::SeqCst) {
                assert_eq!(world.get("/").await.status(), 200);
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    for nth in 1..=times {
        change_the_key();
        tokio::task::yield_now().await;
        world.server.revoke(&format!("t{nth}"));
        // An accepted request pays for the next renewal.
        let accepted = world.server.state().api.accepted;
        while world.server.state().issued == nth || world.server.state().api.accepted == accepted {
            tokio::task::yield_now().await;
        }
    }
    ended.store(true, Ordering::SeqCst);
    assert!(join_all(callers).await.into_iter().all(|it| it.is_ok()));
    assert_eq!(world.server.state().wrong, <[&str; 0]>::default());
    assert_eq!(world.server.state().issued, times + 1);
}

/// The file of a key, in a folder that is removed at the end of the test.
struct KeyFile(PathBuf);

impl KeyFile {
    fn new(text: &str) -> KeyFile {
        let folder = std::env::temp_dir().join(format!("toa-dpop-key-{:016x}", fastrand::u64(..)));
        std::fs::create_dir(&folder).unwrap();
        let file = KeyFile(folder);
        file.write(text);
        file
    }

    fn path(&self) -> PathBuf {
        self.0.join("dpop.pem")
    }

    /// Replaces the file in one step, as a platform does.
    fn write(&self, text: &str) {
        let new = self.0.join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.path()).unwrap();
    }

    fn dpop(&self) -> Dpop {
        Dpop::key_from(Credential::file(self.path())).unwrap()
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The PEM of a new key for ES256.
fn pem() -> String {
    let random = SystemRandom::new();
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.as_ref())
    )
}

/// A key that is too slow.
fn rsa() -> String {
    let keys: serde_json::Value =
        serde_json::from_str(include_str!("../data/oauth_keys.json")).unwrap();
    keys["rfc7515_a2"]["jwk"].to_string()
}

fn thumbprint(pem: &str) -> Option<String> {
    Some(SigningKey::parse(pem).unwrap().thumbprint())
}

#[tokio::test]
async fn a_key_file_that_changes_under_load_changes_token_and_key_together() {
    let file = KeyFile::new(&pem());
    let world = Arc::new(world_of(builder().dpop(file.dpop())));
    world.get("/").await;
    under_load(&world, 8, || file.write(&pem())).await;
    // Each token has another key.
    let keys: HashSet<_> = world.server.state().tokens.values().cloned().collect();
    assert_eq!(keys.len(), 9);
}

#[tokio::test]
async fn a_key_file_is_read_before_each_exchange_and_a_bad_one_changes_nothing() {
    let first = pem();
    let file = KeyFile::new(&first);
    let dpop = file.dpop();
    let world = world_of(builder().dpop(dpop.clone()));
    assert_eq!(dpop.thumbprint(), None);
    world.get("/").await;
    assert_eq!(dpop.thumbprint(), thumbprint(&first));
    for (nth, (text, used)) in
        [(pem(), None), ("no key".to_owned(), Some(())), (rsa(), Some(()))].into_iter().enumerate()
    {
        file.write(&text);
        assert_eq!(world.get("/").await.status(), 200, "the old token is sent with the old key");
        world.server.revoke(&format!("t{}", nth + 1));
        let before = dpop.thumbprint();
        assert_eq!(world.get("/").await.status(), 200);
        let expected = used.map_or_else(|| thumbprint(&text), |()| before);
        assert_eq!(dpop.thumbprint(), expected);
    }
    assert_eq!(world.server.state().wrong, <[&str; 0]>::default());
    let error = dpop.rotate().unwrap_err().to_string();
    assert!(error.contains("dpop.pem: put the new key there"), "{error}");
}

#[tokio::test]
async fn a_key_file_without_a_usable_key_is_an_error_of_the_exchange_and_nothing_is_sent() {
    let rsa = rsa();
    for (text, expected) in
        [("no key", "the text has no private key"), (&*rsa, "an RSA key is too slow for DPoP")]
    {
        let file = KeyFile::new(text);
        let expected = format!("the private key in file {}: {expected}", file.path().display());
        let world = world_of(builder().dpop(file.dpop()));
        let error = world.source.token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Configuration);
        assert!(error.to_string().contains(&expected), "{error}");
        assert_eq!(world.server.state().forms.len(), 0);
        // The correction works without a restart.
        file.write(&pem());
        world.source.warm_up(std::time::Duration::from_secs(1)).await.unwrap();
    }
}

#[test]
fn a_value_without_a_usable_key_is_an_error_at_once() {
    for (text, expected) in
        [("no key", "the text has no private key"), (&*rsa(), "an RSA key is too slow for DPoP")]
    {
        let error = Dpop::key_from(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[tokio::test]
async fn a_key_that_changes_during_an_exchange_is_not_the_key_of_its_token() {
    let (dpop, server) = (dpop(), Server::default());
    let (rotated, answering) = (dpop.clone(), server.clone());
    // The key changes after the request was sent, and before its answer has come.
    let endpoint = service_fn(move |request: Request<Full<Bytes>>| {
        let (rotated, answer) = (rotated.clone(), answering.clone().oneshot(request));
        async move {
            rotated.rotate().unwrap();
            answer.await
        }
    });
    let source = TokenSource::over_http(builder().dpop(dpop).build().unwrap(), endpoint);
    let layer = AuthLayer::new(source).with_origin(Origin::parse(HOST).unwrap());
    let response = layer.layer(server.clone()).oneshot(get("/")).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(server.state().wrong, <[&str; 0]>::default());
}

#[tokio::test]
async fn the_old_token_is_sent_with_the_old_key_until_it_is_renewed() {
    let dpop = dpop();
    let world = world_of(builder().dpop(dpop.clone()));
    world.get("/").await;
    dpop.rotate().unwrap();
    assert_eq!(world.get("/").await.status(), 200);
    assert_eq!(world.server.state().wrong, <[&str; 0]>::default());
    assert_eq!((world.exchanges(), world.server.state().api.accepted), (1, 2));
}

#[test]
fn two_keys_are_two_identities_and_nothing_shows_the_private_half() {
    let identity = |dpop: Dpop| builder().dpop(dpop).build().unwrap().identity();
    assert_ne!(identity(dpop()), identity(dpop()));
    let private = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    let key = format!(
        r#"{{"kty":"OKP","crv":"Ed25519","d":"{private}","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}"#
    );
    let dpop = Dpop::with_key(SigningKey::parse(&key).unwrap()).unwrap();
    let expected: Identity = identity(dpop.clone());
    assert_eq!(identity(dpop.clone()), expected);
    let thumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
    assert_eq!(dpop.thumbprint().as_deref(), Some(thumbprint));
    let shown = format!("{dpop:?} {:?}", builder().dpop(dpop.clone()));
    assert!(shown.contains(thumbprint) && !shown.contains(private), "{shown}");
}
