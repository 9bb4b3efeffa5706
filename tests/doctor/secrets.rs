//! No report has a secret, a token, a refresh token or a cookie, whatever the server sends back.

use http::Response;

use crate::canary::{Canaries, percent_encoded};
use crate::imitation::{Imitation, Received};
use crate::{Folder, run};

const ID: &str = "canary-id/4f1c";
const SECRET: &str = "canary secret+%41/é9d2";
const TOKEN: &str = "canary.access.token-77aa";
const REFRESH: &str = "canary-refresh-token-55bb";
const COOKIE: &str = "canary-cookie-33cc";

fn canaries() -> Canaries {
    Canaries::of([ID, SECRET, "canary.access.token-77aa", REFRESH, COOKIE])
}

/// Everything that the request has, in a form that a header can have.
fn echo(request: &Received) -> String {
    let headers = ["authorization", "client-id", "client-secret"];
    // The headers may have bytes that are no text.
    let headers = headers.map(|name| {
        let value = request.head.headers.get(name);
        value.map_or_else(String::new, |it| String::from_utf8_lossy(it.as_bytes()).into_owned())
    });
    format!("{} {} {}", headers.join(" "), request.body, percent_encoded(SECRET))
}

fn visible(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).collect()
}

/// An answer that repeats the request in each place that the doctor reads.
fn answer(request: &Received, status: u16, body: &str) -> Response<String> {
    let echoed = visible(&echo(request));
    let quoted = echoed.replace(['"', '\\'], "");
    let body = body.replace("ECHO", &quoted);
    Response::builder()
        .status(status)
        .header("content-type", format!("application/json; x=\"{quoted}\""))
        .header("www-authenticate", format!("Basic realm=\"{quoted}\""))
        .header("cache-control", format!("x=\"{quoted}\""))
        .header("retry-after", &quoted)
        .header("x-ratelimit-remaining", &quoted)
        .header("location", "https://login.example/canary-cookie-33cc?canary-refresh-token-55bb")
        .header("set-cookie", format!("session={COOKIE}; Path=/{REFRESH}"))
        .body(body)
        .unwrap()
}

/// A body with a token, and then everything twice.
const GOOD: &str = r#"{"access_token":"canary.access.token-77aa","token_type":"Bearer","expires_in":3600,
    "refresh_token":"canary-refresh-token-55bb","scope":"ECHO canary-refresh-token-55bb email"}"#;

const ANSWERS: [(u16, &str); 12] = [
    (200, GOOD),
    (
        200,
        r#"{"token":"canary.access.token-77aa","token_type":"ECHO","expires_in":"ECHO","scope":"ECHO"}"#,
    ),
    (
        200,
        r#"{"access_token":"canary.access.token-77aa","token_type":"canary-refresh-token-55bb","expires_in":0}"#,
    ),
    (200, r#"{"id_token":"canary.access.token-77aa"}"#),
    (200, r#"{"error":"ECHO","error_description":"ECHO"}"#),
    (400, r#"{"error":"invalid_client","error_description":"ECHO","error_uri":"https://x/ECHO"}"#),
    (401, r#"{"error":"ECHO"}"#),
    (401, "ECHO"),
    (302, ""),
    (404, "ECHO"),
    (429, "ECHO"),
    (503, "<html>ECHO"),
];

#[tokio::test]
async fn no_report_has_a_secret_whatever_the_server_repeats() {
    let (folder, canaries) = (Folder::new(), canaries());
    assert!(canaries.count() > 40 && TOKEN.contains("canary"));
    let (id, secret) = (folder.secret("id", ID), folder.secret("secret", SECRET));
    let mut reports = 0;
    for (status, body) in ANSWERS {
        let server = Imitation::start(move |request| answer(request, status, body)).await;
        let endpoint = format!("{}/token", server.root);
        let client = ["--client-id", &id, "--secret", &secret, "--api", "https://api.example"];
        let of = |system: &'static str| ["--system", system, "--endpoint", &endpoint];
        let oauth = [&of("client_credentials")[..], &client].concat();
        for args in [
            oauth.clone(),
            [&oauth[..], &["--auth", "post", "--scope", "email profile"]].concat(),
            [&oauth[..], &["--auth", "basic-raw", "--refresh-check"]].concat(),
            [&oauth[..], &["--auth", "basic-form"]].concat(),
            [&of("atlas")[..], &client].concat(),
        ] {
            let text = run(&args).await.text;
            canaries.assert_absent(&format!("{args:?}, {status} {body}"), &text);
            reports += 1;
        }
        let file = login(&server.root, &id, &secret);
        let text = run(&["--config", &folder.write("login.toml", &file)]).await.text;
        canaries.assert_absent(&format!("login, {status} {body}"), &text);
    }
    assert_eq!(reports, 60);
}

/// The secrets are in its URL, its headers and its body.
fn login(root: &str, id: &str, secret: &str) -> String {
    format!(
        "api = \"{root}\"\n[login]\nname = \"in-house\"\ntoken = \"/access_token\"\n\
         credentials = {{ id = \"{id}\", secret = \"{secret}\" }}\n[[login.steps]]\n\
         url = \"{root}/login/{{secret}}?id={{id}}&key=canary-cookie-33cc\"\njson = {{ id = \"{{id}}\", secret = \"{{secret}}\" }}\n"
    )
}

#[tokio::test]
async fn a_file_with_a_secret_in_a_wrong_place_is_not_quoted() {
    let folder = Folder::new();
    let canaries = canaries();
    for file in [
        format!("api = \"https://a.example\"\n[atlas]\nclient_secret = \"{SECRET}\"\n"),
        format!("api = \"https://a.example\"\natlas = \"{SECRET}\"\n"),
        format!("api = \"{SECRET}\"\n"),
        format!("api = \"https://a.example\"\n[client_credentials]\nauth = \"{SECRET}\"\n"),
        format!("api = \"https://a.example\"\n[login]\ncredentials = {{ a = \"{SECRET}\" }}\n"),
        format!("api = \"https://a.example\"\nexchange_timeout = \"{SECRET}\"\n"),
        format!("api = \"https://a.example\"\n[atlas]\nclient_secret \"{SECRET}\"\n"),
    ] {
        let outcome = run(&["--config", &folder.write("x.toml", &file)]).await;
        canaries.assert_absent(&file, &outcome.text);
        assert!(outcome.text.contains("line"), "{}", outcome.text);
        assert_eq!(outcome.code, 1);
    }
}
