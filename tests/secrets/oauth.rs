//! Clients of OAuth that sign: a key, a secret and an assertion, with an endpoint that quotes what it got.

use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::service_fn;
use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::system::Config;

use crate::canary::{Canaries, shown, texts_of};
use crate::log_of_all;

const D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
const SECRET: &str = "canary-secret-that-signs-assertions-and-is-long";

/// What a caller, an operator and a log see of a file whose endpoint answers like this. `{}` is what the endpoint got.
async fn said(folder: &str, proof: &str, status: u16, answer: &'static str, got: &Got) -> String {
    let file = format!(
        "api = \"https://api.example\"\n[oauth]\nendpoint = \"https://idp.example/token\"\nclient_id = \"billing\"\n\
         {proof} = \"file:{folder}/{proof}\"\n"
    );
    let (config, got) = (toml::from_str::<Config>(&file).unwrap(), got.clone());
    let texts = shown(&config);
    let endpoint = service_fn(move |request: Request<Full<Bytes>>| {
        let got = got.clone();
        async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            let assertion = body.rsplit_once('=').unwrap().1.to_owned();
            let answer = answer.replace("{signature}", assertion.rsplit('.').next().unwrap());
            let answer = answer.replace("{}", &assertion);
            got.lock().unwrap().push(assertion);
            let date = "Thu, 01 Jan 2015 00:00:00 GMT";
            let response = Response::builder().status(status).header("date", date);
            Ok::<_, io::Error>(response.body(Full::<Bytes>::from(answer)).unwrap())
        }
    });
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
