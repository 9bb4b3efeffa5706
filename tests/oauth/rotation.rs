//! A client with two keys, while one replaces the other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tower_outbound_auth::credential::{CredentialProvider, Provided};
use tower_outbound_auth::endpoint::Grant;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{JwtKey, OAuthClient, OAuthGrant, TokenExchange};
use tower_outbound_auth::testkit::{ManualClock, TokioClock};
use tower_outbound_auth::{BoxError, Credential, Error, TokenSource};

use crate::assertions::{P256, read};
use crate::keys::{ED25519, Known, TOKEN, signer, signers};
use crate::log::Log;
use crate::{ENDPOINT, Endpoint, Folder, builder, source};

/// The current key signs by ES256, the previous one by EdDSA.
fn client(current: impl Into<Credential>, previous: impl Into<Credential>) -> OAuthClient {
    OAuthClient::with_key("billing", JwtKey::new(current)).previous_key(JwtKey::new(previous))
}

/// The text of a key that changes before each exchange, and stays the same key.
fn changing(key: &'static str) -> Credential {
    let readings = AtomicUsize::new(0);
    Credential::from_fn(move || {
        let blanks = " ".repeat(readings.fetch_add(1, Ordering::Relaxed));
        Ok(format!("{key}{blanks}").into())
    })
}

fn endpoint_that_knows(algorithms: &[&'static str]) -> (Known, Endpoint) {
    let known = Known::default();
    known.set(algorithms);
    let endpoint = known.endpoint();
    (known, endpoint)
}

/// One exchange. Returns the algorithms of the keys that signed its requests.
async fn exchange(
    source: &TokenSource,
    clock: &ManualClock,
    endpoint: &Endpoint,
) -> Vec<&'static str> {
    let before = endpoint.sent().len();
    clock.advance(Duration::from_secs(301));
    source.token().await.unwrap();
    signers(&endpoint.sent()[before..])
}

#[tokio::test]
async fn a_client_whose_current_key_is_refused_shows_the_previous_one_in_the_same_exchange() {
    let log = Log::default();
    let guard = log.on_this_thread();
    let (_, endpoint) = endpoint_that_knows(&["EdDSA"]);
    let (source, clock) = source(builder().client(client(P256, ED25519)), &endpoint);
    assert_eq!(exchange(&source, &clock, &endpoint).await, ["ES256", "EdDSA"]);
    for _ in 0..3 {
        assert_eq!(exchange(&source, &clock, &endpoint).await, ["EdDSA"], "it is tried first");
    }
    drop(guard);
    let warnings: Vec<_> =
        log.text().lines().filter(|it| it.contains("WARN")).map(str::to_owned).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("refuses the current key of the client, and accepts the previous")
    );
}

#[tokio::test]
async fn the_key_that_worked_is_tried_first_until_it_is_refused() {
    let (known, endpoint) = endpoint_that_knows(&["EdDSA"]);
    let (source, clock) = source(builder().client(client(P256, ED25519)), &endpoint);
    assert_eq!(exchange(&source, &clock, &endpoint).await, ["ES256", "EdDSA"]);
    known.set(&["ES256", "EdDSA"]);
    assert_eq!(exchange(&source, &clock, &endpoint).await, ["EdDSA"]);
    known.set(&["ES256"]);
    assert_eq!(exchange(&source, &clock, &endpoint).await, ["EdDSA", "ES256"]);
    assert_eq!(exchange(&source, &clock, &endpoint).await, ["ES256"]);
}

