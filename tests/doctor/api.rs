//! What an API says about itself, and whom the doctor asks.

use std::sync::Arc;

use http::Response;

use crate::imitation::{Imitation, Received};
use crate::trap::Trap;
use crate::{Folder, assert_text, doctor, run};

const TOKEN: &str = r#"{"access_token":"an-opaque-token","token_type":"Bearer","expires_in":3600}"#;
const PLACE: &str = "/.well-known/oauth-protected-resource/v1";

fn json(body: &str) -> Response<String> {
    let response = Response::builder().header("content-type", "application/json");
    response.header("cache-control", "no-store").body(body.to_owned()).unwrap()
}

/// A token endpoint below `/main`, and an API whose metadata are this answer. `ROOT` in it is the root of the server.
async fn server(metadata: Response<String>) -> Imitation {
    let metadata = Arc::new(metadata);
    Imitation::start(move |request: &Received| match request.path() {
        "/main/token" => json(TOKEN),
        path if path.starts_with("/.well-known/") => {
            let root = format!("http://{}", request.header("host"));
            let (head, body) = (*metadata).clone().into_parts();
            Response::from_parts(head, body.replace("ROOT", &root))
        }
        path => panic!("{path} is asked"),
    })
    .await
}

/// The report on the API `/v1` of this server, and the exit code.
async fn report(server: &Imitation, folder: &Folder, path: &str) -> (String, u8) {
    let (endpoint, secret) =
        (format!("{}/main/token", server.root), folder.secret("billing", "s3cret"));
    let args = ["--endpoint", &endpoint, "--client-id", "billing", "--secret", &secret];
    let api = format!("{}{path}", server.root);
    let more = ["--api", &server.root, "--scope", "read admin", "--resource", &api];
    let outcome = run(&[&args[..], &more].concat()).await;
    (outcome.text, outcome.code)
}

/// The same, in one line.
async fn said(metadata: Response<String>, path: &str) -> (String, u8) {
    let (server, folder) = (server(metadata).await, Folder::new());
    let (text, code) = report(&server, &folder, path).await;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (words.replace(&server.root, "ROOT"), code)
}

#[tokio::test]
async fn the_metadata_of_an_api_are_read_first_and_without_a_credential() {
    let (trap, folder) = (Trap::new().await, Folder::new());
    let metadata = format!(
        r#"{{"resource":"ROOT/v1","authorization_servers":["ROOT/main","{}"],
            "scopes_supported":["read","write"]}}"#,
        trap.url
    );
    let server = server(json(&metadata)).await;
    let (text, code) = report(&server, &folder, "/v1").await;
    assert_text("api", &text, &folder);
    assert_eq!(code, 0);
    let received = server.received();
    let paths: Vec<_> = received.iter().map(Received::path).collect();
    assert_eq!(paths, [PLACE, "/main/token"]);
    assert_eq!((received[0].header("authorization"), &*received[0].body), ("", ""));
    trap.assert_untouched().await;
}

#[tokio::test]
async fn metadata_for_another_url_are_wrong_and_a_slash_is_named() {
    for (resource, path, text) in [
        (
            r#""resource":"ROOT/v1/""#,
            "/v1",
            "are for ROOT/v1/, and it is asked as ROOT/v1: a slash at the end",
        ),
        (r#""resource":"ROOT""#, "/", "are for ROOT, and it is asked as ROOT/: a slash at the end"),
        (
            r#""resource":"ROOT/v2""#,
            "/v1",
            "are for ROOT/v2, and it is asked as ROOT/v1: a client must not use them",
        ),
        (r#""name":"v1""#, "/v1", "have no `resource`"),
    ] {
        let (words, code) = said(json(&format!("{{{resource}}}")), path).await;
        assert!(words.contains(text), "{words}");
        assert!(words.contains("it names no authorization server"), "{words}");
        assert_eq!(code, 1);
    }
}

#[tokio::test]
async fn an_api_that_names_other_authorization_servers_is_a_note() {
    for (server, text) in [
        ("ROOT/other", "has the origin of ROOT/other, and is not below it"),
        ("https://idp.example", "has the origin of none of them"),
        ("ROOT", "is below ROOT, which is one of them"),
    ] {
        let metadata = format!(r#"{{"resource":"ROOT/v1","authorization_servers":["{server}"]}}"#);
        let (words, code) = said(json(&metadata), "/v1").await;
        assert!(words.contains(text), "{words}");
        assert_eq!(code, 0);
    }
}

#[tokio::test]
async fn an_api_without_metadata_is_a_note_and_a_redirect_is_not_followed() {
    let trap = Trap::new().await;
    let with = |status: u16| {
        let response = Response::builder().status(status).header("location", &trap.url);
        response.body(String::new()).unwrap()
    };
    let (words, code) = said(with(404), "/v1").await;
    assert!(words.contains(&format!("no metadata at ROOT{PLACE} (status 404)")), "{words}");
    assert_eq!(code, 0);
    let (words, code) = said(with(302), "/v1").await;
    assert!(words.contains("a redirect (status 302): not followed"), "{words}");
    assert_eq!(code, 0);
    trap.assert_untouched().await;
}

#[tokio::test]
async fn metadata_that_are_no_object_or_longer_than_256_kib_are_wrong() {
    let long = format!(r#"{{"resource":"ROOT/v1","x":"{}"}}"#, "x".repeat(256 * 1024));
    for body in ["<!doctype html>", "[]", "", &long] {
        let (words, code) = said(json(body), "/v1").await;
        assert!(words.contains("is no JSON object of at most 256 KiB"), "{words}");
        assert_eq!(code, 1);
    }
}

#[tokio::test]
async fn the_texts_of_an_api_forge_no_line() {
    let metadata = r#"{"resource":"ROOT/v1","authorization_servers":["https://a.example\n  ok     all is well\u001b[2J"]}"#;
    let (server, folder) = (server(json(metadata)).await, Folder::new());
    let (text, _) = report(&server, &folder, "/v1").await;
    assert!(!text.contains("\n  ok     all is well") && !text.contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn an_api_over_plain_http_elsewhere_or_with_a_query_is_not_asked() {
    for api in ["http://api.example/v1", "https://api.example/v1?key=hunter2", "api.example"] {
        let outcome = run(&["--config", "/nowhere/x.toml", "--resource", api]).await;
        assert!(outcome.text.contains("`--resource` is the URL of an API"), "{}", outcome.text);
        assert!(!outcome.text.contains("hunter2"));
        assert_eq!(outcome.code, doctor::BAD_USAGE);
    }
}

#[tokio::test]
async fn what_a_refusal_names_is_never_asked() {
    let (trap, folder) = (Trap::new().await, Folder::new());
    let headers = trap.headers();
    let server = Imitation::start(move |_| {
        let refusal = Response::builder().status(401);
        let refusal =
            headers.iter().fold(refusal, |refusal, (name, value)| refusal.header(*name, value));
        refusal.body("{}".to_owned()).unwrap()
    })
    .await;
    let (_, code) = report(&server, &folder, "/v1").await;
    assert_eq!((code, server.received().len()), (1, 2));
    trap.assert_untouched().await;
}
