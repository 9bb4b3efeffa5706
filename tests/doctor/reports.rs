//! Whole reports.

use std::time::{Duration, UNIX_EPOCH};

use http::{Response, StatusCode};
use tower_outbound_auth::clock::{Clock, SystemClock};
use tower_outbound_auth::testkit::{AtlasServer, MalformedAnswer, OAuthServer, RotatingServer};

use crate::imitation::Imitation;
use crate::tls::Setup;
use crate::{Folder, assert_text, run};

const TOKEN: &str = r#"{"access_token":"an-opaque-token","token_type":"Bearer","expires_in":3600}"#;

/// Runs the doctor with flags, for client credentials.
async fn flags(folder: &Folder, endpoint: &str, secret: &str, more: &[&str]) -> (String, u8) {
    let secret = folder.secret("billing", secret);
    let api = "https://api.example";
    let args =
        ["--endpoint", endpoint, "--client-id", "billing", "--secret", &secret, "--api", api];
    let outcome = run(&[&args, more].concat()).await;
    (outcome.text, outcome.code)
}

async fn oauth() -> OAuthServer {
    OAuthServer::start().await.unwrap().with_client("billing", "the-billing-secret")
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<String> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    let response = headers.iter().fold(response, |it, (name, value)| it.header(*name, *value));
    response.body(body.to_owned()).unwrap()
}

#[tokio::test]
async fn all_is_well_with_a_server_like_keycloak() {
    let (server, folder) = (oauth().await, Folder::new());
    let scope = ["--scope", "reports:read"];
    let (text, code) = flags(&folder, &server.endpoint(), "the-billing-secret", &scope).await;
    assert_text("well", &text, &folder);
    assert_eq!((code, server.counts().exchanges), (0, 1));
}

#[tokio::test]
async fn a_refresh_check_asks_twice_and_says_that_the_tokens_change() {
    let (server, folder) = (oauth().await.with_refresh_tokens(), Folder::new());
    let check = ["--refresh-check"];
    let (text, code) = flags(&folder, &server.endpoint(), "the-billing-secret", &check).await;
    assert_text("refresh_check", &text, &folder);
    assert_eq!((code, server.exchange_requests().len()), (0, 2));
}

#[tokio::test]
async fn a_refresh_check_says_that_the_same_token_comes_again() {
    let (server, folder) = (oauth().await, Folder::new());
    server.set_sticky(true);
    let check = ["--refresh-check"];
    let (text, code) = flags(&folder, &server.endpoint(), "the-billing-secret", &check).await;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("the credentials were shown; the same token came"), "{text}");
    assert!(words.contains("no refresh token came") && !text.contains("refresh_tokens"), "{text}");
    assert_eq!((code, server.exchange_requests().len()), (0, 2));
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_reported_and_nothing_is_sent() {
    let (server, folder) = (oauth().await, Folder::new());
    let endpoint = server.endpoint();
    let secret = format!("file:{}/nowhere", folder.path());
    let args = ["--endpoint", &endpoint, "--client-id", "billing", "--secret", &secret];
    let outcome = run(&[&args[..], &["--api", "https://api.example"]].concat()).await;
    assert_text("no_secret", &outcome.text, &folder);
    assert_eq!((outcome.code, server.exchange_requests().len()), (1, 0));
}

#[tokio::test]
async fn a_wrong_secret_is_refused_once() {
    let (server, folder) = (oauth().await, Folder::new());
    let (text, code) = flags(&folder, &server.endpoint(), "another-secret", &[]).await;
    assert_text("wrong_secret", &text, &folder);
    assert_eq!((code, server.exchange_requests().len()), (1, 1));
}

#[tokio::test]
async fn a_wrong_path_names_the_place_of_the_right_one() {
    let (server, folder) = (oauth().await, Folder::new());
    let path = "/realms/test/token";
    server.fail_path(path, Some(StatusCode::NOT_FOUND));
    let (text, code) = flags(&folder, &server.url(path), "the-billing-secret", &[]).await;
    assert_text("wrong_path", &text, &folder);
    assert_eq!(code, 1);
}

