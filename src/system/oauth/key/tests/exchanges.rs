//! Assertions on the wire: what a token endpoint sees of them.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::Value;

use super::log::log_of;
use super::{is_signed_by, parts, text, vector};
use crate::basics::BoxError;
use crate::clock::Clock;
use crate::credential::{Credential, CredentialProvider, Provided, Rejection};
use crate::endpoint::{ExchangeAnswer, ExchangeRequest, Grant, RequestContext, Step};
use crate::exchange::{ExchangeError, ExchangeErrorKind, Identity, Issued};
use crate::scheme::{InvalidToken, Presentation, plain_value};
use crate::secret::Secret;
use crate::system::oauth::client_credentials::ClientCredentials;
use crate::system::oauth::key::assertion::Assertion;
use crate::system::oauth::key::client_claims::client;
use crate::system::oauth::key::jwt_key::JwtKey;
use crate::testkit::ManualClock;
use crate::token::TokenSource;

/// Sends an assertion. A 400 asks for a second request in the same exchange.
struct Asserting {
    credentials: Vec<Credential>,
}

impl Asserting {
    fn with(key: JwtKey) -> Asserting {
        let assertion = Assertion::signed_by(key, client("billing", "https://idp.example"));
        let credentials = [&[assertion.credential()], assertion.credentials()].concat();
        Asserting { credentials }
    }
}

impl Grant for Asserting {
    fn identity(&self) -> Identity {
        Identity::new("asserting")
    }

    fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let assertion = cx.credential(&self.credentials[0])?.expose().to_owned();
        let request = Request::post("https://idp.example/token").body(assertion.into())?;
        Ok(ExchangeRequest::new(request))
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        match answer.status().as_u16() {
            200 => Ok(Step::Issued(
                Issued::new(answer.text()?).with_expires_in(Duration::from_secs(60)),
            )),
            400 => Ok(Step::Again("again")),
            _ => Err(answer.refused("invalid_client")),
        }
    }
}

impl Presentation for Asserting {
    fn header_name(&self) -> &HeaderName {
        &AUTHORIZATION
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        plain_value(token)
    }
}

type Seen = Arc<Mutex<Vec<String>>>;

/// A source whose endpoint keeps the assertions, and answers with these statuses by turns.
fn source(
    key: JwtKey,
    clock: &ManualClock,
    statuses: &'static [u16],
) -> (TokenSource<Asserting>, Seen) {
    let seen = Seen::default();
    let kept = seen.clone();
    let client = tower::service_fn(move |request: Request<Full<Bytes>>| {
        let kept = kept.clone();
        async move {
            let assertion = request.into_body().collect().await.unwrap().to_bytes();
            let mut kept = kept.lock().unwrap();
            kept.push(String::from_utf8(assertion.to_vec()).unwrap());
            let status = statuses[(kept.len() - 1) % statuses.len()];
            let token = Full::new(Bytes::from(format!("token-{}", kept.len())));
            Ok::<_, Infallible>(Response::builder().status(status).body(token).unwrap())
        }
    });
    let source = TokenSource::builder_over_http(Asserting::with(key), client);
    (source.clock(clock.clone()).build(), seen)
}

