//! What the scheme does, and how many lines it has.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use outside::Vault;
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::{AuthLayer, Credential, Origin, TokenSource};

type Body = Full<Bytes>;

/// The requests to the login endpoint, and the status of its answers.
#[derive(Clone, Default)]
struct Login(Arc<Mutex<(Vec<String>, StatusCode)>>);

impl Login {
    fn source(&self) -> TokenSource<Vault> {
        let path = std::env::temp_dir().join(format!("outside-{}", std::process::id()));
        std::fs::write(&path, "hunter2\n").unwrap();
        let login = self.clone();
        let endpoint = service_fn(move |request: Request<Body>| {
            let login = login.clone();
            async move {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let mut state = login.0.lock().unwrap();
                state.0.push(String::from_utf8(body.to_vec()).unwrap());
                let number = state.0.len();
                let answer = Body::from(format!("token-{number} refresh-{number}"));
                let answer = Response::builder().status(state.1).body(answer).unwrap();
                Ok::<_, Infallible>(answer)
            }
        });
        TokenSource::over_http(Vault { password: Credential::file(path) }, endpoint)
    }

    fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().0.clone()
    }
}

#[tokio::test]
async fn after_an_expired_session_the_request_is_sent_again() {
    let login = Login::default();
    let layer =
        AuthLayer::new(login.source()).with_origin(Origin::parse("https://vault.example").unwrap());
    let api = service_fn(|request: Request<Body>| async move {
        let is_current = request.headers()["x-session"] == "token-2";
        let status = if is_current { 200 } else { 419 };
        Ok::<_, Infallible>(Response::builder().status(status).body(Body::default()).unwrap())
    });
    let request = Request::get("https://vault.example/secret").body(Body::default()).unwrap();
    let response = layer.layer(api).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(login.asked(), ["password hunter2", "refresh refresh-1"]);
}

#[tokio::test]
async fn the_system_s_own_refusal_causes_a_renewal() {
    let login = Login::default();
    login.0.lock().unwrap().1 = StatusCode::IM_A_TEAPOT;
    let error = login.source().token().await.unwrap_err();
    let failure = error.exchange().unwrap();
    assert_eq!((failure.kind(), failure.code()), (ExchangeErrorKind::Refused, Some("locked_out")));
}

#[test]
fn the_scheme_takes_at_most_fifty_lines() {
    let text = include_str!("../src/lib.rs");
    let is_code = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with("//") && !line.starts_with("use ")
    };
    let lines = text.lines().filter(is_code).count();
    assert!(lines <= 50, "{lines}");
}
