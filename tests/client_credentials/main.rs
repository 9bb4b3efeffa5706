//! OAuth 2.0 client credentials, row by row of the specifications. The numbers are those of the RFCs'
//! demands: 6749-4 is the fourth of RFC 6749.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod answers;
mod api;
mod exchange;
mod life;
mod pauses;
mod refresh;

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use tower::service_fn;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::scheme::ClientCredentials;
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{BoxError, Error, TokenSource};

type Body = Full<Bytes>;

const ENDPOINT: &str = "https://auth.example/realms/main/token?tenant=7";
const SUCCESS: &str = r#"{"access_token":"abc","token_type":"Bearer","expires_in":3600}"#;

/// A request to the token endpoint, as it came.
#[derive(Clone, Debug)]
struct Asked {
    method: Method,
    uri: String,
    content_type: String,
    authorization: Option<String>,
    body: String,
}

impl Asked {
    fn basic(&self) -> String {
        let encoded = self.authorization.as_ref().unwrap().strip_prefix("Basic ").unwrap();
        String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
    }
}

/// A token endpoint that answers as it is told, and keeps what it was asked.
#[derive(Clone)]
struct Server {
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<dyn Fn(&Asked) -> Response<Body> + Send + Sync>,
}

impl Server {
    fn new(answer: impl Fn(&Asked) -> Response<Body> + Send + Sync + 'static) -> Server {
        Server { asked: Arc::default(), answer: Arc::new(answer) }
    }

    fn with(status: u16, body: &'static str) -> Server {
        Server::new(move |_| answer(status, body))
    }

    fn source(&self, scheme: ClientCredentials) -> TokenSource<ClientCredentials> {
        let server = self.clone();
        let client = service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await?.to_bytes().to_vec();
                let text = |name| head.headers.get(name).map(|it| it.to_str().unwrap().to_owned());
                let asked = Asked {
                    method: head.method.clone(),
                    uri: head.uri.to_string(),
                    content_type: text(CONTENT_TYPE).unwrap_or_default(),
                    authorization: text(AUTHORIZATION),
                    body: String::from_utf8(body)?,
                };
                server.asked.lock().unwrap().push(asked.clone());
                Ok::<_, BoxError>((server.answer)(&asked))
            }
        });
        TokenSource::over_http(scheme, client).with_clock(TokioClock::new())
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(status: u16, body: &'static str) -> Response<Body> {
    Response::builder().status(status).body(Body::from(body)).unwrap()
}

fn scheme(id: &str, secret: &str) -> ClientCredentials {
    ClientCredentials::new(ENDPOINT, id, secret).unwrap()
}

fn kind(error: &Error) -> ExchangeErrorKind {
    error.exchange().unwrap().kind()
}