#[tokio::test]
async fn each_of_100_requests_has_its_own_jti_and_the_time_of_the_sources_clock() {
    let clock = ManualClock::new();
    let key = JwtKey::new(text("/key_files/good/p256_sec1")).with_key_id("k1");
    let (source, seen) = source(key, &clock, &[400, 200]);
    let mut times = Vec::new();
    for _ in 0..50 {
        source.token().await.unwrap();
        times.extend([clock.now().since_epoch().as_secs(); 2]);
        clock.advance(Duration::from_secs(61));
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 100);
    let mut ids = BTreeSet::new();
    for (assertion, time) in seen.iter().zip(times) {
        assert!(is_signed_by(assertion, vector("/rfc7515_a3/jwk")));
        let [header, claims] = parts(assertion);
        assert_eq!(header, r#"{"typ":"client-authentication+jwt","alg":"ES256","kid":"k1"}"#);
        let claims: Value = serde_json::from_str(&claims).unwrap();
        assert_eq!((&claims["iat"], &claims["exp"]), (&time.into(), &(time + 60).into()));
        ids.insert(claims["jti"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 100);
}

#[tokio::test]
async fn the_second_encoding_of_a_client_id_has_another_assertion() {
    let key = JwtKey::new(text("/key_files/good/p256_sec1"));
    let secret = Assertion::signed_by(key, client("app one", "https://idp.example")).credential();
    let scheme = ClientCredentials::new("https://idp.example/token", "app one", secret).unwrap();
    let seen = Seen::default();
    let kept = seen.clone();
    let client = tower::service_fn(move |request: Request<Full<Bytes>>| {
        let mut kept = kept.lock().unwrap();
        let basic = request.headers()[AUTHORIZATION].to_str().unwrap();
        let pair = STANDARD.decode(basic.strip_prefix("Basic ").unwrap()).unwrap();
        kept.push(String::from_utf8(pair).unwrap());
        let (status, body) = match kept.len() {
            1 => (401, r#"{"error":"invalid_client"}"#),
            _ => (200, r#"{"access_token":"token","expires_in":60}"#),
        };
        let answer = Response::builder().status(status).body(Full::new(Bytes::from(body)));
        std::future::ready(Ok::<_, Infallible>(answer.unwrap()))
    });
    TokenSource::over_http(scheme, client).token().await.unwrap();
    let seen = seen.lock().unwrap();
    let (first, second) = (seen[0].strip_prefix("app%20one:"), seen[1].strip_prefix("app one:"));
    let id = |jwt: Option<&str>| {
        let claims: Value = serde_json::from_str(&parts(jwt.unwrap())[1]).unwrap();
        claims["jti"].as_str().unwrap().to_owned()
    };
    assert_ne!(id(first), id(second));
}

/// A key service that has another key after a refusal.
#[derive(Default)]
struct Keys(AtomicU64);

impl CredentialProvider for Keys {
    async fn read(&self) -> Result<Provided, BoxError> {
        let version = self.0.load(Ordering::SeqCst);
        let name = ["p256_pkcs8", "ed25519_pkcs8"][usize::try_from(version)?];
        Ok(Provided::new(text(&format!("/key_files/good/{name}")), version))
    }

    async fn rejected(&self, _: Rejection<'_>) {
        self.0.store(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn the_repetition_after_a_refusal_is_signed_by_the_new_key() {
    let key = JwtKey::new(Credential::from_provider(Keys::default()));
    let (source, seen) = source(key, &ManualClock::new(), &[401, 200]);
    assert_eq!(source.token().await.unwrap().expose(), "token-2");
    let seen = seen.lock().unwrap();
    assert!(is_signed_by(&seen[0], vector("/rfc7515_a3/jwk")));
    assert!(is_signed_by(&seen[1], vector("/rfc8037/jwk")));
}

#[tokio::test]
async fn a_key_file_that_is_rotated_is_used_at_the_next_exchange() {
    let folder = std::env::temp_dir().join(format!("jwt-key-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("key.pem");
    let put = |text: &str| {
        let new = folder.join("new.pem");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, &path).unwrap();
    };
    let clock = ManualClock::new();
    let (source, seen) = source(JwtKey::new(Credential::file(&path)), &clock, &[200]);
    let half = &text("/key_files/good/rsa_pkcs1")[..200];
    for content in [text("/key_files/good/p256_sec1"), text("/key_files/good/rsa_pkcs8"), half] {
        put(content);
        source.token().await.unwrap();
        clock.advance(Duration::from_secs(61));
    }
    std::fs::remove_dir_all(&folder).unwrap();
    source.token().await.unwrap();
    let seen = seen.lock().unwrap();
    let keys = ["rfc7515_a3", "rfc7515_a2", "rfc7515_a2", "rfc7515_a2"];
    assert_eq!(seen.len(), keys.len());
    for (assertion, key) in seen.iter().zip(keys) {
        assert!(is_signed_by(assertion, vector(&format!("/{key}/jwk"))), "{key}");
    }
}

#[tokio::test]
async fn a_corrected_key_file_ends_the_pause() {
    let path = std::env::temp_dir().join(format!("jwt-key-corrected-{}.pem", std::process::id()));
    std::fs::write(&path, "-----BEGIN PRIVATE KEY-----\n").unwrap();
    let clock = ManualClock::new();
    let (source, seen) = source(JwtKey::new(Credential::file(&path)), &clock, &[200]);
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Configuration);
    assert!(error.retry_after().unwrap() > Duration::from_secs(5), "{error}");
    assert!(
        error.to_string().contains(&format!("{}: the PEM has only", path.display())),
        "{error}"
    );
    assert!(seen.lock().unwrap().is_empty(), "nothing was sent");
    std::fs::write(&path, text("/key_files/good/p256_sec1")).unwrap();
    clock.advance(Duration::from_secs(1));
    // The first caller starts the reading, on a task. The clock stands still, so the pause does not end.
    let usable = async {
        while source.token().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), usable).await.unwrap();
    std::fs::remove_file(path).unwrap();
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[test]
fn neither_the_key_nor_an_assertion_is_logged_or_in_an_error() {
    let (seen, errors) = (Mutex::new(String::new()), Mutex::new(String::new()));
    let jwk = vector("/rfc7515_a3/jwk");
    let log = log_of(async {
        for key in [text("/key_files/good/p256_sec1").to_owned(), jwk.to_string()] {
            let (source, sent) = source(JwtKey::new(key), &ManualClock::new(), &[401, 400, 500]);
            for _ in 0..2 {
                let error = source.token().await.unwrap_err();
                let shown = format!("{error} {error:?} {source:?} {:?}", source.status());
                errors.lock().unwrap().push_str(&shown);
            }
            let sent = sent.lock().unwrap();
            seen.lock().unwrap().clone_from(&sent[0]);
        }
    });
    let assertion = seen.into_inner().unwrap();
    let (_, signature) = assertion.rsplit_once('.').unwrap();
    let log = log + &errors.into_inner().unwrap();
    assert!(log.contains("exchange failed") && log.contains("invalid_client"), "{log}");
    for secret in [signature, &jwk["d"].as_str().unwrap()[..10], "MHcCAQEE", "eyJ0eXAi"] {
        assert!(!log.contains(secret), "{log}");
    }
}
