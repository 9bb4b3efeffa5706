//! Tokens that are signed here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use http::Response;
use serde_json::{Value, json};
use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::exchange::{Exchange, ExchangeErrorKind};
use tower_outbound_auth::system::{HeaderScheme, JwtKey, SelfSigned};
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{AuthLayer, ClockDifference, Credential, Error, ErrorKind, Recovery};

use crate::imitation::{Imitation, Received, response};
use crate::keys::{Place, new_rsa, p256, rsa, verified};
use crate::{Caller, MINUTE, date, secs};

const ISSUER: &str = "57246542-96fe-1a63-e053-0824d011072a";

/// The JWT of a request, if one of these keys signed it and it has not ended.
fn accepted(request: &Received, keys: &[&str], clock: &ManualClock) -> Option<(Value, Value)> {
    let jwt = request.header("authorization").strip_prefix("Bearer ")?;
    let found = keys.iter().find_map(|key| verified(jwt, key))?;
    let now = secs(clock);
    let time = |name: &str| found.1[name].as_u64().unwrap();
    (time("iat") <= now && now < time("exp")).then_some(found)
}

fn answer(is_good: bool) -> Response<String> {
    response(if is_good { 200 } else { 401 }, &[], "{}")
}

fn caller(tokens: SelfSigned, server: &Imitation, clock: &ManualClock) -> Caller<HeaderScheme> {
    Caller::new(AuthLayer::new(tokens.source()), server, clock)
}

fn key(text: &'static str) -> JwtKey {
    JwtKey::new(text).with_key_id("k1")
}

#[tokio::test]
async fn the_api_gets_a_signed_token_with_the_claims_of_its_provider_which_lives_until_exp() {
    let scopes = ["https://www.googleapis.com/auth/pubsub"];
    let hour = 60 * MINUTE;
    for (tokens, signer, claims, life) in [
        (
            SelfSigned::google(key(rsa()), "a@b.example", "https://pubsub.googleapis.com/"),
            rsa(),
            json!({"iss": "a@b.example", "sub": "a@b.example", "aud": "https://pubsub.googleapis.com/"}),
            hour,
        ),
        (
            SelfSigned::google_with_scopes(key(rsa()), "a@b.example", &scopes),
            rsa(),
            json!({"iss": "a@b.example", "sub": "a@b.example", "scope": scopes[0]}),
            hour,
        ),
        (
            SelfSigned::app_store_connect(key(p256()), ISSUER),
            p256(),
            json!({"iss": ISSUER, "aud": "appstoreconnect-v1"}),
            19 * MINUTE,
        ),
        // `iat` is a minute ago.
        (SelfSigned::github_app(key(rsa()), "12"), rsa(), json!({"iss": "12"}), 9 * MINUTE),
        (
            SelfSigned::new(key(p256()), "me", 5 * MINUTE).unwrap().with_claim("aud", "you"),
            p256(),
            json!({"iss": "me", "aud": "you"}),
            5 * MINUTE,
        ),
    ] {
        let clock = ManualClock::new();
        let shared = clock.clone();
        let server =
            Imitation::start(move |it| answer(accepted(it, &[signer], &shared).is_some())).await;
        let caller = caller(tokens.unwrap(), &server, &clock);
        assert_eq!(caller.status().await, 200);
        let (header, mut sent) = accepted(&server.received()[0], &[signer], &clock).unwrap();
        assert_eq!(header["kid"], "k1");
        assert_eq!(sent["exp"], secs(&clock) + life.as_secs());
        assert_eq!(caller.source.status().expires_in, Some(life));
        for name in ["iat", "exp", "jti"] {
            sent.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(sent, claims);
    }
}

#[tokio::test]
async fn a_snowflake_token_names_the_key_by_its_fingerprint() {
    let clock = ManualClock::new();
    let server = Imitation::start(|_| answer(true)).await;
    let tokens = SelfSigned::snowflake(JwtKey::new(rsa()), "xy12345.us-east-1", "svc");
    assert_eq!(caller(tokens.unwrap(), &server, &clock).status().await, 200);
    let (_, claims) = accepted(&server.received()[0], &[rsa()], &clock).unwrap();
    let fingerprint = tower_outbound_auth::system::SigningKey::parse(rsa()).unwrap().fingerprint();
    assert_eq!(claims["sub"], "XY12345.SVC");
    assert_eq!(claims["iss"], format!("XY12345.SVC.{fingerprint}"));
}

#[tokio::test]
async fn many_callers_share_one_signature_and_the_next_token_is_signed_before_the_end() {
    let clock = ManualClock::new();
    let shared = clock.clone();
    let server =
        Imitation::start(move |it| answer(accepted(it, &[p256()], &shared).is_some())).await;
    let tokens = SelfSigned::app_store_connect(key(p256()), ISSUER).unwrap();
    let caller = caller(tokens, &server, &clock);
    assert!(caller.statuses(50).await.iter().all(|status| *status == 200));
    assert_eq!(caller.exchanges(), 1);
    clock.advance(15 * MINUTE); // 79 % of the life
    assert_eq!((caller.status().await, caller.exchanges()), (200, 1));
    clock.advance(Duration::from_secs(140)); // 91 %
    assert!(caller.statuses(50).await.iter().all(|status| *status == 200));
    caller.source.settled().await;
    assert_eq!(caller.exchanges(), 2);
    for _ in 0..60 {
        clock.advance(MINUTE);
        assert_eq!(caller.status().await, 200);
    }
    assert!(caller.exchanges() <= 7, "{}", caller.exchanges());
}

#[tokio::test]
async fn after_a_401_one_more_token_is_signed_and_a_second_401_goes_to_the_caller() {
    for (refusals, status, requests) in [(1, 200, 2), (u16::MAX, 401, 2)] {
        let clock = ManualClock::new();
        let left = Arc::new(AtomicU16::new(refusals));
        let server = Imitation::start(move |_| {
            let refuse = |left: u16| left.checked_sub(1);
            answer(left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, refuse).is_err())
        })
        .await;
        let tokens = SelfSigned::app_store_connect(key(p256()), ISSUER).unwrap();
        let caller = caller(tokens, &server, &clock);
        assert_eq!(caller.status().await, status);
        let received = server.received();
        assert_eq!((received.len(), caller.exchanges()), (requests, 2));
        assert_ne!(received[0].header("authorization"), received[1].header("authorization"));
    }
}

