//! An installation of a GitHub App.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{GithubApp, JwtKey};
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{AuthLayer, Credential, Error};

use crate::imitation::{Imitation, response};
use crate::keys::{Place, new_rsa, rsa, verified};
use crate::{Caller, MINUTE, date, secs};

const PATH: &str = "/api/v3/app/installations/34/access_tokens";
/// A JWT within the token. Its life is 60 s, and says nothing about the token.
const SHORT: &str = "eyJhbGciOiJub25lIn0.eyJpYXQiOjE3MzU2ODk2MDAsImV4cCI6MTczNTY4OTY2MH0.c2ln";

/// GitHub, with these keys of the app. A token is refused for 3 s after it was issued.
async fn github<const N: usize>(keys: [&'static str; N], clock: &ManualClock) -> Imitation {
    let clock = clock.clone();
    let issued = AtomicUsize::new(0);
    let births = std::sync::Mutex::new(Vec::new());
    Imitation::start(move |request| {
        let now = secs(&clock);
        let date = date(&clock);
        let answer = |status, body: &str| response(status, &[("date", &*date)], body);
        let bearer = request.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
        if request.path() != PATH {
            let number = bearer.strip_prefix("ghs_12_").and_then(|it| it.split_once('_'));
            let number = number.and_then(|(number, _)| number.parse::<usize>().ok());
            let born = number.and_then(|number| births.lock().unwrap().get(number).copied());
            let is_known = born.is_some_and(|born| (born + 3..born + 3_600).contains(&now));
            return answer(if is_known { 200 } else { 401 }, "{}");
        }
        assert_eq!((request.head.method.as_str(), &*request.body), ("POST", ""));
        assert!(!request.header("user-agent").is_empty());
        let Some((_, claims)) = keys.iter().find_map(|key| verified(bearer, key)) else {
            return answer(401, "{}");
        };
        let expected = serde_json::json!({"iss": "12", "iat": now - 60, "exp": now + 540});
        assert_eq!(claims, expected);
        let number = issued.fetch_add(1, Ordering::SeqCst);
        births.lock().unwrap().push(now);
        let ends = std::time::UNIX_EPOCH + Duration::from_secs(now + 3_600);
        let ends: String = rfc_3339(ends);
        answer(201, &format!(r#"{{"token":"ghs_12_{number}_{SHORT}","expires_at":"{ends}"}}"#))
    })
    .await
}

/// RFC 3339, for the days of these tests: 2025-01-01 and the day after it.
fn rfc_3339(time: std::time::SystemTime) -> String {
    let since = time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() - 1_735_689_600;
    let (day, second) = (since / 86_400 + 1, since % 86_400);
    format!("2025-01-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

fn caller(key: JwtKey, server: &Imitation, clock: &ManualClock) -> Caller<GithubApp> {
    let root = format!("{}/api/v3/", server.root);
    let app = GithubApp::new("12", key, 34).unwrap().with_api(&root).unwrap();
    let endpoint = app.endpoint().clone();
    let layer = AuthLayer::for_endpoint(app, &endpoint).unwrap();
    let layer = layer.rebuild_source(|source| source.settling_time(GithubApp::SETTLING_TIME));
    Caller::new(layer, server, clock)
}

#[tokio::test]
async fn one_exchange_serves_many_callers_and_a_new_token_is_used_when_it_has_settled() {
    let clock = ManualClock::new();
    let server = github([rsa()], &clock).await;
    let caller = caller(JwtKey::new(rsa()), &server, &clock);
    caller.source.token().await.unwrap();
    assert_eq!(caller.source.status().expires_in, Some(60 * MINUTE), "not that of the JWT in it");
    clock.advance(Duration::from_secs(6));
    assert!(caller.statuses(50).await.iter().all(|status| *status == 200));
    assert_eq!(server.to(PATH).len(), 1);
    // Three hours: each renewal is ahead of the end, and the old token is used until the new one has settled.
    for _ in 0..3 * 60 * 60 / 2 {
        clock.advance(Duration::from_secs(2));
        assert_eq!(caller.status().await, 200);
    }
    let refused = server.to("/documents").len();
    assert_eq!(refused, 50 + 3 * 60 * 60 / 2, "no request was sent twice");
    let exchanges = server.to(PATH).len();
    assert!((3..=4).contains(&exchanges), "{exchanges}");
}

#[tokio::test]
async fn a_rotated_key_signs_the_next_request_under_load() {
    let clock = ManualClock::new();
    let keys = [rsa(), new_rsa()];
    let server = github(keys, &clock).await;
    let place = Place::with(rsa());
    let caller = caller(JwtKey::new(place.credential()), &server, &clock);
    for turn in 0..10 {
        place.put(keys[turn % 2]);
        caller.source.token().await.unwrap();
        clock.advance(Duration::from_secs(6));
        assert!(caller.statuses(20).await.iter().all(|status| *status == 200), "{turn}");
        clock.advance(61 * MINUTE);
    }
    let sent = server.to(PATH);
    assert_eq!(sent.len(), 10);
    for (turn, request) in sent.iter().enumerate() {
        let jwt = request.header("authorization").strip_prefix("Bearer ").unwrap();
        assert!(verified(jwt, keys[turn % 2]).is_some(), "{turn}");
    }
}

#[tokio::test]
async fn an_error_says_what_to_do() {
    for (status, skew, kind, says) in [
        (401, 0, ExchangeErrorKind::Refused, "check that the key and the app id belong together"),
        (401, 93, ExchangeErrorKind::Refused, "our clock is 93 s behind the server's"),
        (404, 0, ExchangeErrorKind::Refused, "GitHub knows no installation 34 of this app"),
        (403, 0, ExchangeErrorKind::Unavailable, "refuses the request"),
        (500, 0, ExchangeErrorKind::Unavailable, "failed on its own side"),
        (200, 0, ExchangeErrorKind::Malformed, "has no `token`"),
    ] {
        let clock = ManualClock::new();
        let theirs = ManualClock::new();
        theirs.advance(Duration::from_secs(skew));
        let date = date(&theirs);
        let server = Imitation::start(move |_| response(status, &[("date", &*date)], "{}")).await;
        let error = caller(JwtKey::new(rsa()), &server, &clock).error().await;
        assert_eq!(error.exchange().unwrap().kind(), kind, "{error}");
        let text = error.to_string();
        assert!(text.contains(says) && text.contains("client \"12\""), "{text}");
        assert_eq!(text.contains("our clock is"), skew > 0, "{text}");
        assert_eq!(server.received().len(), 1);
    }
}

#[test]
fn an_app_that_cannot_work_is_an_error_where_it_is_made() {
    let key = || JwtKey::new(Credential::file("/run/key.pem"));
    let says = |made: Result<GithubApp, Error>| made.unwrap_err().to_string();
    assert!(says(GithubApp::new("", key(), 1)).contains("the app id is empty"));
    assert!(says(GithubApp::new("12", JwtKey::new("x"), 1)).contains("no private key"));
    let app = || GithubApp::new("12", key(), 1).unwrap();
    assert!(says(app().with_api("http://github.example")).contains("plain http"));
    assert!(says(app().with_api("https://github.example?x")).contains("has a query"));
    let layer = AuthLayer::github_app("12", key(), 1).unwrap();
    let options = format!("{:?}", layer.source().to_builder());
    assert!(options.contains("settling_time: 5s"), "{options}");
}
