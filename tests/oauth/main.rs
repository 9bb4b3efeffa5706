//! One OAuth configuration: each grant with each way to authenticate, by the bytes on the wire.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod assertion_files;
mod assertions;
mod build;
mod claims;
mod clocks;
mod discovered;
#[cfg(feature = "client")]
mod dpop_files;
#[cfg(feature = "client")]
mod entra;
mod exchanged;
#[cfg(feature = "client")]
mod files;
mod hostile_answers;
#[cfg(feature = "client")]
mod hostile_api;
mod hostile_issuer;
mod hostile_parts;
#[cfg(feature = "client")]
#[allow(dead_code)] // a part of it is for the tests of logins
#[path = "../login/imitation.rs"]
mod imitation;
#[cfg(feature = "store")]
mod kept;
mod keycloak;
mod keys;
#[path = "../support/log.rs"]
mod log;
mod rotation;
#[cfg(feature = "client")]
#[path = "../support/trap.rs"]
mod trap;
#[cfg(feature = "client")]
#[path = "../support/vectors.rs"]
mod vectors;
mod wire;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use tower_outbound_auth::system::{OAuth, OAuthBuilder};
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{Credential, TokenSource};
use tower_service::Service;

const ENDPOINT: &str = "https://idp.example/token";

/// A request as the endpoint got it.
#[derive(Clone)]
struct Sent {
    uri: http::Uri,
    headers: HeaderMap,
    body: String,
}

impl Sent {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A parameter of the form, decoded.
    fn param(&self, name: &str) -> String {
        let pair = self.body.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        let text = pair.unwrap_or_else(|| panic!("no {name} in {}", self.body)).replace('+', " ");
        percent_encoding::percent_decode_str(&text).decode_utf8().unwrap().into_owned()
    }
}

type Answers = dyn Fn(usize, &Sent) -> (u16, String) + Send + Sync;

/// The `Date` of each answer.
const DATE: &str = "Thu, 01 Jan 2026 00:00:00 GMT";

/// A token endpoint that keeps what it got. Its answers are numbered from 0.
#[derive(Clone)]
struct Endpoint {
    sent: Arc<Mutex<Vec<Sent>>>,
    answers: Arc<Answers>,
}

impl Endpoint {
    fn new(answers: impl Fn(usize) -> (u16, String) + Send + Sync + 'static) -> Endpoint {
        Endpoint { sent: Arc::default(), answers: Arc::new(move |number, _| answers(number)) }
    }

    /// Each answer depends on the request.
    fn judging(answers: impl Fn(&Sent) -> (u16, String) + Send + Sync + 'static) -> Endpoint {
        Endpoint { sent: Arc::default(), answers: Arc::new(move |_, sent| answers(sent)) }
    }

    /// Each answer has a token.
    fn willing() -> Endpoint {
        Endpoint::new(|number| {
            (
                200,
                format!(r#"{{"access_token":"t{number}","token_type":"Bearer","expires_in":300}}"#),
            )
        })
    }

    fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }
}

impl Service<Request<Full<Bytes>>> for Endpoint {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Full<Bytes>>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let (head, body) = request.into_parts();
        let body = futures::executor::block_on(http_body_util::BodyExt::collect(body)).unwrap();
        let body = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        let mut sent = self.sent.lock().unwrap();
        let request = Sent { uri: head.uri, headers: head.headers, body };
        let (status, answer) = (self.answers)(sent.len(), &request);
        sent.push(request);
        let response = Response::builder().status(status).header("date", DATE);
        ready(Ok(response.body(Full::from(answer)).unwrap()))
    }
}

/// A folder for the files of one test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("oauth-files-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn file(&self, name: &str) -> Credential {
        Credential::file(self.path(name))
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn builder() -> OAuthBuilder {
    OAuth::builder(ENDPOINT)
}

/// One exchange of this system. Returns what the endpoint got.
async fn exchanged(system: OAuthBuilder) -> Sent {
    let endpoint = Endpoint::willing();
    let source = TokenSource::over_http(system.build().unwrap(), endpoint.clone());
    source.token().await.unwrap();
    let sent = endpoint.sent();
    assert_eq!(sent.len(), 1);
    sent[0].clone()
}

/// A source with a clock that stands at 2026-01-01.
fn source(system: OAuthBuilder, endpoint: &Endpoint) -> (TokenSource, ManualClock) {
    let clock = ManualClock::new();
    clock.set_wall(std::time::UNIX_EPOCH + Duration::from_secs(1_767_225_600));
    let source = TokenSource::builder_over_http(system.build().unwrap(), endpoint.clone());
    (source.clock(clock.clone()).build().erased(), clock)
}
