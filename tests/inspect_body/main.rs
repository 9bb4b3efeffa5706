//! Verdicts from a body: a judge sees the beginning of it, and the caller gets all of it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)] // the helpers are tests as well

mod bodies;
mod doubts;
mod limits;
mod presets;
mod scripted;
mod stacks;
mod streams;
mod verdicts;
mod wire;

use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, service_fn};
use tower_outbound_auth::scheme::{Judge, Verdict};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ScriptedExchange, TokioClock};
use tower_outbound_auth::{Auth, AuthLayer, BoxError, InspectBody, Origin, TokenSource};

type Body = Full<Bytes>;
type Answer = UnsyncBoxBody<Bytes, BoxError>;

const API: &str = "https://api.example";

/// What this API's judge reads as a refusal.
const EXPIRED: &str = r#"{"error":{"code":"invalid_session"}}"#;

fn judge() -> Judge {
    Judge::new(|response| {
        let code = response.body_member("/error/code");
        match response.is_refusal() || code.is_some_and(|code| code == "invalid_session") {
            true => Verdict::Refused,
            false => Verdict::Accepted,
        }
    })
}

/// A source whose tokens are `token-1`, `token-2`, … and its layer, on tokio's clock.
struct World {
    exchange: ScriptedExchange,
    source: TokenSource<HeaderScheme>,
    layer: AuthLayer<HeaderScheme>,
}

fn world() -> World {
    let exchange = ScriptedExchange::new();
    let source = TokenSource::builder(HeaderScheme::bearer(), exchange.clone());
    let source = source.clock(TokioClock::new()).build();
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
    World { exchange, source, layer: layer.with_judge(judge()) }
}

/// The requests that an API got: the token and the body of each.
type Seen = Arc<Mutex<Vec<(String, Bytes)>>>;

/// An API in memory, whose answer depends on the token.
fn api(
    seen: &Seen,
    answer: impl Fn(&str) -> Response<Answer> + Clone + Send + 'static,
) -> impl Service<Request<Body>, Response = Response<Answer>, Error = BoxError, Future: Send>
+ Clone
+ Send {
    let seen = seen.clone();
    service_fn(move |request: Request<Body>| {
        let (seen, answer) = (seen.clone(), answer.clone());
        async move {
            let token = token_of(request.headers());
            let body = request.into_body().collect().await?.to_bytes();
            let response = answer(&token);
            seen.lock().unwrap().push((token, body));
            Ok(response)
        }
    })
}

fn token_of(headers: &http::HeaderMap) -> String {
    let value = headers[AUTHORIZATION].to_str().unwrap();
    value.strip_prefix("Bearer ").unwrap().to_owned()
}

fn response(status: u16, body: impl Into<Bytes>) -> Response<Answer> {
    let body = Body::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    Response::builder().status(status).body(body).unwrap()
}

fn get() -> Request<Body> {
    Request::get(format!("{API}/orders")).body(Body::default()).unwrap()
}

fn post(body: &'static str) -> Request<Body> {
    Request::post(format!("{API}/orders")).body(Body::from(body)).unwrap()
}

async fn text<B>(response: Response<B>) -> String
where
    B: http_body::Body<Error: std::fmt::Debug>,
{
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Tokio's paused clock. Only timers move it.
fn now() -> tokio::time::Instant {
    #[allow(clippy::disallowed_methods)] // the ban is for the crate
    tokio::time::Instant::now()
}
