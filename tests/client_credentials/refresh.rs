//! Refresh tokens, if the user wants them (RFC 6749 section 6).

use std::sync::atomic::AtomicBool;

use tower_outbound_auth::exchange::ExchangeErrorKind::{Refused, Unavailable};

use crate::*;

/// An endpoint that issues refresh tokens. `refresh` is its answer to a refresh token.
fn refreshing(refresh: impl Fn() -> Response<Body> + Send + Sync + 'static) -> Server {
    Server::new(move |asked| {
        if asked.body.starts_with("grant_type=refresh_token") {
            return refresh();
        }
        answer(200, r#"{"access_token":"abc","expires_in":60,"refresh_token":"r 1"}"#)
    })
}

/// The bodies of three exchanges, a minute apart.
async fn bodies_of_three(server: Server, scheme: ClientCredentials) -> Vec<String> {
    let source = server.source(scheme);
    for _ in 0..3 {
        source.token().await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    server.asked().into_iter().map(|asked| asked.body).collect()
}

const CREDENTIALS: &str = "grant_type=client_credentials&scope=a+b&resource=urn%3Ax";
const FIRST_REFRESH: &str = "grant_type=refresh_token&refresh_token=r+1&resource=urn%3Ax";
const SECOND_REFRESH: &str = "grant_type=refresh_token&refresh_token=r2&resource=urn%3Ax";

fn scheme_with_refresh() -> ClientCredentials {
    scheme("id", "secret").with_scope("a b").with_resource("urn:x").with_refresh_tokens()
}

#[tokio::test(start_paused = true)]
async fn rfc6749_6_a_refresh_token_is_not_used_by_default() {
    let server = refreshing(|| panic!("nobody asked"));
    assert_eq!(bodies_of_three(server, scheme("id", "secret")).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn rfc6749_12_a_refresh_authenticates_the_client_and_has_no_scope() {
    let server = refreshing(|| answer(200, r#"{"access_token":"def","expires_in":60}"#));
    bodies_of_three(server.clone(), scheme_with_refresh()).await;
    for asked in server.asked() {
        assert_eq!(asked.basic(), "id:secret");
        assert_eq!(asked.uri, ENDPOINT);
        assert_eq!(asked.body.contains("scope"), asked.body.contains("client_credentials"));
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_12_a_new_refresh_token_replaces_the_old_one_which_is_otherwise_kept() {
    let new = r#"{"access_token":"def","expires_in":60,"refresh_token":"r2"}"#;
    let none = r#"{"access_token":"def","expires_in":60,"refresh_token":null}"#;
    for (body, third) in [(new, SECOND_REFRESH), (none, FIRST_REFRESH)] {
        let bodies = bodies_of_three(refreshing(move || answer(200, body)), scheme_with_refresh());
        assert_eq!(bodies.await, [CREDENTIALS, FIRST_REFRESH, third]);
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_11_after_a_refused_refresh_token_the_same_exchange_uses_the_credentials() {
    for (status, body) in [
        (400, r#"{"error":"invalid_grant"}"#),
        (400, ""),
        (401, r#"{"error":"invalid_client"}"#),
        (401, r#"{"error":"unauthorized_client"}"#),
        (403, ""),
    ] {
        let bodies =
            bodies_of_three(refreshing(move || answer(status, body)), scheme_with_refresh());
        let expected = [CREDENTIALS, FIRST_REFRESH, CREDENTIALS, FIRST_REFRESH, CREDENTIALS];
        assert_eq!(bodies.await, expected, "{status} {body}");
    }
}

/// Only an answer to a refresh token keeps that refresh token.
#[tokio::test(start_paused = true)]
async fn rfc6749_11_a_refused_refresh_token_is_not_used_again() {
    let first = AtomicBool::new(true);
    let server = Server::new(move |asked| {
        if asked.body.starts_with("grant_type=refresh_token") {
            answer(400, r#"{"error":"invalid_grant"}"#)
        } else if first.swap(false, Ordering::Relaxed) {
            answer(200, r#"{"access_token":"abc","expires_in":60,"refresh_token":"r 1"}"#)
        } else {
            answer(200, r#"{"access_token":"def","expires_in":60}"#)
        }
    });
    let bodies = bodies_of_three(server, scheme_with_refresh()).await;
    assert_eq!(bodies, [CREDENTIALS, FIRST_REFRESH, CREDENTIALS, CREDENTIALS]);
}

#[tokio::test(start_paused = true)]
async fn rfc6749_11_an_endpoint_without_refresh_tokens_gets_one_such_request() {
    for (status, body) in [
        (400, r#"{"error":"unsupported_grant_type"}"#),
        (400, r#"{"error":"unauthorized_client"}"#),
    ] {
        let bodies =
            bodies_of_three(refreshing(move || answer(status, body)), scheme_with_refresh());
        let expected = [CREDENTIALS, FIRST_REFRESH, CREDENTIALS, CREDENTIALS];
        assert_eq!(bodies.await, expected, "{status} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_11_after_an_outage_the_refresh_token_is_not_sent_again() {
    for status in [500, 502, 503, 429, 408, 302, 404, 405, 501] {
        let server = refreshing(move || answer(status, r#"{"error":"invalid_grant"}"#));
        let source = server.source(scheme_with_refresh());
        source.token().await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(kind(&source.token().await.unwrap_err()), Unavailable, "{status}");
        assert_eq!(server.asked().len(), 2, "there is one request per pause");
        tokio::time::sleep(Duration::from_secs(1)).await;
        source.token().await.unwrap();
        assert_eq!(server.asked()[2].body, CREDENTIALS, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_9_an_unusable_refresh_token_is_ignored() {
    for odd in ["7", "true", "[]", "\"\""] {
        let body = format!(r#"{{"access_token":"abc","expires_in":60,"refresh_token":{odd}}}"#);
        let server = Server::new(move |_| {
            Response::builder().status(200).body(Body::from(body.clone())).unwrap()
        });
        let bodies = bodies_of_three(server, scheme_with_refresh()).await;
        assert_eq!(bodies, [CREDENTIALS; 3], "{odd}");
    }
}

/// An endpoint that issues refresh tokens. It reads Basic without decoding until `upgraded`, and then
/// decodes it.
fn upgrading(upgraded: Arc<AtomicBool>) -> Server {
    Server::new(move |asked| {
        let decodes = upgraded.load(Ordering::Relaxed);
        let expected = if decodes { "i%20d:s%2F1" } else { "i d:s/1" };
        if asked.basic() != expected {
            return answer(401, r#"{"error":"invalid_client"}"#);
        }
        answer(200, r#"{"access_token":"abc","expires_in":60,"refresh_token":"r 1"}"#)
    })
}

#[tokio::test(start_paused = true)]
async fn rfc6749_1_and_12_a_refresh_uses_the_encoding_that_works_and_finds_a_new_one() {
    let upgraded = Arc::new(AtomicBool::new(false));
    let server = upgrading(upgraded.clone());
    let source = server.source(scheme("i d", "s/1").with_refresh_tokens());
    let next = async || {
        let before = server.asked().len();
        source.token().await.unwrap();
        tokio::time::sleep(secs(60)).await;
        let shown = |asked: &Asked| {
            let grant = asked.body.split('&').next().unwrap().trim_start_matches("grant_type=");
            format!("{grant} {}", asked.basic())
        };
        server.asked()[before..].iter().map(shown).collect::<Vec<_>>()
    };
    let (percent, raw) = ("i%20d:s%2F1", "i d:s/1");
    let (show, refresh) = ("client_credentials", "refresh_token");
    assert_eq!(next().await, [format!("{show} {percent}"), format!("{show} {raw}")]);
    assert_eq!(next().await, [format!("{refresh} {raw}")]);
    upgraded.store(true, Ordering::Relaxed);
    let found = [format!("{refresh} {raw}"), format!("{show} {raw}"), format!("{show} {percent}")];
    assert_eq!(next().await, found);
    assert_eq!(next().await, [format!("{refresh} {percent}")]);
}

/// An endpoint that refuses its refresh tokens, and accepts the credentials `times` times.
fn revoked(times: usize) -> Server {
    let issued = AtomicUsize::new(0);
    Server::new(move |asked| {
        if asked.body.starts_with("grant_type=refresh_token") {
            return answer(400, r#"{"error":"invalid_grant"}"#);
        }
        let n = issued.fetch_add(1, Ordering::Relaxed) + 1;
        if n > times {
            return answer(401, r#"{"error":"invalid_client"}"#);
        }
        let body =
            format!(r#"{{"access_token":"t-{n}","expires_in":3600,"refresh_token":"r-{n}"}}"#);
        answer(200, body)
    })
}

#[tokio::test(start_paused = true)]
async fn rfc9700_6_after_a_family_was_revoked_the_credentials_are_used_once() {
    let (server, api) = (revoked(2), Api::taking("t-2"));
    let source = server.source(scheme("id", "secret").with_refresh_tokens());
    for _ in 0..10 {
        assert_eq!(api.call(&source, get("/")).await.unwrap().status(), 200);
    }
    assert_eq!(api.tokens()[..3], ["t-1", "t-2", "t-2"]);
    let bodies: Vec<_> = server.asked().into_iter().map(|asked| asked.body).collect();
    let (credentials, refresh) =
        ("grant_type=client_credentials", "grant_type=refresh_token&refresh_token=r-1");
    assert_eq!(bodies, [credentials, refresh, credentials]);
}

#[tokio::test(start_paused = true)]
async fn rfc9700_6_if_the_credentials_are_revoked_too_the_error_says_so_and_there_is_no_loop() {
    let (server, api) = (revoked(1), Api::taking("t-2"));
    let source = server.source(scheme("id", "secret").with_refresh_tokens());
    for _ in 0..100 {
        assert_eq!(
            api.call(&source, get("/")).await.unwrap().status(),
            401,
            "the caller gets the API's answer"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(
        server.asked().len(),
        3,
        "the requests had credentials, a refresh token, and credentials"
    );
    let error = source.status().last_error.unwrap();
    assert_eq!((error.kind(), error.code()), (Refused, Some("invalid_client")));
    for _ in 0..1_000 {
        let _ = api.call(&source, get("/")).await;
        tokio::time::sleep(secs(3)).await;
    }
    let asked = server.asked();
    assert!(asked.len() < 25, "{} requests in 50 minutes", asked.len());
    let spent = asked.iter().filter(|it| it.body.contains("refresh_token")).count();
    assert_eq!(spent, 1, "a revoked refresh token is not sent again");
}

#[tokio::test(start_paused = true)]
async fn rfc9700_1_no_exchange_is_a_password_grant() {
    let server = refreshing(|| answer(400, r#"{"error":"invalid_grant"}"#));
    for body in bodies_of_three(server, scheme_with_refresh()).await {
        let grant = body.split('&').next().unwrap().to_owned();
        let grants = ["grant_type=client_credentials", "grant_type=refresh_token"];
        assert!(grants.contains(&&*grant), "{body}");
        assert!(!body.contains("username") && !body.contains("password"), "{body}");
    }
}