#[tokio::test]
async fn a_page_of_html_is_no_token_endpoint() {
    let folder = Folder::new();
    let page = "<!doctype html><title>Sign in</title>";
    let html =
        |_: &_| Response::builder().header("content-type", "text/html").body(page.to_owned());
    let server = Imitation::start(move |it| html(it).unwrap()).await;
    let (text, code) = flags(&folder, &format!("{}/login", server.root), "secret", &[]).await;
    assert_text("html", &text, &folder);
    assert_eq!(code, 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (server, folder) = (oauth().await, Folder::new());
    server.redirect_path("/token", StatusCode::FOUND, "https://login.example/sign-in?next=1");
    let (text, code) = flags(&folder, &server.url("/token"), "the-billing-secret", &[]).await;
    assert_text("redirect", &text, &folder);
    assert_eq!((code, server.counts().exchanges), (1, 0));
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let folder = Folder::new();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let endpoint = format!("http://127.0.0.1:{port}/token");
    let (text, code) = flags(&folder, &endpoint, "secret", &[]).await;
    assert_text("closed_port", &text, &folder);
    assert_eq!(code, 1);
}

#[tokio::test]
async fn a_token_without_a_life_gets_the_default() {
    let (server, folder) = (oauth().await, Folder::new());
    let body = r#"{"access_token":"an-opaque-token","token_type":"Bearer"}"#;
    server.set_malformed(Some(MalformedAnswer::Custom(StatusCode::OK, body.into())));
    let (text, code) = flags(&folder, &server.endpoint(), "the-billing-secret", &[]).await;
    assert_text("no_life", &text, &folder);
    assert_eq!(code, 0);
}

#[tokio::test]
async fn a_clock_that_is_ten_minutes_ahead_is_wrong() {
    let folder = Folder::new();
    let server = Imitation::start(|_| {
        let now = UNIX_EPOCH + SystemClock::new().now().since_epoch();
        let date = httpdate::fmt_http_date(now + Duration::from_secs(600));
        answer(200, &[("date", &date), ("cache-control", "no-store")], TOKEN)
    });
    let endpoint = format!("{}/token", server.await.root);
    let (text, code) = flags(&folder, &endpoint, "secret", &[]).await;
    assert_text("clock", &text, &folder);
    assert_eq!(code, 1);
}

#[tokio::test]
async fn a_certificate_that_is_signed_by_itself_is_refused_and_described() {
    let (setup, folder) = (Setup::new().await, Folder::new());
    let endpoint = setup.endpoint("localhost");
    let (text, code) = flags(&folder, &endpoint, "secret", &[]).await;
    assert_text("self_signed", &text, &folder);
    assert_eq!((code, setup.server.counts().exchanges), (1, 0));
}

#[tokio::test]
async fn a_certificate_of_the_ca_file_is_taken() {
    let (setup, folder) = (Setup::new().await, Folder::new());
    let (server, ca) = (&setup.server, folder.write("ca.pem", &setup.certificate));
    let secret = folder.secret("atlas", server.client_secret());
    let endpoint = setup.endpoint("localhost");
    let args = ["--system", "atlas", "--endpoint", &endpoint, "--client-id", server.client_id()];
    let outcome = run(&[&args[..], &["--secret", &secret, "--ca-file", &ca]].concat()).await;
    assert_text("ca_file", &outcome.text, &folder);
    assert_eq!(outcome.code, 0);
}

#[tokio::test]
async fn a_server_that_takes_only_post_refuses_basic_and_the_doctor_names_post() {
    let folder = Folder::new();
    let server = Imitation::start(|request| match request.header("authorization") {
        "" => answer(200, &[("cache-control", "no-store")], TOKEN),
        _ => answer(
            401,
            &[("www-authenticate", "Basic realm=\"x\"")],
            r#"{"error":"invalid_client"}"#,
        ),
    });
    let server = server.await;
    let endpoint = format!("{}/token", server.root);
    let (text, code) = flags(&folder, &endpoint, "secret", &[]).await;
    assert_text("basic_refused", &text, &folder);
    assert_eq!((code, server.received().len()), (1, 1));
    let (text, code) = flags(&folder, &endpoint, "secret", &["--auth", "post"]).await;
    assert_text("post_taken", &text, &folder);
    assert_eq!((code, server.received().len()), (0, 2));
}

#[tokio::test]
async fn a_server_that_decodes_nothing_takes_the_raw_encoding() {
    let folder = Folder::new();
    let server = Imitation::start(|request| match request.header("authorization") {
        "Basic YmlsbGluZzphIHNlY3JldA==" => answer(200, &[("cache-control", "no-store")], TOKEN),
        _ => answer(401, &[], r#"{"error":"invalid_client"}"#),
    });
    let endpoint = format!("{}/token", server.await.root);
    let (text, code) = flags(&folder, &endpoint, "a secret", &[]).await;
    assert_text("raw_taken", &text, &folder);
    assert_eq!(code, 0);
}

#[tokio::test]
async fn atlas() {
    let (server, folder) = (AtlasServer::start().await.unwrap(), Folder::new());
    let secret = folder.secret("atlas", server.client_secret());
    let (endpoint, id) = (server.endpoint(), server.client_id());
    let args = ["--system", "atlas", "--endpoint", &endpoint, "--client-id", id];
    let outcome = run(&[&args[..], &["--secret", &secret]].concat()).await;
    assert_text("atlas", &outcome.text, &folder);
    assert_eq!((outcome.code, server.counts().exchanges), (0, 1));
}

#[tokio::test]
async fn rotating() {
    let (server, folder) = (RotatingServer::start().await.unwrap(), Folder::new());
    let secret = folder.secret("secret", server.client_secret());
    let (root, key) = (server.api_root(), folder.secret("key", server.client_id()));
    let args = ["--system", "rotating", "--endpoint", &root, "--client-id", &key];
    let outcome = run(&[&args[..], &["--secret", &secret]].concat()).await;
    assert_text("rotating", &outcome.text, &folder);
    assert_eq!((outcome.code, server.counts().exchanges), (0, 1));
}

#[tokio::test]
async fn a_login_file() {
    let folder = Folder::new();
    let server = Imitation::start(|_| {
        let cookie = "session=abc-def-session; Path=/; Max-Age=1800";
        answer(200, &[("set-cookie", cookie)], "{}")
    });
    let root = server.await.root;
    let password = folder.secret("password", "the-password");
    let file = format!(
        "api = \"{root}\"\n[login]\nname = \"intranet\"\ntoken = \"cookie:session\"\nheader = \"cookie\"\n\
         value = \"session={{token}}\"\ncredentials = {{ password = \"{password}\" }}\n[[login.steps]]\n\
         url = \"{root}/login?tenant=7\"\njson = {{ password = \"{{password}}\" }}\n"
    );
    let path = folder.write("intranet.toml", &file);
    let outcome = run(&["--config", &path]).await;
    assert_text("login", &outcome.text, &folder);
    assert_eq!(outcome.code, 0);
}

/// The key of RFC 7515 appendix A.3.
const P256: &str = r#"{"kty":"EC","crv":"P-256","kid":"2026-01","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;

/// The report on a file with the table `oauth`, and the assertion that was sent.
async fn oauth_file(
    folder: &Folder,
    name: &str,
    status: u16,
    body: &'static str,
    proof: &str,
) -> (String, String) {
    let server =
        Imitation::start(move |_| answer(status, &[("cache-control", "no-store")], body)).await;
    let file = format!(
        "api = \"https://api.example\"\n[oauth]\nendpoint = \"{}/token\"\nclient_id = \"billing\"\n\
         scope = [\"read\", \"write\"]\n{proof}\n",
        server.root
    );
    let path = folder.write("billing.toml", &file);
    let outcome = run(&["--config", &path]).await;
    assert_text(name, &outcome.text, folder);
    assert_eq!(outcome.code, u8::from(status != 200));
    let body = server.received()[0].body.clone();
    let assertion = body.split_once("client_assertion=").map_or("", |(_, it)| it);
    (outcome.text, assertion.to_owned())
}

#[tokio::test]
async fn the_proof_of_an_oauth_client_is_named_and_not_shown() {
    let folder = Folder::new();
    let key = folder.secret("billing.jwk", P256);
    let key = format!("key = \"{key}\"");
    let (text, assertion) = oauth_file(&folder, "oauth_key", 200, TOKEN, &key).await;
    assert!(text.contains("ES256, kid 2026-01") && assertion.len() > 200, "{text}");
    for part in assertion.split('.') {
        assert!(!text.contains(part), "{text}");
    }
    let refused = r#"{"error":"invalid_client"}"#;
    let (text, assertion) = oauth_file(&folder, "oauth_key_refused", 401, refused, &key).await;
    assert!(!text.contains(assertion.rsplit('.').next().unwrap()), "{text}");
    assert!(!text.contains("--auth"), "{text}");
}

#[tokio::test]
async fn a_signing_secret_and_a_public_client_are_named_too() {
    let folder = Folder::new();
    let secret = folder.secret("billing", "a secret of thirty-two bytes, or more");
    let secret = format!("secret_jwt = \"{secret}\"");
    let (text, _) = oauth_file(&folder, "oauth_secret_jwt", 200, TOKEN, &secret).await;
    assert!(text.contains("(client_secret_jwt), alg HS256") && !text.contains("thirty"), "{text}");
    let (text, _) = oauth_file(&folder, "oauth_public", 200, TOKEN, "auth = \"none\"").await;
    assert!(text.contains("none (a public client, a certificate, or no client)"), "{text}");
}

#[tokio::test]
async fn an_issuer_is_named_and_its_metadata_counts_as_a_request() {
    let folder = Folder::new();
    let key = folder.secret("billing.jwk", P256);
    let server = Imitation::start(|request| {
        let root = format!("http://{}", request.header("host"));
        match request.path() {
            "/realm/.well-known/openid-configuration" => {
                let body = format!(r#"{{"issuer":"{root}/realm","token_endpoint":"{root}/t"}}"#);
                answer(200, &[], &body)
            }
            "/t" => answer(200, &[("cache-control", "no-store")], TOKEN),
            _ => answer(404, &[], ""),
        }
    })
    .await;
    // The file does not show the client id, so the report does not show it in the assertion.
    let id = folder.secret("id", "billing-7");
    let file = format!(
        "api = \"https://api.example\"\n[oauth]\nissuer = \"{}/realm\"\nclient_id = {{ from = \"{id}\" }}\n\
         key = \"{key}\"\n",
        server.root
    );
    let path = folder.write("billing.toml", &file);
    let outcome = run(&["--config", &path]).await;
    assert_text("oauth_issuer", &outcome.text, &folder);
    assert_eq!((outcome.code, server.received().len()), (0, 4));
    assert!(!outcome.text.contains("billing-7"), "{}", outcome.text);
}

#[tokio::test]
async fn a_token_file_needs_no_endpoint() {
    let folder = Folder::new();
    let token = folder.write("token", "an-opaque-token-in-a-file");
    let file = format!("api = \"https://api.example\"\n[token_file]\npath = \"{token}\"\n");
    let path = folder.write("platform.toml", &file);
    let outcome = run(&["--config", &path]).await;
    assert_text("token_file", &outcome.text, &folder);
    assert_eq!(outcome.code, 0);
}

/// The report on a file with this table, which names the server's root.
async fn table(name: &str, content_type: &'static [(&str, &str)], table: &str) {
    let folder = Folder::new();
    let server = Imitation::start(move |_| answer(200, content_type, TOKEN)).await;
    let secret = folder.secret("secret", "the-secret-of-an-app");
    let table = table.replace("ROOT", &server.root).replace("SECRET", &secret);
    let path = folder.write("api.toml", &format!("api = \"https://api.example\"\n{table}"));
    let outcome = run(&["--config", &path]).await;
    assert_text(name, &outcome.text, &folder);
    assert_eq!((outcome.code, server.received().len()), (0, 1));
}

#[tokio::test]
async fn a_tenant_of_entra() {
    let entra = "[entra]\ntenant = \"contoso\"\nauthority = \"ROOT\"\nclient_id = \"app-1\"\n\
                 client_secret = \"SECRET\"\nscope = \"https://api.example/.default\"\n";
    table("entra", &[("cache-control", "no-store")], entra).await;
}

#[tokio::test]
async fn a_machine_of_a_cloud_has_no_secret() {
    let google = "[google_metadata]\nendpoint = \"ROOT\"\naccount = \"reader@project.example\"\n";
    table("google_metadata", &[("metadata-flavor", "Google")], google).await;
    let azure = "[azure_managed_identity]\nendpoint = \"ROOT\"\nresource = \"https://api.example\"\n\
                 client_id = \"app-1\"\n";
    table("azure_managed_identity", &[], azure).await;
}

#[tokio::test]
async fn a_bad_file_is_reported_with_its_line_and_without_its_values() {
    let folder = Folder::new();
    let file = "api = \"https://api.example\"\n\n[client_credentials]\n\
                endpoint = \"https://idp.example/token\"\nclient_id = \"billing\"\n\
                client_secret = \"hunter2-hunter2\"\n";
    let path = folder.write("bad.toml", file);
    let outcome = run(&["--config", &path]).await;
    assert_text("bad_file", &outcome.text, &folder);
    assert_eq!(outcome.code, 1);
    assert!(!outcome.text.contains("hunter2"));
}
