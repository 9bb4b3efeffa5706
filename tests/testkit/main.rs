//! The embedded servers and the proxy themselves, so that tests can rely on them. A plain client tests them
//! over their sockets.
#![allow(clippy::unwrap_used, clippy::panic)] // the helpers are tests as well

mod fault_proxy;
mod oauth;
mod refresh;
mod rotating;
mod switches;
#[path = "../support/until.rs"]
mod until;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Builder;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::time::timeout;
use tower_outbound_auth::testkit::{
    AtlasProtocol, EmbeddedProtocol, EmbeddedServer, OAuthProtocol, OAuthServer, RotatingProtocol,
};

use self::until::until;

/// What a client must know about a protocol.
trait Speak: EmbeddedProtocol {
    /// An exchange without its URL.
    fn credentials(id: &str, secret: &str) -> (Builder, String);
    /// The token of an answer to an exchange.
    fn issued(answer: &Response<Bytes>) -> Option<String>;
    fn with_token(request: Builder, token: &str) -> Builder;
}

impl Speak for AtlasProtocol {
    fn credentials(id: &str, secret: &str) -> (Builder, String) {
        (Request::post("/").header("Client-Id", id).header("Client-Secret", secret), String::new())
    }

    fn issued(answer: &Response<Bytes>) -> Option<String> {
        member(answer, "access_token")
    }

    fn with_token(request: Builder, token: &str) -> Builder {
        request.header("Token", token)
    }
}

impl Speak for OAuthProtocol {
    fn credentials(id: &str, secret: &str) -> (Builder, String) {
        let request = Request::post("/").header(AUTHORIZATION, basic(&format!("{id}:{secret}")));
        (request.header(CONTENT_TYPE, FORM), "grant_type=client_credentials".to_owned())
    }

    fn issued(answer: &Response<Bytes>) -> Option<String> {
        member(answer, "access_token")
    }

    fn with_token(request: Builder, token: &str) -> Builder {
        request.header(AUTHORIZATION, format!("Bearer {token}"))
    }
}

impl Speak for RotatingProtocol {
    fn credentials(id: &str, secret: &str) -> (Builder, String) {
        let body = json!({"apiKey": id, "clientSecret": secret}).to_string();
        (Request::post("/").header(CONTENT_TYPE, JSON), body)
    }

    fn issued(answer: &Response<Bytes>) -> Option<String> {
        member(answer, "token")
    }

    fn with_token(request: Builder, token: &str) -> Builder {
        request.header(AUTHORIZATION, format!("Bearer {token}"))
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// The status of an answer, for comparing.
fn status<B>(answer: &Response<B>) -> u16 {
    answer.status().as_u16()
}

async fn exchange<P: Speak>(server: &EmbeddedServer<P>) -> Response<Bytes> {
    exchange_as(server, server.client_id(), server.client_secret()).await
}

async fn exchange_as<P: Speak>(
    server: &EmbeddedServer<P>,
    id: &str,
    secret: &str,
) -> Response<Bytes> {
    let (request, body) = P::credentials(id, secret);
    send(request.uri(server.endpoint()), body).await
}

async fn token<P: Speak>(server: &EmbeddedServer<P>) -> String {
    P::issued(&exchange(server).await).unwrap()
}

/// A request to the API.
async fn call<P: Speak>(server: &EmbeddedServer<P>, path: &str, token: &str) -> Response<Bytes> {
    send(P::with_token(Request::get(server.url(path)), token), "").await
}

/// A form to an OAuth token endpoint, without a client.
async fn post_form(server: &OAuthServer, body: &str) -> Response<Bytes> {
    let request = Request::post(server.endpoint()).header(CONTENT_TYPE, FORM);
    send(request, body.to_owned()).await
}

async fn send(request: Builder, body: impl Into<Bytes>) -> Response<Bytes> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(request.body(Full::new(body.into())).unwrap());
    // In real time: with a clock that does not move, a bug would wait for ever.
    let (head, body) = timeout(secs(20), answer).await.unwrap().unwrap().into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

fn body(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

fn member(answer: &Response<Bytes>, name: &str) -> Option<String> {
    serde_json::from_slice::<Value>(answer.body()).ok()?[name].as_str().map(str::to_owned)
}

fn claims(jwt: &str) -> Value {
    let claims = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
