//! Endpoints that quote what they got, part by part: each grant, Google, GitHub, and an issuer's own server.

use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::service_fn;
use tower_outbound_auth::endpoint::Scheme;
use tower_outbound_auth::system::{
    GithubApp, GoogleServiceAccount, JwtKey, OAuth, OAuthClient, OAuthGrant, TokenExchange,
};
use tower_outbound_auth::{Credential, TokenSource};

use crate::canary::{Canaries, shown, texts_of};
use crate::log_of_all;

const SUBJECT: &str = "subject-77aa-canary-of-another-source";
const ACTOR: &str = "actor-88bb-canary-of-a-service";
const ASSERTION: &str = "assertion-99cc-canary-of-a-file";
const GATEWAY: &str = "gateway-11dd-canary-of-a-header";
const SECRET: &str = "secret-22ee-canary-of-a-client-0123456789";
/// The private number of the P-256 key, and the beginning of the RSA key's text.
const D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";

fn p256() -> JwtKey {
    JwtKey::new(format!(
        r#"{{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"{D}"}}"#
    ))
}

fn rsa() -> String {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../data/oauth_keys.json")).unwrap();
    vectors.pointer("/key_files/good/rsa_pkcs8").unwrap().as_str().unwrap().to_owned()
}

/// What the endpoint answers, with a part of the request for `{}`.
const ANSWERS: [(u16, &str, &str); 11] = [
    (400, "", r#"{"error":"{}"}"#),
    (401, "", r#"{"error":{"code":"x {}"},"error_description":"{}"}"#),
    (200, "", r#"{"error":"no such {}"}"#),
    (200, "", r#"{"errorCode":"{}"}"#),
    (302, "https://idp.example/{}?a={}#{}", ""),
    (302, "/folder/{}", ""),
    (500, "", r#"{"error":"{}"}"#),
    (200, "", "{}"),
    (200, "", r#"{"issued_token_type":"{}","token_type":"{} dpop","access_token":"t"}"#),
    (200, "", r#"{"access_token":"t","token_type":"x {}","expires_in":300}"#),
    (200, "", r#"{"access_token":"t","token_type":"Bearer","expires_in":300,"scope":"x {}"}"#),
];

/// What a caller, an operator and the log see of a system whose endpoint quotes each part of each request.
async fn said<S: Scheme>(system: impl Fn() -> S, canaries: &mut Canaries) -> String {
    let mut texts = String::new();
    for number in 0.. {
        let mut parts = 0;
        for (status, location, template) in ANSWERS {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let got = seen.clone();
            let endpoint = service_fn(move |request: Request<Full<Bytes>>| {
                let got = got.clone();
                async move {
                    if request.method() == "GET" {
                        let metadata = r#"{"issuer":"https://idp.example","token_endpoint":"https://idp.example/t"}"#;
                        return Ok(Response::new(Full::<Bytes>::from(metadata)));
                    }
                    let (head, body) = request.into_parts();
                    let headers = head.headers.iter().filter(|(_, value)| value.is_sensitive());
                    let mut parts: Vec<_> = headers
                        .map(|(_, value)| value.to_str().unwrap())
                        .map(|it| it.split_once(' ').map_or(it, |(_, value)| value).to_owned())
                        .collect();
                    let form = body.collect().await.unwrap().to_bytes();
                    let form = String::from_utf8(form.to_vec()).unwrap();
                    let names = [
                        "client_secret",
                        "assertion",
                        "client_assertion",
                        "subject_token",
                        "actor_token",
                    ];
                    parts.extend(form.split('&').filter_map(|pair| {
                        let (name, value) = pair.split_once('=')?;
                        names.contains(&name).then(|| value.to_owned())
                    }));
                    got.lock().unwrap().extend(parts.iter().cloned());
                    let part = parts.get(number).cloned().unwrap_or_default();
                    let answer = Response::builder().status(status);
                    let answer = answer.header("location", location.replace("{}", &part));
                    let body = Full::from(template.replace("{}", &part));
                    Ok::<_, io::Error>(answer.body(body).unwrap())
                }
            });
            let source = TokenSource::over_http(system(), endpoint).erased();
            if let Err(error) = source.token().await {
                texts += &texts_of(&error);
                texts += &texts_of(error.exchange().unwrap());
            } else if let Ok(probe) = source.probe().await {
                texts += &format!("{probe} {probe:?}");
            }
            texts += &shown(&source.status());
            let seen = seen.lock().unwrap();
            seen.iter().for_each(|part| canaries.add(part));
            parts = parts.max(seen.len());
        }
        if number + 1 >= parts {
            assert!(parts > 0);
            return texts;
        }
    }
    unreachable!()
}

#[tokio::test]
async fn nothing_that_was_sent_is_shown_whatever_part_of_it_an_endpoint_quotes() {
    log_of_all();
    let mut canaries = Canaries::of([SUBJECT, ACTOR, ASSERTION, GATEWAY, SECRET, D]);
    let builder =
        || OAuth::builder("https://idp.example/t").endpoint_header("x-key", GATEWAY).scope("x");
    let exchange = || {
        let actor = TokenExchange::of(SUBJECT).actor(ACTOR, "urn:x");
        builder().grant(OAuthGrant::TokenExchange(actor))
    };
    let mut texts = String::new();
    texts += &said(|| exchange().build().unwrap(), &mut canaries).await;
    let client = || OAuthClient::with_secret("billing", SECRET);
    texts += &said(|| exchange().client(client()).build().unwrap(), &mut canaries).await;
    let bearer = || builder().grant(OAuthGrant::JwtBearer(ASSERTION.into()));
    texts += &said(|| bearer().build().unwrap(), &mut canaries).await;
    let client = || OAuthClient::with_key("billing", p256());
    texts += &said(|| bearer().client(client()).build().unwrap(), &mut canaries).await;
    let client = || OAuthClient::with_secret_jwt("billing", SECRET);
    let discovered =
        || OAuth::discover("https://idp.example").scope("x").client(client()).build().unwrap();
    texts += &said(discovered, &mut canaries).await;
    let file = serde_json::json!({"type": "service_account", "client_email": "a@b.example",
        "private_key_id": "abc", "private_key": rsa()})
    .to_string();
    let google = || GoogleServiceAccount::new(&*file, ["x"]).unwrap();
    texts += &said(google, &mut canaries).await;
    let key = rsa();
    let github = || GithubApp::new("12", JwtKey::new(Credential::from(&*key)), 34).unwrap();
    texts += &said(github, &mut canaries).await;
    key.lines().filter(|line| !line.starts_with('-')).for_each(|line| {
        if line.len() > 20 {
            canaries.add(line);
        }
    });
    canaries.assert_absent("a text", &texts);
    canaries.assert_absent("the log", &log_of_all().text());
    assert!(texts.contains("withheld"), "a code was withheld");
}