#[tokio::test]
async fn the_key_that_worked_is_still_the_first_one_after_a_refusal_that_is_not_about_the_client() {
    for (status, code) in [(400, "invalid_scope"), (400, "invalid_grant"), (403, "access_denied")] {
        let refuses = Arc::new(AtomicBool::new(false));
        let is_asked = refuses.clone();
        let endpoint =
            Endpoint::judging(move |sent| match signer(&sent.param("client_assertion")) {
                "EdDSA" if is_asked.load(Ordering::Relaxed) => {
                    (status, format!(r#"{{"error":"{code}"}}"#))
                }
                "EdDSA" => (200, TOKEN.to_owned()),
                _ => (401, r#"{"error":"invalid_client"}"#.to_owned()),
            });
        let (source, clock) = source(builder().client(client(P256, ED25519)), &endpoint);
        assert_eq!(exchange(&source, &clock, &endpoint).await, ["ES256", "EdDSA"]);
        refuses.store(true, Ordering::Relaxed);
        clock.advance(Duration::from_secs(301));
        source.token().await.unwrap_err();
        refuses.store(false, Ordering::Relaxed);
        assert_eq!(exchange(&source, &clock, &endpoint).await, ["EdDSA"], "{code}");
    }
}

#[tokio::test]
async fn a_key_file_that_changes_makes_the_current_key_the_first_one_again() {
    let folder = Folder::new();
    for changed in ["current", "previous"] {
        folder.write("current", P256);
        folder.write("previous", ED25519);
        let (_, endpoint) = endpoint_that_knows(&["EdDSA"]);
        let client = client(folder.file("current"), folder.file("previous"));
        let (source, clock) = source(builder().client(client), &endpoint);
        assert_eq!(exchange(&source, &clock, &endpoint).await, ["ES256", "EdDSA"]);
        assert_eq!(exchange(&source, &clock, &endpoint).await, ["EdDSA"]);
        let text = if changed == "current" { P256 } else { ED25519 };
        folder.write(changed, &format!("{text} "));
        assert_eq!(exchange(&source, &clock, &endpoint).await, ["ES256", "EdDSA"], "{changed}");
        assert_eq!(exchange(&source, &clock, &endpoint).await, ["EdDSA"]);
    }
}

#[tokio::test]
async fn each_of_100_requests_with_two_keys_has_a_jti_of_its_own() {
    let (_, endpoint) = endpoint_that_knows(&["EdDSA"]);
    let client = client(changing(P256), ED25519);
    let (source, clock) = source(builder().client(client), &endpoint);
    for _ in 0..50 {
        assert_eq!(exchange(&source, &clock, &endpoint).await, ["ES256", "EdDSA"]);
    }
    let sent = endpoint.sent();
    let claims = sent.iter().map(|sent| read(&sent.param("client_assertion")).1);
    let ids: BTreeSet<_> = claims.map(|claims| claims["jti"].to_string()).collect();
    assert_eq!(ids.len(), 100);
}

/// The error of an exchange whose endpoint answers the first request and the second one like this, and how many came.
async fn refused(answers: [(u16, &'static str); 2]) -> (Error, usize) {
    let endpoint = Endpoint::new(move |number| {
        let (status, code) = answers[number];
        (status, format!(r#"{{"error":"{code}"}}"#))
    });
    let (source, _) = source(builder().client(client(P256, ED25519)), &endpoint);
    (source.token().await.unwrap_err(), endpoint.sent().len())
}

#[tokio::test]
async fn a_client_whose_two_keys_are_refused_gets_the_first_refusal_and_is_told_so() {
    let (error, sent) = refused([(401, "invalid_client"), (400, "invalid_client")]).await;
    let text = error.to_string();
    assert_eq!((sent, error.exchange().unwrap().kind()), (2, ExchangeErrorKind::Refused), "{text}");
    assert!(
        text.contains(
            "it refuses the current and the previous key (value, value) (status 401, invalid_client)"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn two_keys_that_are_refused_without_a_code_or_with_another_one_are_said_too() {
    for (code, kind) in
        [("", ExchangeErrorKind::Unavailable), ("unauthorized_client", ExchangeErrorKind::Refused)]
    {
        let (error, sent) = refused([(401, code), (401, "invalid_client")]).await;
        assert_eq!((sent, error.exchange().unwrap().kind()), (2, kind), "{error}");
        assert!(error.to_string().contains("refuses the current and the previous key"), "{error}");
    }
}

#[tokio::test]
async fn an_error_after_the_refusal_of_one_key_is_the_error_of_the_exchange() {
    for (second, kind) in [
        ((503, "server_error"), ExchangeErrorKind::Unavailable),
        ((400, "invalid_scope"), ExchangeErrorKind::Refused),
    ] {
        let (error, sent) = refused([(401, "invalid_client"), second]).await;
        assert_eq!((sent, error.exchange().unwrap().kind()), (2, kind), "{error}");
        assert!(!error.to_string().contains("previous key"), "{error}");
    }
}

#[tokio::test]
async fn a_refusal_that_is_not_about_the_client_does_not_try_the_previous_key() {
    for first in [
        (400, "invalid_scope"),
        (401, "invalid_scope"),
        (400, "invalid_grant"),
        (400, "invalid_request"),
        (503, "invalid_client_is_not_this"),
        (429, "slow_down"),
    ] {
        let (error, sent) = refused([first, (200, "")]).await;
        assert_eq!(sent, 1, "{first:?} {error}");
    }
    for first in [(400, "invalid_client"), (401, "unauthorized_client"), (401, "")] {
        let (error, sent) = refused([first, (401, "invalid_client")]).await;
        assert_eq!(sent, 2, "{first:?} {error}");
    }
}

#[tokio::test]
async fn a_previous_key_that_is_missing_or_unusable_stops_nothing() {
    let folder = Folder::new();
    folder.write("no-key", "hunter2-is-no-key");
    for previous in ["missing", "no-key"] {
        let (known, endpoint) = endpoint_that_knows(&["ES256"]);
        let system = builder().client(client(P256, folder.file(previous)));
        let (source, clock) = source(system, &endpoint);
        assert_eq!(exchange(&source, &clock, &endpoint).await, ["ES256"]);
        known.set(&[]);
        clock.advance(Duration::from_secs(301));
        let error = source.token().await.unwrap_err().to_string();
        let place = format!(
            "; the previous key in file {} cannot be used",
            folder.path(previous).display()
        );
        assert!(error.contains(&place) && !error.contains("hunter2"), "{error}");
        assert_eq!(endpoint.sent().len(), 2, "one request in each exchange");
    }
}

#[tokio::test]
async fn a_key_that_changes_after_the_refusal_of_both_ends_the_pause() {
    let folder = Folder::new();
    for (changed, right) in [("current", P256), ("previous", ED25519)] {
        folder.write("current", P256);
        folder.write("previous", ED25519);
        if changed == "previous" {
            std::fs::remove_file(folder.path(changed)).unwrap();
        }
        let (known, endpoint) = endpoint_that_knows(&[]);
        let client = client(folder.file("current"), folder.file("previous"));
        let (source, clock) = source(builder().client(client), &endpoint);
        source.token().await.unwrap_err();
        let before = endpoint.sent().len();
        known.set(&["ES256", "EdDSA"]);
        clock.advance(Duration::from_millis(1_500));
        source.warm_up(Duration::ZERO).await.unwrap_err();
        assert_eq!(endpoint.sent().len(), before, "nothing has changed: the pause goes on");
        folder.write(changed, &format!("{right} "));
        clock.advance(Duration::from_millis(1_500));
        source.warm_up(Duration::from_secs(5)).await.unwrap();
        assert_eq!(endpoint.sent().len(), before + 1, "{changed}");
    }
}

/// Never answers, or panics.
struct Broken {
    hangs: bool,
}

impl CredentialProvider for Broken {
    async fn read(&self) -> Result<Provided, BoxError> {
        assert!(self.hangs, "the provider panics");
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_of_the_previous_key_that_hangs_or_panics_stops_nothing() {
    for hangs in [true, false] {
        let (_, endpoint) = endpoint_that_knows(&["ES256"]);
        let client = client(P256, Credential::from_provider(Broken { hangs }));
        let system = builder().client(client).build().unwrap();
        let source = TokenSource::builder_over_http(system, endpoint.clone());
        let source = source.clock(TokioClock::new()).build();
        source.token().await.unwrap();
        assert_eq!(signers(&endpoint.sent()), ["ES256"]);
    }
}

/// The keys and the grants of an exchange with a refresh token, whose endpoint gives this answer to that token.
async fn with_a_refused_refresh_token(
    answer: (u16, &'static str),
    knows: &'static str,
) -> Vec<(String, &'static str)> {
    let endpoint = Endpoint::judging(move |sent| {
        let signer = signer(&sent.param("client_assertion"));
        match &*sent.param("grant_type") {
            "refresh_token" => (answer.0, format!(r#"{{"error":"{}"}}"#, answer.1)),
            _ if signer == knows => {
                (200, r#"{"access_token":"t","expires_in":300,"refresh_token":"r"}"#.to_owned())
            }
            _ => (401, r#"{"error":"invalid_client"}"#.to_owned()),
        }
    });
    let (source, clock) =
        source(builder().client(client(P256, ED25519)).refresh_tokens(), &endpoint);
    source.token().await.unwrap();
    let before = endpoint.sent().len();
    clock.advance(Duration::from_secs(301));
    let _ = source.token().await;
    let sent = endpoint.sent();
    let grants = sent[before..].iter().map(|sent| sent.param("grant_type"));
    grants.zip(signers(&sent[before..])).collect()
}

#[tokio::test]
async fn an_exchange_with_a_refresh_token_has_at_most_two_requests_with_an_assertion() {
    let sent = |first, second| {
        vec![("refresh_token".to_owned(), first), ("client_credentials".to_owned(), second)]
    };
    // The refresh token is refused, and the client is not: the same key.
    let refused = with_a_refused_refresh_token((400, "invalid_grant"), "ES256").await;
    assert_eq!(refused, sent("ES256", "ES256"));
    let refused = with_a_refused_refresh_token((400, "invalid_grant"), "EdDSA").await;
    assert_eq!(refused, sent("EdDSA", "EdDSA"));
    let refused = with_a_refused_refresh_token((401, "invalid_grant"), "ES256").await;
    assert_eq!(refused, sent("ES256", "ES256"), "some servers say 401 for a refresh token");
    // The client is refused: the other key.
    let refused = with_a_refused_refresh_token((401, "invalid_client"), "EdDSA").await;
    assert_eq!(refused, sent("EdDSA", "ES256"));
    let refused = with_a_refused_refresh_token((401, "invalid_client"), "ES256").await;
    assert_eq!(refused, sent("ES256", "EdDSA"));
}

/// Each reading gives another subject.
struct Subjects(AtomicU64);

impl CredentialProvider for Subjects {
    async fn read(&self) -> Result<Provided, BoxError> {
        let version = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Provided::new(format!("subject {version}"), version))
    }
}

#[tokio::test]
async fn an_exchange_that_is_repeated_with_another_subject_begins_with_the_key_that_was_accepted() {
    let endpoint = Endpoint::judging(|sent| match signer(&sent.param("client_assertion")) {
        "EdDSA" => (400, r#"{"error":"invalid_grant"}"#.to_owned()),
        _ => (401, r#"{"error":"invalid_client"}"#.to_owned()),
    });
    let subject = Credential::from_provider(Subjects(AtomicU64::new(0)));
    let grant = OAuthGrant::TokenExchange(TokenExchange::of(subject));
    let (source, _) = source(builder().client(client(P256, ED25519)).grant(grant), &endpoint);
    source.token().await.unwrap_err();
    assert_eq!(signers(&endpoint.sent()), ["ES256", "EdDSA", "EdDSA"]);
}

#[test]
fn a_previous_key_does_not_change_the_identity() {
    let identity = |client| builder().client(client).build().unwrap().identity();
    let one = OAuthClient::with_key("billing", JwtKey::new(P256));
    assert_eq!(identity(one), identity(client(P256, ED25519)));
}

#[test]
fn a_previous_key_that_is_a_value_is_checked_where_it_is_given() {
    let error = builder().client(client(P256, "hunter2")).build().unwrap_err().to_string();
    assert!(error.contains("no private key") && !error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn two_keys_have_the_same_claims_but_for_the_jti() {
    let (_, endpoint) = endpoint_that_knows(&["EdDSA"]);
    let client = client(P256, ED25519).backdate(Duration::from_secs(30)).typ(Some("JWT"));
    let (source, _) = source(builder().client(client), &endpoint);
    source.token().await.unwrap();
    let [first, second] = [0, 1].map(|at| {
        let (mut header, mut claims) = read(&endpoint.sent()[at].param("client_assertion"));
        claims["jti"].take();
        header["alg"].take();
        header.as_object_mut().unwrap().remove("kid");
        (header, claims)
    });
    assert_eq!(first, second);
    assert_eq!(first.1["aud"], ENDPOINT);
}