#[tokio::test]
async fn a_second_401_says_how_far_our_clock_and_that_of_the_api_differ() {
    let (ours, theirs) = (ManualClock::new(), ManualClock::new());
    ours.set_wall(std::time::UNIX_EPOCH + theirs.now().since_epoch() + Duration::from_secs(93));
    let date = date(&theirs);
    let server = Imitation::start(move |_| response(401, &[("date", &date)], "{}")).await;
    let tokens = SelfSigned::app_store_connect(key(p256()), ISSUER).unwrap();
    let refused = caller(tokens, &server, &ours).response().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.extensions().get(), Some(&Recovery::Replayed));
    let difference = refused.extensions().get::<ClockDifference>().unwrap();
    assert_eq!(difference.to_string(), "our clock is 93 s ahead of the server's");
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn an_api_that_refuses_every_token_causes_few_signatures() {
    let clock = ManualClock::new();
    let server = Imitation::start(|_| answer(false)).await;
    // RS256 without `jti`: in the same second, the same token again.
    let tokens = SelfSigned::google(key(rsa()), "a@b.example", "https://a.example/").unwrap();
    let caller = caller(tokens, &server, &clock);
    for _ in 0..60 {
        assert_eq!(caller.status().await, 401);
        clock.advance(Duration::from_secs(1));
    }
    assert!(caller.exchanges() <= 7, "{}", caller.exchanges());
    assert!(server.received().len() <= 67, "{}", server.received().len());
}

