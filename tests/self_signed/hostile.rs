//! Key files as editors and tools leave them, addresses that only look like Google's, and odd answers of GitHub.

use std::path::PathBuf;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::json;
use tower::service_fn;
use tower_outbound_auth::endpoint::Grant;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{
    GithubApp, GoogleServiceAccount, JwtKey, OAuthGrant, SelfSigned,
};
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{AuthLayer, BoxError, Credential, ErrorKind, TokenSource};

use crate::imitation::{Imitation, response};
use crate::keys::{p256, rsa, verified};
use crate::{Caller, MINUTE};

/// A file that is removed at the end.
struct File(PathBuf);

impl File {
    fn with(name: &str, text: impl AsRef<[u8]>) -> File {
        let name = format!("self-signed-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        File(path)
    }

    fn credential(&self) -> Credential {
        Credential::file(&self.0)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn account(key_id: &str, token_uri: &str) -> String {
    json!({"type": "service_account", "client_email": "a@b.example", "private_key_id": key_id, "private_key": rsa(),
        "token_uri": token_uri})
    .to_string()
}

#[tokio::test]
async fn a_key_file_is_read_however_a_tool_or_an_editor_left_it() {
    let pem = p256();
    let jwk = crate::keys::jwk();
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let parameters =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    for (name, text) in [
        ("plain", pem.to_owned()),
        ("crlf", pem.replace('\n', "\r\n")),
        ("bom", format!("\u{feff}{pem}")),
        ("blank-lines", format!("\n \n{pem}\n\n")),
        ("crlf-first", format!("\r\n{pem}")),
        (
            "bag",
            format!("Bag Attributes\r\n\tfriendlyName: x\nKey Attributes: <No Attributes>\n{pem}"),
        ),
        ("chain", format!("{certificate}{pem}{certificate}")),
        ("parameters", format!("{parameters}{pem}")),
        ("jwk", jwk.clone()),
        ("jwk-bom", format!("\u{feff}{jwk}\n")),
        ("jwk-blank-line", format!("\n{jwk}")),
        ("jwk-tabs", jwk.replace(',', ",\n\t")),
    ] {
        let file = File::with(name, text);
        let tokens = SelfSigned::new(JwtKey::new(file.credential()), "a", MINUTE).unwrap();
        let token = tokens.source().token().await;
        let token = token.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(verified(token.expose(), pem).is_some(), "{name}");
    }
}

#[tokio::test]
async fn the_file_of_a_service_account_is_read_with_a_byte_order_mark() {
    let text = format!("\u{feff}{}\r\n", account("abc", "https://oauth2.googleapis.com/token"));
    GoogleServiceAccount::new(&*text, ["x"]).unwrap();
    let file = File::with("account", text);
    let server =
        Imitation::start(|_| response(200, &[], r#"{"access_token":"t","expires_in":300}"#)).await;
    let account = GoogleServiceAccount::new(file.credential(), ["x"]).unwrap();
    let account = account.with_token_endpoint(format!("{}/token", server.root)).unwrap();
    let endpoint = account.endpoint().clone();
    let layer = AuthLayer::for_endpoint(account, &endpoint).unwrap();
    let caller = Caller::new(layer, &server, &ManualClock::new());
    assert_eq!(caller.status().await, 200);
}

#[test]
fn a_token_uri_that_only_looks_like_googles_is_an_error() {
    for uri in [
        "https://oauth2.googleapis.com./token",
        "https://oauth2.googleapis.com@evil.example/token",
        "https://user:pass@oauth2.googleapis.com/token",
        "https://googleapis.com.evil.example/token",
        "https://evil.example\\.googleapis.com/token",
        "https://evil.example\u{0}.googleapis.com/token",
        "https://evil.example%2f.googleapis.com/token",
        "https://evil.example%00.googleapis.com/token",
        "https://oauth2.g\u{00f6}ogleapis.com/token",
        "https://oauth2.googleapis\u{3002}com/token",
        "https://xn--googleapis.com/token",
        "https://[::1].googleapis.com/token",
        "https://evil.example:443#.googleapis.com/token",
        "https://oauth2.googleapis.com:99999/token",
        "https://oauth2.googleapis.com:/token",
        "https:oauth2.googleapis.com/token",
        "https:///oauth2.googleapis.com/token",
        "//oauth2.googleapis.com/token",
        " https://oauth2.googleapis.com/token",
        "http://127.0.0.1/token",
        "http://[::1]/token",
    ] {
        let made = GoogleServiceAccount::new(&*account("abc", uri), ["x"]);
        let Err(error) = made else { panic!("{uri}") };
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let error = error.to_string();
        assert!(error.contains("`token_uri`"), "{uri:.100}: {error}");
        assert!(!error.contains(char::is_control) && error.len() < 800, "{error}");
    }
}

#[test]
fn a_member_of_a_service_account_that_is_given_twice_is_an_error() {
    let good = account("abc", "https://oauth2.googleapis.com/token");
    for member in [
        r#""token_uri":"https://sts.googleapis.com/token""#,
        r#""client_email":"evil@b.example""#,
        r#""private_key_id":"other""#,
        r#""private_key":"x""#,
        r#""type":"service_account""#,
    ] {
        let twice = good.replacen('{', &format!("{{{member},"), 1);
        let error = GoogleServiceAccount::new(&*twice, ["x"]).unwrap_err().to_string();
        assert!(error.contains("JSON"), "{member}: {error}");
    }
}

#[test]
fn an_empty_text_is_an_error() {
    let of = |text: &str| GoogleServiceAccount::new(text, ["x"]);
    let google = account("abc", "https://oauth2.googleapis.com/token");
    let says = of(&google).unwrap().with_subject(" ").unwrap_err().to_string();
    assert!(says.contains("the subject is empty"), "{says}");
    let says = of(&google.replace("a@b.example", "")).unwrap_err().to_string();
    assert!(says.contains("it has no `client_email`"), "{says}");
    let key = || JwtKey::new(Credential::file("/run/key.pem"));
    let says = OAuthGrant::docusign(key(), "", "u", "account.docusign.com", &["x"]);
    assert!(says.unwrap_err().to_string().contains("the integration key is empty"));
}

#[tokio::test]
async fn a_universe_may_be_in_upper_case_and_the_file_names_a_host_below_it() {
    let place = File::with("universe", account("abc", "https://sts.cloud.example/token"));
    let file = place.credential();
    let of = || GoogleServiceAccount::new(file.clone(), ["x"]).unwrap();
    let account = of().with_universe("Cloud.Example").unwrap();
    let before = of().identity();
    let endpoint = service_fn(|request: Request<Full<Bytes>>| async move {
        assert_eq!(request.uri().host(), Some("sts.cloud.example"));
        Ok::<_, BoxError>(Response::new(Full::<Bytes>::from(r#"{"access_token":"t"}"#)))
    });
    TokenSource::over_http(account, endpoint).token().await.unwrap();
    assert_eq!(of().identity(), before, "what was read changes no identity");
}

#[test]
fn accounts_that_differ_in_any_part_have_different_identities() {
    let of = |scopes: [&str; 2]| GoogleServiceAccount::new(Credential::file("/a"), scopes).unwrap();
    let other = GoogleServiceAccount::new(Credential::file("/b"), ["x", "y"]).unwrap();
    let app = |app: &str, installation| {
        GithubApp::new(app, JwtKey::new(Credential::file("/a")), installation).unwrap().identity()
    };
    let all = [
        of(["x", "y"]).identity(),
        of(["x", "z"]).identity(),
        of(["x", "y"]).with_subject("a").unwrap().identity(),
        of(["x", "y"]).with_universe("cloud.example").unwrap().identity(),
        other.identity(),
        app("1", 2),
        app("1", 3),
        app("2", 2),
    ];
    for (number, identity) in all.iter().enumerate() {
        assert!(!all[..number].contains(identity), "{number}");
    }
    assert_eq!(of(["y", "x"]).identity(), all[0], "scopes are a set");
}

#[tokio::test]
async fn a_key_id_is_escaped_in_the_header_whatever_it_is() {
    for key_id in ["a\"b", "a\\", "a\r\nX: y", "\u{0}", "\u{202e}", "", &"k".repeat(1_000_000)] {
        let key = JwtKey::new(p256()).with_key_id(key_id);
        let tokens = SelfSigned::new(key, "a", MINUTE).unwrap();
        let token = tokens.source().token().await;
        match token {
            Ok(token) => {
                let (header, _) = verified(token.expose(), p256()).unwrap();
                assert_eq!(header["kid"], key_id);
            }
            // A header of a request is not that long.
            Err(error) => {
                assert!(key_id.len() > 1_000 && error.to_string().len() < 800, "{error}");
            }
        }
    }
}

#[tokio::test]
async fn the_error_of_a_key_that_is_a_value_names_the_system_and_the_client_alone() {
    let tokens = SelfSigned::app_store_connect(JwtKey::new(rsa()), "issuer").unwrap();
    let error = tokens.source().token().await.unwrap_err().to_string();
    assert!(error.starts_with("no token: app_store_connect (client \"issuer\"): "), "{error}");
}

#[test]
fn an_installation_zero_is_an_error_where_it_is_given() {
    let key = JwtKey::new(Credential::file("/run/key.pem"));
    let error = GithubApp::new("12", key, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("the installation id is 0"), "{error}");
}

/// The life that a source sees, or the error.
async fn life(body: &'static str) -> Result<Option<u64>, ExchangeErrorKind> {
    let clock = ManualClock::new();
    let date = crate::date(&clock);
    let server = Imitation::start(move |_| response(201, &[("date", &*date)], body)).await;
    let app = GithubApp::new("12", JwtKey::new(rsa()), 34).unwrap().with_api(&server.root).unwrap();
    let endpoint = app.endpoint().clone();
    let caller = Caller::new(AuthLayer::for_endpoint(app, &endpoint).unwrap(), &server, &clock);
    match caller.source.token().await {
        Ok(_) => Ok(caller.source.status().expires_in.map(|it| it.as_secs())),
        Err(error) => Err(error.exchange().unwrap().kind()),
    }
}

#[tokio::test]
async fn an_odd_time_of_expiry_of_github_is_not_believed() {
    const DEFAULT: u64 = 300;
    for (body, expected) in [
        (r#"{"token":"t","expires_at":"2025-01-01T01:00:00Z"}"#, Ok(Some(3_600))),
        (r#"{"token":"t","expires_at":"2025-01-01T02:00:00+01:00"}"#, Ok(Some(3_600))),
        (r#"{"token":"t","expires_at":1735693200}"#, Ok(Some(3_600))),
        (r#"{"token":"t","expires_at":"soon"}"#, Ok(Some(DEFAULT))),
        (r#"{"token":"t","expires_at":""}"#, Ok(Some(DEFAULT))),
        (r#"{"token":"t","expires_at":null}"#, Ok(Some(DEFAULT))),
        (r#"{"token":"t","expires_at":3600}"#, Ok(Some(DEFAULT))),
        (r#"{"token":"t","expires_at":["2025-01-01T01:00:00Z"]}"#, Ok(Some(DEFAULT))),
        (r#"{"token":"t","expires_at":"2024-12-31T23:00:00Z"}"#, Err(ExchangeErrorKind::Expired)),
        (
            r#"{"token":"t","expires_at":"2025-01-01T01:00:00Z","expires_at":"2026-01-01T01:00:00Z"}"#,
            Err(ExchangeErrorKind::Malformed),
        ),
        (r#"{"token":"t","token":"u"}"#, Err(ExchangeErrorKind::Malformed)),
        (r#"{"token":""}"#, Err(ExchangeErrorKind::Malformed)),
        (r#"{"token":1}"#, Err(ExchangeErrorKind::Malformed)),
        (r#"{"token":"t\r\nX: y"}"#, Err(ExchangeErrorKind::Malformed)),
        ("[]", Err(ExchangeErrorKind::Malformed)),
        ("", Err(ExchangeErrorKind::Malformed)),
    ] {
        assert_eq!(life(body).await, expected, "{body}");
    }
}
