//! Clients of OAuth that sign: a key, a secret and an assertion, with an endpoint that quotes what it got.

use std::io;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::service_fn;
use tower::util::BoxCloneSyncService;
use tower_outbound_auth::system::{Config, JwtKey, OAuth, OAuthClient, OAuthGrant, TokenExchange};
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{AuthLayer, Credential, TokenSource};

use crate::canary::{Canaries, shown, texts_of};
use crate::log_of_all;

const ED25519_D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
const SECRET: &str = "canary-secret-that-signs-assertions-and-is-long";

/// An endpoint that answers like this. `{}` is the parameter `name` that it got.
fn quoting(status: u16, answer: &'static str, name: &'static str, got: &Got) -> Quoting {
    let got = got.clone();
    BoxCloneSyncService::new(service_fn(move |request: Request<Full<Bytes>>| {
        let got = got.clone();
        async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
            let assertion = pairs.rev().find(|(it, _)| *it == name).unwrap().1.to_owned();
            let answer = answer.replace("{signature}", assertion.rsplit('.').next().unwrap());
            let answer = answer.replace("{}", &assertion);
            got.lock().unwrap().push(assertion);
            let date = "Thu, 01 Jan 2015 00:00:00 GMT";
            let response = Response::builder().status(status).header("date", date);
            Ok::<_, io::Error>(response.body(Full::<Bytes>::from(answer)).unwrap())
        }
    }))
}

type Quoting = BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, io::Error>;

/// What a caller, an operator and a log see of a file whose endpoint answers like this. `{}` is what the endpoint got.
async fn said(folder: &str, proof: &str, status: u16, answer: &'static str, got: &Got) -> String {
    let file = format!(
        "api = \"https://api.example\"\n[oauth]\nendpoint = \"https://idp.example/token\"\nclient_id = \"billing\"\n\
         {proof} = \"file:{folder}/{proof}\"\n"
    );
    let config = toml::from_str::<Config>(&file).unwrap();
    let texts = shown(&config);
    let endpoint = quoting(status, answer, "client_assertion", got);
    let layer: AuthLayer = config.layer_over(endpoint);
    let error = layer.source().token().await.unwrap_err();
    texts
        + &texts_of(&error)
        + &texts_of(error.exchange().unwrap())
        + &shown(&layer.source().status())
        + &shown(&layer)
}

/// The assertions that the endpoint got.
type Got = Arc<Mutex<Vec<String>>>;

#[tokio::test]
async fn neither_a_key_nor_an_assertion_is_shown_whatever_the_endpoint_quotes() {
    log_of_all();
    let folder = std::env::temp_dir().join(format!("secrets-oauth-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let key = format!(
        r#"{{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"{D}"}}"#
    );
    let assertion = "canary.assertion.of.another.program-77aa";
    for (name, value) in [("key", &*key), ("secret_jwt", SECRET), ("assertion", assertion)] {
        std::fs::write(folder.join(name), value).unwrap();
    }
    let got = Got::default();
    let mut texts = String::new();
    for proof in ["key", "secret_jwt", "assertion"] {
        for (status, answer) in [
            (401, r#"{"error":"invalid_client","error_description":"{}"}"#),
            (401, r#"{"error":"{}"}"#),
            (400, r#"{"error":"{signature}"}"#),
            (400, r#"{"error":{"code":"{signature}"}}"#),
            (200, r#"{"error":"{signature}"}"#),
            (200, "<html>{}"),
            (500, r#"{"error":"{}"}"#),
        ] {
            texts += &said(folder.to_str().unwrap(), proof, status, answer, &got).await;
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    let mut canaries = Canaries::of([D, SECRET, assertion]);
    let got = got.lock().unwrap();
    assert_eq!(got.len(), 21);
    got.iter().for_each(|assertion| canaries.add(assertion));
    canaries.assert_absent("a text of an OAuth client", &texts);
    canaries.assert_absent("the log", &log_of_all().text());
    assert!(texts.contains("our clock is") && texts.contains("invalid_client"), "{texts}");
}

/// A JWT with these times, since the epoch of `TokioClock`.
fn jwt(subject: &str, iat: i64, exp: i64) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let [iat, exp] = [iat, exp].map(|time| 1_735_689_600 + time);
    let claims = format!(r#"{{"sub":"{subject}","iat":{iat},"exp":{exp}}}"#);
    format!("{}.{}.{}", part(r#"{"alg":"RS256"}"#), part(&claims), part("canary-signature-5150"))
}

#[tokio::test(start_paused = true)]
async fn neither_of_two_keys_nor_a_jwt_in_a_file_is_shown_after_a_refusal_or_at_its_end() {
    log_of_all();
    let folder = std::env::temp_dir().join(format!("secrets-two-keys-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let current = format!(
        r#"{{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"{D}"}}"#
    );
    let previous = format!(
        r#"{{"kty":"OKP","crv":"Ed25519","d":"{ED25519_D}","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}"#
    );
    let texts = [
        ("current", current),
        ("previous", previous),
        ("jwt", jwt("canary-subject-4711", -60, 600)),
        ("ended", jwt("canary-subject-0815", -600, -42)),
    ];
    for (name, text) in &texts {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let file = |name: &str| Credential::file(folder.join(name));
    let (got, mut said) = (Got::default(), String::new());
    for (status, answer) in [
        (401, r#"{"error":"invalid_client","error_description":"{} has expired"}"#),
        (400, r#"{"error":"invalid_grant","error_description":"exp of {}"}"#),
        (401, r#"{"error":"{signature} has expired","error_codes":[700024]}"#),
    ] {
        for jwt in ["jwt", "ended"] {
            let key = |name: &str| JwtKey::new(file(name));
            let keys = OAuthClient::with_key("a", key("current")).previous_key(key("previous"));
            let builder = || OAuth::builder("https://idp.example/token");
            let subject = OAuthGrant::TokenExchange(TokenExchange::of(file(jwt)));
            for (name, system) in [
                ("client_assertion", builder().client(keys)),
                ("client_assertion", builder().client(OAuthClient::with_assertion("a", file(jwt)))),
                ("assertion", builder().grant(OAuthGrant::JwtBearer(file(jwt)))),
                ("subject_token", builder().grant(subject)),
            ] {
                let (system, endpoint) =
                    (system.build().unwrap(), quoting(status, answer, name, &got));
                said += &shown(&system);
                let source = TokenSource::builder_over_http(system, endpoint);
                let source = source.clock(TokioClock::new()).build();
                let error = source.token().await.unwrap_err();
                said += &(texts_of(&error) + &texts_of(error.exchange().unwrap()));
                said += &shown(&source.status());
            }
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    let mut canaries = Canaries::of([D, ED25519_D, "canary-subject-4711", "canary-subject-0815"]);
    texts[2..].iter().for_each(|(_, jwt)| canaries.add(jwt));
    let got = got.lock().unwrap();
    got.iter().for_each(|assertion| canaries.add(assertion));
    canaries.assert_absent("a text of an OAuth client", &said);
    canaries.assert_absent("the log", &log_of_all().text());
    for part in
        ["the current and the previous key", "old, and ends in", "ended 43 s ago", "our clock is"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
}
