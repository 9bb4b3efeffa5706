//! An API never chooses where credentials go: what a refusal names is not asked, on real sockets.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{OAuth, OAuthClient};
use tower_outbound_auth::{AuthLayer, Recovery};

use crate::imitation::{Imitation, Received};
use crate::trap::Trap;

const TOKEN: &str = r#"{"access_token":"t","token_type":"Bearer","expires_in":300}"#;

fn refusal(trap: &Trap) -> impl Fn(u16) -> Response<String> + Send + Sync + use<> {
    let headers = trap.headers();
    move |status| {
        let response = Response::builder().status(status);
        let response =
            headers.iter().fold(response, |response, (name, value)| response.header(*name, value));
        response.body("{}".to_owned()).unwrap()
    }
}

fn client() -> OAuthClient {
    OAuthClient::with_secret("billing", "the secret")
}

#[tokio::test]
async fn what_a_refusing_api_names_is_never_asked_and_goes_to_the_caller() {
    let trap = Trap::new().await;
    for status in [401, 403] {
        let refuse = refusal(&trap);
        let answer = move |request: &Received| match request.path() {
            "/token" => Response::new(TOKEN.to_owned()),
            _ => refuse(status),
        };
        let server = Imitation::start(answer).await;
        let system = OAuth::builder(format!("{}/token", server.root)).client(client());
        let auth = AuthLayer::oauth(system.build().unwrap(), server.root.as_str()).unwrap();
        let http = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let request = Request::get(format!("{}/documents", server.root)).body(Full::default());
        let response = auth.layer(http).oneshot(request.unwrap()).await.unwrap();
        auth.source().settled().await;
        assert_eq!(response.status(), status);
        assert!(response.extensions().get::<Recovery>().is_some());
        for (name, value) in trap.headers() {
            assert_eq!(response.headers()[name], value, "the caller may read it");
        }
        assert!(server.received().iter().all(|it| ["/token", "/documents"].contains(&it.path())));
    }
    trap.assert_untouched().await;
}

#[tokio::test]
async fn what_a_refusing_token_endpoint_names_is_never_asked() {
    let trap = Trap::new().await;
    for status in [400, 401, 403, 302, 307] {
        let refuse = refusal(&trap);
        let server = Imitation::start(move |_| refuse(status)).await;
        let system = OAuth::builder(format!("{}/token", server.root)).client(client());
        let auth = AuthLayer::oauth(system.build().unwrap(), "https://api.example").unwrap();
        auth.source().token().await.unwrap_err();
    }
    trap.assert_untouched().await;
}

#[tokio::test]
async fn what_the_server_of_an_issuer_names_in_a_refusal_is_never_asked() {
    let trap = Trap::new().await;
    for status in [401, 403, 404, 302] {
        let refuse = refusal(&trap);
        let server = Imitation::start(move |_| refuse(status)).await;
        let system = OAuth::discover(&format!("{}/main", server.root)).client(client());
        let auth = AuthLayer::oauth(system.build().unwrap(), "https://api.example").unwrap();
        let error = auth.source().token().await.unwrap_err();
        assert_ne!(error.exchange().unwrap().kind(), ExchangeErrorKind::Unreachable, "{error}");
        let received = server.received();
        assert!(received.iter().all(|it| it.path().contains("/.well-known/")));
        assert!(received.iter().all(|it| it.header("authorization").is_empty()));
    }
    trap.assert_untouched().await;
}