#[tokio::test]
async fn a_rotated_key_signs_the_next_token_and_no_caller_notices() {
    let clock = ManualClock::new();
    let place = Place::with(rsa());
    let (shared, revoked) = (clock.clone(), Arc::new(AtomicUsize::new(0)));
    let is_revoked = revoked.clone();
    let server = Imitation::start(move |it| {
        let keys = [rsa(), new_rsa()];
        let keys = &keys[is_revoked.load(Ordering::SeqCst)..];
        answer(accepted(it, keys, &shared).is_some())
    })
    .await;
    let key = JwtKey::new(place.credential());
    let tokens = SelfSigned::github_app(key, "12").unwrap();
    let caller = caller(tokens, &server, &clock);
    assert_eq!(caller.status().await, 200);
    place.put(new_rsa());
    assert!(caller.statuses(50).await.iter().all(|status| *status == 200));
    assert_eq!(caller.exchanges(), 1, "the token in use is good");
    // The old key is revoked while requests are under way.
    let (before, ()) = futures::join!(caller.statuses(50), async {
        revoked.store(1, Ordering::SeqCst);
    });
    let after = caller.statuses(50).await;
    assert!(before.iter().chain(&after).all(|status| *status == 200), "{before:?} {after:?}");
    assert_eq!(caller.exchanges(), 2);
    let last = server.received().pop().unwrap();
    assert!(accepted(&last, &[new_rsa()], &clock).is_some());
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_a_configuration_error_that_names_its_place() {
    let server = Imitation::start(|_| answer(true)).await;
    let missing = std::env::temp_dir().join("self-signed-no-such-key.pem");
    let garbage = Place::with("hunter2-is-no-key");
    for (credential, place) in [
        (Credential::file(&missing), "self-signed-no-such-key.pem"),
        (garbage.credential(), "the private key in function"),
    ] {
        let tokens = SelfSigned::github_app(JwtKey::new(credential), "12").unwrap();
        let caller = caller(tokens, &server, &ManualClock::new());
        let error: Error = caller.error().await;
        let exchange = error.exchange().unwrap();
        assert_eq!(exchange.kind(), ExchangeErrorKind::Configuration);
        let text = error.to_string();
        assert!(text.contains(place) && !text.contains("hunter2"), "{text}");
        assert!(text.contains("github_app") && text.contains("client \"12\""), "{text}");
    }
    // A key of another kind than the provider accepts.
    let tokens = SelfSigned::app_store_connect(JwtKey::new(rsa()), ISSUER).unwrap();
    let text = caller(tokens, &server, &ManualClock::new()).error().await.to_string();
    assert!(text.contains("accepts only EC P-256 keys (ES256)"), "{text}");
    assert!(server.received().is_empty(), "nothing was sent");
}

#[test]
fn a_wrong_text_or_key_is_an_error_where_it_is_given() {
    let key = || JwtKey::new(Credential::file("/run/key"));
    for (made, says) in [
        (SelfSigned::new(key(), " ", MINUTE), "the issuer is empty"),
        (SelfSigned::new(key(), "a", Duration::from_secs(9)), "between 10 s and a day"),
        (SelfSigned::new(key(), "a", 1_441 * MINUTE), "between 10 s and a day"),
        (SelfSigned::new(JwtKey::new("hunter2"), "a", MINUTE), "no private key"),
        (SelfSigned::google(key(), "", "a"), "the email is empty"),
        (SelfSigned::google(key(), "a", ""), "the audience is empty"),
        (SelfSigned::google_with_scopes(key(), "a", &[]), "the list of scopes is empty"),
        (SelfSigned::snowflake(key(), "", "a"), "the account is empty"),
        (SelfSigned::snowflake(key(), "a", ""), "the user is empty"),
        (SelfSigned::app_store_connect(key(), ""), "the issuer id is empty"),
        (SelfSigned::github_app(key(), ""), "the app id is empty"),
    ] {
        let error = made.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(says), "{says}: {error}");
    }
}

#[test]
fn tokens_that_differ_in_a_claim_or_in_the_key_have_different_identities() {
    let key = || JwtKey::new(Credential::file("/run/key"));
    let plain = || SelfSigned::new(key(), "a", MINUTE).unwrap();
    let all = [
        plain(),
        SelfSigned::new(key(), "b", MINUTE).unwrap(),
        plain().with_claim("aud", "x").unwrap(),
        plain().with_claim("aud", "y").unwrap(),
        plain().with_claim("sub", "x").unwrap(),
        SelfSigned::new(JwtKey::new(Credential::file("/run/other")), "a", MINUTE).unwrap(),
        SelfSigned::google(key(), "a", "x").unwrap(),
        SelfSigned::google(key(), "a", "y").unwrap(),
        SelfSigned::google_with_scopes(key(), "a", &["x"]).unwrap(),
        SelfSigned::snowflake(key(), "a", "x").unwrap(),
        SelfSigned::snowflake(key(), "b", "x").unwrap(),
        SelfSigned::github_app(key(), "a").unwrap(),
        SelfSigned::app_store_connect(key(), "a").unwrap(),
    ];
    let identities: Vec<_> = all.iter().map(Exchange::identity).collect();
    for (number, identity) in identities.iter().enumerate() {
        assert!(!identities[..number].contains(identity), "{number}");
    }
    assert_eq!(plain().identity(), plain().identity());
}
