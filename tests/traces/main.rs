//! The spans of a source, as a reader sees them in a trace viewer: exported by `tracing-opentelemetry`, into memory.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod callers;
#[path = "../secrets/canary.rs"]
#[allow(dead_code)]
mod canary;
mod failures;
mod requests;
mod secrets;
mod viewer;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::service_fn;
use tower_outbound_auth::endpoint::{
    ExchangeAnswer, ExchangeRequest, Grant, RequestContext, Scheme, Step,
};
use tower_outbound_auth::exchange::{ExchangeError, Identity, Issued};
use tower_outbound_auth::scheme::{InvalidToken, Presentation, plain_value};
use tower_outbound_auth::system::Atlas;
use tower_outbound_auth::token::SourceBuilder;
use tower_outbound_auth::{BoxError, Secret, TokenSource};

const ENDPOINT: &str = "https://idp.example/v1/authtoken?tenant=7";

/// A source whose token endpoint answers with this status and body.
fn source(status: u16, body: &'static str) -> TokenSource<Atlas> {
    builder(Atlas::new(ENDPOINT, "id", "s3cret-of-atlas").unwrap(), status, body).build()
}

fn builder<S: Scheme>(scheme: S, status: u16, body: &'static str) -> SourceBuilder<S> {
    let client = service_fn(move |_: Request<Full<Bytes>>| async move {
        tokio::task::yield_now().await; // callers come meanwhile
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Response::builder().status(status).body(Full::new(Bytes::from(body)));
        Ok::<_, BoxError>(answer.unwrap())
    });
    TokenSource::builder_over_http(scheme, client).name("reports")
}

const TOKEN: &str = r#"{"access_token":"abc","expires_in":3600}"#;

/// A scheme that sends these requests, each of which is a method and a URL.
struct Requests(&'static [(&'static str, &'static str)]);

impl Grant for Requests {
    fn identity(&self) -> Identity {
        Identity::new("requests")
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let number: usize = cx.step().unwrap_or("0").parse().unwrap();
        let (method, url) = self.0[number];
        Ok(ExchangeRequest::new(Request::builder().method(method).uri(url).body(Bytes::new())?))
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        let next = match answer.request_name() {
            "" => 1,
            name => name.parse::<usize>().unwrap() + 1,
        };
        match next < self.0.len() {
            true => Ok(Step::Again(["0", "1", "2", "3"][next])),
            false => Ok(Step::Issued(Issued::new("abc"))),
        }
    }
}

impl Presentation for Requests {
    fn header_name(&self) -> &http::HeaderName {
        &http::header::AUTHORIZATION
    }

    fn header_value(
        &self,
        token: &Secret,
        _: Option<&str>,
    ) -> Result<http::HeaderValue, InvalidToken> {
        plain_value(token)
    }
}
