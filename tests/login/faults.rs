//! What the callers get if a login goes wrong, and what the API says when a token is over.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{ServiceBuilder, ServiceExt};
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::Config;
use tower_outbound_auth::{AuthLayer, Error};

use crate::imitation::{Imitation, api, response};
use crate::log::Log;
use crate::{Secrets, get, layer};

const LOGIN: &str = r#"
[login]
name = "in-house"
client = "user"
token = "/token"
expires_in = "/life"
header = "x-token"
EXTRA
credentials = { user = "env:USER_NAME", password = "file:/run/password" }

[[login.steps]]
url = "https://a.example/login"
json = { user = "{user}", password = "{password}" }
"#;

/// A layer over a login with more lines, whose endpoint gives this answer.
async fn login(
    extra: &str,
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> (Imitation, AuthLayer, Secrets) {
    let server = Imitation::start(move |request| match request.path() {
        "/login" => response(status, headers, body),
        _ => api(request, "x-token", "t1"),
    })
    .await;
    let secrets = Secrets::new();
    let values = [("env:USER_NAME", "ada"), ("file:/run/password", "correct horse")];
    let layer = layer(&secrets.put_into(&LOGIN.replace("EXTRA", extra), &values, &server), &server);
    (server, layer, secrets)
}

/// The text and the kind of the error, without the address of the server.
async fn fails(
    extra: &str,
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> (String, ExchangeErrorKind) {
    let (server, layer, _secrets) = login(extra, status, headers, body).await;
    let error = get(&layer, &format!("{}/api", server.root)).await.unwrap_err();
    let error = Error::find(&*error).unwrap();
    let kind = error.exchange().unwrap().kind();
    (format!("{error:#}").replace(&server.root, "https://a.example"), kind)
}

#[tokio::test]
async fn a_refused_login_names_the_system_the_endpoint_and_the_place_of_the_client() {
    let (text, kind) = fails("", 401, &[], "correct horse is wrong").await;
    assert_eq!(kind, ExchangeErrorKind::Refused);
    let start = "no token: in-house (https://a.example/login, client from file ";
    let end = "): the token endpoint refuses the credentials: check them (status 401, refused)";
    assert!(text.starts_with(start) && text.ends_with(end), "{text}");
}

#[tokio::test]
async fn a_rule_gives_the_reason_in_its_own_words() {
    let rules =
        r#"refused = [{ status = 400, at = "/error/code", is = ["locked", "wrong_password"] }]"#;
    let (text, kind) = fails(rules, 400, &[], r#"{"error":{"code":"wrong_password"}}"#).await;
    assert_eq!(kind, ExchangeErrorKind::Refused);
    assert!(text.ends_with("check them (status 400, wrong_password)"), "{text}");
    // An answer that no rule names is an outage, even a 401: the list replaces the default.
    for (status, body) in [
        (401, "{}"),
        (400, r#"{"error":{"code":"other"}}"#),
        (503, r#"{"error":{"code":"locked"}}"#),
    ] {
        let (text, kind) = fails(rules, status, &[], body).await;
        assert_eq!(kind, ExchangeErrorKind::Unavailable, "{text}");
    }
}

#[tokio::test]
async fn an_answer_without_its_token_says_what_is_missing_and_what_to_do() {
    let (text, kind) =
        fails("", 200, &[("content-type", "application/json")], r#"{"key":"t1"}"#).await;
    assert_eq!(kind, ExchangeErrorKind::Malformed);
    let end = "the token endpoint's answer has no token at `/token`; if such an answer refuses the credentials, add a rule to \
               `refused`: application/json, 12 bytes (status 200)";
    assert!(text.ends_with(end), "{text}");
    let (text, _) = fails("", 200, &[("content-type", "text/html")], "<html>").await;
    assert!(
        text.contains(
            "has no token at `/token`: it is no JSON (`body` is the place of a whole text)"
        ),
        "{text}"
    );
    assert!(text.contains("A page of HTML is a login page"), "{text}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (text, kind) = fails("", 302, &[("location", "https://evil.example/x")], "").await;
    assert_eq!(kind, ExchangeErrorKind::Unavailable);
    assert!(text.contains("redirect to https://evil.example/x, which is not followed"), "{text}");
}

#[tokio::test]
async fn a_life_that_cannot_be_read_does_not_lose_the_token() {
    for body in
        [r#"{"token":"t1"}"#, r#"{"token":"t1","life":"soon"}"#, r#"{"token":"t1","life":-1}"#]
    {
        let (server, layer, _secrets) = login("", 200, &[], body).await;
        assert_eq!(
            get(&layer, &format!("{}/api", server.root)).await.unwrap().status(),
            200,
            "{body}"
        );
        let left = layer.source().status().expires_in.unwrap().as_secs();
        assert!((290..=300).contains(&left), "{body}: {left}");
    }
}

#[tokio::test]
async fn a_refused_refresh_token_is_followed_by_a_login_in_the_same_exchange() {
    let file = r#"
        [login]
        name = "pair"
        token = "/access"
        refresh_token = "/refresh"
        refused = [{ status = 401 }]
        credentials = { password = "file:/run/password" }
        [[login.steps]]
        url = "https://a.example/login"
        form = { password = "{password}" }
        [login.refresh]
        url = "https://a.example/refresh"
        form = { refresh = "{refresh_token}" }
    "#;
    for status in [400, 401, 404] {
        let logins = AtomicUsize::new(0);
        let server = Imitation::start(move |request| match request.path() {
            "/login" => {
                let number = logins.fetch_add(1, Relaxed) + 1;
                response(200, &[], &format!(r#"{{"access":"a{number}","refresh":"r{number}"}}"#))
            }
            "/refresh" => response(status, &[], "{}"),
            _ => api(request, "authorization", "Bearer a2"),
        })
        .await;
        let secrets = Secrets::new();
        let layer =
            layer(&secrets.put_into(file, &[("file:/run/password", "x")], &server), &server);
        assert_eq!(get(&layer, &format!("{}/api", server.root)).await.unwrap().status(), 200);
        let paths: Vec<_> = server.received().iter().map(|it| it.path().to_owned()).collect();
        assert_eq!(paths, ["/login", "/api", "/refresh", "/login", "/api"], "{status}");
        assert_eq!(layer.source().status().counters.exchanges(), 2);
    }
}

#[tokio::test]
async fn the_api_says_that_a_token_is_over_by_status_or_header() {
    let rules = r#"
        over = [{ status = 419 }, { status = 403, at = "header:x-reason", contains = "expired" }]
        doubted = [{ status = 404 }]
    "#;
    for (status, headers, renewed) in [
        (419, &[][..], true),
        (401, &[], true),
        (403, &[("x-reason", "Token EXPIRED")], true),
        (403, &[("x-reason", "forbidden")], false),
        (404, &[], true),
        (500, &[], false),
    ] {
        let server = Imitation::start(move |request| match request.path() {
            "/login" => response(200, &[], r#"{"token":"t1","life":600}"#),
            _ => response(status, headers, ""),
        })
        .await;
        let secrets = Secrets::new();
        let values = [("env:USER_NAME", "ada"), ("file:/run/password", "x")];
        let layer =
            layer(&secrets.put_into(&LOGIN.replace("EXTRA", rules), &values, &server), &server);
        assert_eq!(get(&layer, &format!("{}/api", server.root)).await.unwrap().status(), status);
        assert_eq!(server.to("/login").len(), 1 + usize::from(renewed), "{status} {headers:?}");
    }
}

#[tokio::test]
async fn a_value_that_no_header_can_have_is_an_error_that_names_the_header() {
    let file = r#"
        [login]
        name = "odd"
        token = "/token"
        credentials = { user = "file:/run/user", password = "file:/run/password" }
        [[login.steps]]
        url = "https://a.example/login"
        HOW
    "#;
    for (how, end) in [
        (
            r#"basic = ["{user}", "{password}"]"#,
            "the user of Basic has a colon, which RFC 7617 section 2 forbids",
        ),
        (
            r#"url = "https://a.example/{user}/{password}""#,
            "a value in the path of a login's URL is `.` or `..`",
        ),
    ] {
        let file = file.replace("HOW", how);
        let file = if how.starts_with("url") {
            file.replacen("url = \"https://a.example/login\"", "", 1)
        } else {
            file
        };
        let server = Imitation::start(|_| response(200, &[], r#"{"token":"t1"}"#)).await;
        let secrets = Secrets::new();
        let values = [("file:/run/user", "a:b"), ("file:/run/password", "..")];
        let layer = layer(&secrets.put_into(&file, &values, &server), &server);
        let error = get(&layer, &format!("{}/api", server.root)).await.unwrap_err();
        let error = Error::find(&*error).unwrap();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Configuration);
        assert!(format!("{error:#}").ends_with(end), "{error:#}");
        assert!(server.received().is_empty(), "nothing was sent");
    }
}

#[tokio::test]
async fn neither_debug_nor_an_error_shows_a_credential_or_a_value_of_the_file() {
    let (_server, layer, _secrets) = login("", 401, &[], "").await;
    let shown = format!("{layer:?} {:?}", layer.source().status());
    assert!(!shown.contains("correct") && !shown.contains("ada"), "{shown}");
    let file = r#"{"api":"https://a.example","login":{"name":"a","token":"/t","steps":[
        {"url":"https://a.example/x?key=hunter2","json":{"note":"hunter2"},"headers":{"x-note":"hunter2"}}]}}"#;
    let config: Config = serde_json::from_str(file).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
    let file = file.replace("\"login\":", "").replacen("{\"api\":\"https://a.example\",", "", 1);
    let login: tower_outbound_auth::system::Login =
        serde_json::from_str(file.strip_suffix('}').unwrap()).unwrap();
    assert!(!format!("{login:?}").contains("hunter2"), "{login:?}");
}

#[tokio::test]
async fn a_rule_about_a_body_works_with_the_layer_that_reads_bodies() {
    let rules = r#"
        over = [{ status = [200, 500], at = "/error", is = "session" }, { status = 403, at = "body", contains = "expired" }]
        doubted = [{ status = 404, at = "/code", is = 17 }]
    "#;
    for (status, body, renewed) in [
        (200, r#"{"error":"session"}"#, true),
        (200, r#"{"error":"other"}"#, false),
        (500, r#"{"error":"session"}"#, true),
        (403, "the session has EXPIRED", true),
        (404, r#"{"code":17}"#, true),
        (404, r#"{"code":18}"#, false),
    ] {
        let server = Imitation::start(move |request| match request.path() {
            "/login" => response(200, &[], r#"{"token":"t1","life":600}"#),
            _ => response(status, &[], body),
        })
        .await;
        let secrets = Secrets::new();
        let values = [("env:USER_NAME", "ada"), ("file:/run/password", "x")];
        let file = secrets.put_into(&LOGIN.replace("EXTRA", rules), &values, &server);
        let config: Config = toml::from_str(&format!("api = \"{}\"\n{file}", server.root)).unwrap();
        let inspect = config.inspect_body();
        let auth = AuthLayer::from_config(config).unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let stack = ServiceBuilder::new().layer(auth).layer(inspect).service(client);
        let request = Request::get(format!("{}/api", server.root)).body(Full::default()).unwrap();
        let answer = stack.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), body);
        assert_eq!(server.to("/login").len(), 1 + usize::from(renewed), "{status} {body}");
    }
}

#[tokio::test]
async fn an_error_of_several_requests_names_the_one_that_failed() {
    let file = r#"
        [login]
        name = "two"
        token = "/token"
        credentials = { password = "file:/run/password" }
        [[login.steps]]
        url = "https://a.example/first"
        form = { password = "{password}" }
        take = { code = "/code" }
        [[login.steps]]
        url = "https://a.example/{code}/second"
    "#;
    for (first, second, expected) in [
        (
            r#"{"code":7}"#,
            (401, "{}"),
            "step 2 (https://a.example/{code}/second): the token endpoint refuses the credentials: check them (status 401, refused)",
        ),
        (
            r#"{"code":7}"#,
            (200, "{}"),
            "step 2 (https://a.example/{code}/second): the token endpoint's answer has no token at `/token`; if",
        ),
        (
            r#"{"code":7}"#,
            (418, "{}"),
            "; if this answer refuses the credentials, add a rule to `refused` (status 418)",
        ),
        (
            r#"{}"#,
            (200, "{}"),
            "step 1 (https://a.example/first): the token endpoint's answer has no code at `/code`; if",
        ),
        (
            "text",
            (200, "{}"),
            "step 1 (https://a.example/first): the token endpoint's answer has no code at `/code`: it is no JSON (`body` is the place of a whole text); if",
        ),
    ] {
        let server = Imitation::start(move |request| match request.path() {
            "/first" => response(200, &[], first),
            _ => response(second.0, &[], second.1),
        })
        .await;
        let secrets = Secrets::new();
        let layer =
            layer(&secrets.put_into(file, &[("file:/run/password", "x")], &server), &server);
        let error = get(&layer, &format!("{}/api", server.root)).await.unwrap_err();
        let text = format!("{:#}", Error::find(&*error).unwrap())
            .replace(&server.root, "https://a.example");
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn a_rule_about_a_body_that_nothing_reads_is_one_warning() {
    let log = Log::default();
    let _guard = log.on_this_thread();
    let rules = r#"over = [{ status = 403, at = "/error", is = "session" }]"#;
    let server = Imitation::start(move |request| match request.path() {
        "/login" => response(200, &[], r#"{"token":"t1","life":600}"#),
        "/page" => response(403, &[("content-type", "text/html")], "<html>"),
        _ => response(403, &[("content-type", "application/json")], r#"{"error":"session"}"#),
    })
    .await;
    let secrets = Secrets::new();
    let values = [("env:USER_NAME", "ada"), ("file:/run/password", "x")];
    let layer = layer(&secrets.put_into(&LOGIN.replace("EXTRA", rules), &values, &server), &server);
    let warnings =
        || log.text().matches("nothing has read it: put `inspect_body` below the layer").count();
    get(&layer, &format!("{}/page", server.root)).await.unwrap();
    assert_eq!(warnings(), 0, "such a page cannot fit");
    for _ in 0..3 {
        assert_eq!(get(&layer, &format!("{}/api", server.root)).await.unwrap().status(), 403);
    }
    assert_eq!(warnings(), 1);
}
