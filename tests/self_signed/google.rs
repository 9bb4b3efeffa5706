//! A Google service account.

use serde_json::{Value, json};
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::GoogleServiceAccount;
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{AuthLayer, Credential, Error, ErrorKind};

use crate::imitation::{Imitation, Received, response};
use crate::keys::{Place, new_rsa, rsa, verified};
use crate::{Caller, MINUTE, secs};

const EMAIL: &str = "svc@proj.iam.gserviceaccount.com";
const SCOPES: [&str; 2] =
    ["https://www.googleapis.com/auth/pubsub", "https://www.googleapis.com/auth/datastore"];
const GOOGLE: &str = "https://oauth2.googleapis.com/token";

fn file(key_id: &str, key: &str, token_uri: &str) -> String {
    json!({"type": "service_account", "client_email": EMAIL, "private_key_id": key_id, "private_key": key,
        "token_uri": token_uri})
    .to_string()
}

/// The assertion of a request to the token endpoint.
fn assertion(request: &Received) -> &str {
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    request.body.strip_prefix(grant).unwrap_or_else(|| panic!("{}", request.body))
}

/// Google, with these keys of the account. Each token is a number.
async fn google<const N: usize>(
    keys: [(&'static str, &'static str); N],
    clock: &ManualClock,
) -> Imitation {
    let clock = clock.clone();
    let issued = std::sync::atomic::AtomicUsize::new(0);
    Imitation::start(move |request| {
        if request.path() == "/documents" {
            let bearer = request.header("authorization");
            return response(if bearer.starts_with("Bearer t") { 200 } else { 401 }, &[], "{}");
        }
        let jwt = assertion(request);
        let known = keys
            .iter()
            .find_map(|(id, key)| verified(jwt, key).filter(|(header, _)| header["kid"] == *id));
        let now = secs(&clock);
        let is_good = known.is_some_and(|(_, claims)| {
            let is_now = claims["iat"] == now && claims["exp"] == now + 3_600;
            is_now && claims["aud"] == GOOGLE && claims["iss"] == EMAIL
        });
        if !is_good {
            return response(400, &[], r#"{"error":"invalid_grant"}"#);
        }
        let number = issued.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let body =
            format!(r#"{{"access_token":"t{number}","expires_in":3599,"token_type":"Bearer"}}"#);
        response(200, &[], &body)
    })
    .await
}

fn account(file: impl Into<Credential>, server: &Imitation) -> GoogleServiceAccount {
    let account = GoogleServiceAccount::new(file, SCOPES).unwrap();
    account.with_token_endpoint(format!("{}/token", server.root)).unwrap()
}

fn caller(
    account: GoogleServiceAccount,
    server: &Imitation,
    clock: &ManualClock,
) -> Caller<GoogleServiceAccount> {
    let endpoint = account.endpoint().clone();
    Caller::new(AuthLayer::for_endpoint(account, &endpoint).unwrap(), server, clock)
}

#[tokio::test]
async fn the_endpoint_gets_one_assertion_for_many_callers_and_the_next_one_before_the_end() {
    let clock = ManualClock::new();
    let server = google([("abc", rsa())], &clock).await;
    let caller = caller(account(&*file("abc", rsa(), GOOGLE), &server), &server, &clock);
    assert!(caller.statuses(50).await.iter().all(|status| *status == 200));
    let sent = server.to("/token");
    assert_eq!(sent.len(), 1);
    let (header, claims) = verified(assertion(&sent[0]), rsa()).unwrap();
    assert_eq!(header, json!({"typ": "JWT", "alg": "RS256", "kid": "abc"}));
    let now = secs(&clock);
    let expected = json!({"iss": EMAIL, "aud": GOOGLE, "scope": SCOPES.join(" "), "iat": now, "exp": now + 3_600});
    assert_eq!(claims, expected);
    for _ in 0..180 {
        clock.advance(MINUTE);
        assert_eq!(caller.status().await, 200);
    }
    let exchanges = server.to("/token").len();
    assert!((3..=4).contains(&exchanges), "{exchanges}");
}

#[tokio::test]
async fn a_subject_stands_in_the_assertion() {
    let clock = ManualClock::new();
    let server = google([("abc", rsa())], &clock).await;
    let account = account(&*file("abc", rsa(), GOOGLE), &server);
    let account = account.with_subject("ann@company.example").unwrap();
    assert_eq!(caller(account, &server, &clock).status().await, 200);
    let (_, claims) = verified(assertion(&server.to("/token")[0]), rsa()).unwrap();
    assert_eq!(claims["sub"], "ann@company.example");
}

#[tokio::test]
async fn a_rotated_key_signs_the_next_assertion_with_its_own_id_under_load() {
    let clock = ManualClock::new();
    let keys = [("old", rsa()), ("new", new_rsa())];
    let server = google(keys, &clock).await;
    let place = Place::with(file("old", rsa(), GOOGLE));
    let caller = caller(account(place.credential(), &server), &server, &clock);
    for turn in 0..20 {
        let (id, key) = keys[turn % 2];
        place.put(file(id, key, GOOGLE));
        clock.advance(61 * MINUTE);
        assert!(caller.statuses(20).await.iter().all(|status| *status == 200), "{turn}");
    }
    let sent = server.to("/token");
    assert_eq!(sent.len(), 20, "no exchange was refused");
    for (turn, request) in sent.iter().enumerate() {
        assert!(verified(assertion(request), keys[turn % 2].1).is_some(), "{turn}");
    }
}

#[tokio::test]
async fn a_token_uri_that_is_not_googles_is_an_error_and_nothing_is_sent() {
    let evil = Imitation::start(|_| response(200, &[], r#"{"access_token":"t"}"#)).await;
    let loopback = format!("{}/token", evil.root);
    for uri in [
        &*loopback,
        "https://evil.example/token",
        "https://googleapis.com.evil.example/token",
        "https://evilgoogleapis.com/token",
        "https://evil.example/.googleapis.com",
        "https://evil.example?.googleapis.com",
        "https://oauth2.googleapis.com@evil.example/token",
        "http://oauth2.googleapis.com/token",
        "oauth2.googleapis.com/token",
        "",
    ] {
        // As a value, it is an error at once.
        let error = GoogleServiceAccount::new(&*file("abc", rsa(), uri), SCOPES).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("`token_uri`"), "{uri}: {error}");
        // As a file, it is an error of the exchange.
        let place = Place::with(file("abc", rsa(), uri));
        let account = GoogleServiceAccount::new(place.credential(), SCOPES).unwrap();
        let error: Error = caller(account, &evil, &ManualClock::new()).error().await;
        let kind = error.exchange().unwrap().kind();
        assert_eq!(kind, ExchangeErrorKind::Configuration, "{uri}: {error}");
        assert!(error.to_string().contains("`token_uri`"), "{uri}: {error}");
    }
    assert!(evil.received().is_empty());
    for uri in [GOOGLE, "https://oauth2.mtls.googleapis.com/token", "https://GOOGLEAPIS.com/token"]
    {
        GoogleServiceAccount::new(&*file("abc", rsa(), uri), SCOPES).unwrap();
    }
}

#[test]
fn only_a_universe_that_the_caller_names_is_another_place() {
    let uri = "https://oauth2.cloud.example/token";
    let place = Place::with(file("abc", rsa(), uri));
    let account = || GoogleServiceAccount::new(place.credential(), SCOPES).unwrap();
    assert_eq!(account().endpoint().to_string(), GOOGLE);
    let named = account().with_universe("cloud.example").unwrap();
    assert_eq!(named.endpoint().to_string(), uri);
    for wrong in ["", "com", "a..b", "cloud.example/", "https://cloud.example", ".example"] {
        let error = account().with_universe(wrong).unwrap_err();
        assert!(error.to_string().contains("is no domain"), "{wrong}: {error}");
    }
}

#[test]
fn a_file_that_is_no_key_of_a_service_account_is_an_error_that_says_why() {
    let without = |member: &str| {
        let mut file: Value = serde_json::from_str(&file("hunter2", rsa(), GOOGLE)).unwrap();
        file.as_object_mut().unwrap().remove(member);
        file.to_string()
    };
    let user =
        json!({"type": "authorized_user", "private_key": rsa(), "client_email": "a"}).to_string();
    for (text, says) in [
        (without("client_email"), "no `client_email`"),
        (without("private_key"), "no JWK that can be read"),
        (user, "its `type` is not `service_account`"),
        (rsa().to_owned(), "no JSON file of a service account"),
        ("/var/run/key.json".to_owned(), "`Credential::file`"),
    ] {
        let error = GoogleServiceAccount::new(&*text, SCOPES).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let text = error.to_string();
        assert!(text.contains(says) && !text.contains("hunter2"), "{says}: {text}");
    }
    let file = || Credential::file("/run/key.json");
    for (scopes, says) in [(&[][..], "the list of scopes is empty"), (&["a b"], "has a blank")] {
        let error = GoogleServiceAccount::new(file(), scopes.to_vec()).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    // A file need not be there yet.
    AuthLayer::google_service_account(file(), SCOPES, "https://pubsub.googleapis.com").unwrap();
}
