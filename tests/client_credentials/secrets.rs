//! No secret is shown, and none is sent unencrypted (RFC 6749 sections 10.3 and 10.4).

use std::fmt::Debug;

use tower_outbound_auth::ErrorKind;
use tower_outbound_auth::endpoint::{Grant, TokenEndpoint};
use tower_outbound_auth::exchange::ExchangeErrorKind::Refused;

use crate::log::log_in_paused_time;
use crate::*;

const SECRET: &str = "canary secret/1";

fn clean(text: &str) {
    for part in ["canary", "secret/1", "secret%2F1", "Basic "] {
        assert!(!text.contains(part), "a secret is shown: {text}");
    }
}

fn shown(what: &impl Debug) {
    clean(&format!("{what:?} {what:#?}"));
}

fn confidential() -> ClientCredentials {
    scheme("the-client", SECRET).with_refresh_tokens()
}

/// Answers that contain the secrets in the worst places.
fn worst_answers() -> Vec<(u16, String)> {
    let body = |text: &str| text.replace("SECRET", SECRET);
    vec![
        (401, body(r#"{"error":"invalid_client","error_description":"not SECRET"}"#)),
        (401, body(r#"{"error":"bad secret SECRET"}"#)),
        (400, body(r#"{"error":"invalid_scope","scope":"SECRET"}"#)),
        (403, body("<html>SECRET</html>")),
        (503, body("SECRET")),
        (200, body(r#"{"access_token":"SECRET"}"#)),
        (200, body(r#"{"access_token":"canary","token_type":"canary pop"}"#)),
        (200, body(r#"{"access_token":{"canary":1}}"#)),
        (200, body(r#"{"access_token":"canary","access_token":"canary.2"}"#)),
        (200, body(r#"{"error":"SECRET"}"#)),
        (200, body(r#"{"canary":"canary"}"#)),
        (200, body("canary")),
    ]
}

#[tokio::test(start_paused = true)]
async fn rfc6749_13_no_error_shows_a_secret() {
    for (status, body) in worst_answers() {
        let source = Server::with(status, body).source(confidential());
        for _ in 0..2 {
            let error = source.token().await.unwrap_err();
            let mut next: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = next {
                clean(&format!("{error} {error:?}"));
                next = error.source();
            }
        }
        shown(&source.status());
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_13_a_refusal_is_recognised_even_if_its_code_contains_a_short_secret() {
    let server = Server::with(401, r#"{"error":"invalid_client"}"#);
    let error = server.source(scheme("id", "client")).token().await.unwrap_err();
    let exchange = error.exchange().unwrap();
    assert_eq!((exchange.kind(), exchange.code()), (Refused, Some("invalid_client")));
}

#[test]
fn rfc6749_13_no_log_and_no_debug_shows_a_secret() {
    let logs = log_in_paused_time(async {
        for (status, body) in worst_answers() {
            Server::with(status, body).source(confidential()).token().await.unwrap_err();
        }
        let issued = r#"{"access_token":"canary.1","refresh_token":"canary.2","expires_in":60}"#;
        let source = Server::with(200, issued).source(confidential());
        shown(source.presentation());
        shown(&source.presentation().identity());
        let api = Api::taking("another");
        for _ in 0..3 {
            assert_eq!(api.call(&source, get("/")).await.unwrap().status(), 401);
            shown(&source.token().await.unwrap());
            shown(&bound(&source));
            shown(&source);
            tokio::time::sleep(secs(60)).await;
        }
        assert_eq!(source.status().counters.refresh_tokens_spent, 5);
    });
    assert!(logs.contains("exchange succeeded") && logs.contains("exchange failed"), "{logs}");
    clean(&logs);
}

#[test]
fn rfc6749_13_plain_http_is_refused_unless_it_stays_on_this_machine() {
    let endpoint = |url: &str| ClientCredentials::new(url, "id", "secret").map(drop);
    for (host, fine) in [
        ("https://auth.example", true),
        ("http://127.0.0.1:8080", true),
        ("http://[::1]", true),
        ("http://auth.example", false),
        ("http://localhost.example", false),
        ("http://127.0.0.1.example", false),
        ("http://10.0.0.1", false),
    ] {
        assert_eq!(endpoint(&format!("{host}/token")).is_ok(), fine, "{host}");
        assert_eq!(Origin::parse(host).is_ok(), fine, "{host}");
    }
    let error = endpoint("http://auth.example/token").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    TokenEndpoint::danger_plain_http("http://auth.example/token")
        .expect("if it is asked for by name");
}

#[tokio::test(start_paused = true)]
async fn rfc6749_13_the_credential_does_not_go_to_the_api_over_plain_http() {
    let api = Api::new(|_| answer(200, ""));
    let source = Server::issuing().source(confidential());
    let request = Request::get("http://api.example/").body(Body::default()).unwrap();
    let error = api.call(&source, request).await.unwrap_err();
    assert_eq!(Error::find(&*error).unwrap().kind(), ErrorKind::Insecure);
    assert!(api.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn rfc6749_13_the_headers_that_carry_a_secret_are_marked_sensitive() {
    let marked = Arc::new(Mutex::new(Vec::new()));
    let client = service_fn({
        let marked = marked.clone();
        move |request: Request<Body>| {
            marked.lock().unwrap().push(request.headers()[AUTHORIZATION].is_sensitive());
            async { Ok::<_, BoxError>(answer(200, SUCCESS)) }
        }
    });
    let source =
        TokenSource::builder_over_http(confidential(), client).clock(TokioClock::new()).build();
    let api = Api::new(|_| answer(200, ""));
    api.call(&source, get("/")).await.unwrap();
    assert_eq!(*marked.lock().unwrap(), [true], "Basic");
    assert!(api.seen()[0].headers()[AUTHORIZATION].is_sensitive(), "Bearer");
}
