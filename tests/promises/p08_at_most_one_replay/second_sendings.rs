//! When the second sending fails, the caller gets the refusal of the first one.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, WWW_AUTHENTICATE};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::{Layer, Service};
use tower_outbound_auth::Recovery;

use crate::log::Log;
use crate::support::*;

type Answer = Result<Response<BoxBody<Bytes, io::Error>>, io::Error>;

/// Refuses the first sending, with a body of `frames`. The second sending fails, or the service does not become ready.
#[derive(Clone)]
struct Dying {
    frames: Vec<&'static [u8]>,
    ready: bool,
    sendings: Arc<AtomicUsize>,
}

impl Dying {
    fn new(frames: &[&'static [u8]]) -> Dying {
        Dying { frames: frames.to_vec(), ready: true, sendings: Arc::default() }
    }

    fn refusal(&self) -> Response<BoxBody<Bytes, io::Error>> {
        let frames: Vec<_> =
            self.frames.iter().map(|it| Ok(Frame::data(Bytes::from_static(it)))).collect();
        let length: usize = self.frames.iter().map(|it| it.len()).sum();
        let body = match frames.is_empty() {
            true => Empty::new().map_err(|never| match never {}).boxed(),
            false => StreamBody::new(stream::iter(frames)).boxed(),
        };
        Response::builder()
            .status(401)
            .header(WWW_AUTHENTICATE, "Bearer")
            .header(CONTENT_LENGTH, length)
            .header(CONTENT_ENCODING, "identity")
            .body(body)
            .unwrap()
    }
}

impl Service<Request<Body>> for Dying {
    type Response = Response<BoxBody<Bytes, io::Error>>;
    type Error = io::Error;
    type Future = std::future::Ready<Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        let is_second = self.sendings.load(Ordering::SeqCst) > 0;
        match is_second && !self.ready {
            true => Poll::Ready(Err(io::Error::other("not ready"))),
            false => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        std::future::ready(match self.sendings.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(self.refusal()),
            _ => Err(io::Error::other("connection reset")),
        })
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_second_sending_fails_the_caller_gets_the_refusal_without_its_body() {
    let api = Dying::new(&[b"a short", b" text"]);
    let answer = send(&world().layer.layer(api.clone()), post("/", "x")).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.extensions().get(), Some(&Recovery::ResendFailed));
    assert_eq!(answer.headers()[WWW_AUTHENTICATE], "Bearer");
    assert!(!answer.headers().contains_key(CONTENT_LENGTH));
    assert!(!answer.headers().contains_key(CONTENT_ENCODING));
    assert_eq!(text(answer).await, "");
    assert_eq!(api.sendings.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_without_a_body_keeps_all_its_headers() {
    let answer = send(&world().layer.layer(Dying::new(&[])), get("/")).await.unwrap();
    assert_eq!(answer.extensions().get(), Some(&Recovery::ResendFailed));
    assert_eq!(answer.headers()[CONTENT_LENGTH], "0");
}

#[tokio::test(start_paused = true)]
async fn when_the_client_fails_before_the_second_sending_the_caller_gets_the_refusal() {
    let api = Dying { ready: false, ..Dying::new(&[b"no"]) };
    let answer = send(&world().layer.layer(api.clone()), get("/")).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.extensions().get(), Some(&Recovery::ResendFailed));
    assert_eq!(api.sendings.load(Ordering::SeqCst), 1);
}

/// The call waits for the client while its new token ends, and there is no further token.
#[tokio::test(start_paused = true)]
async fn when_the_token_ends_before_the_client_is_ready_again_the_caller_gets_the_refusal() {
    let world = world_with_delay(secs(5));
    world.source.token().await.unwrap();
    world.api.revoke("token-1");
    world.exchange.set_lifetime(Some(secs(60)));
    let limited = GlobalConcurrencyLimitLayer::new(1).layer(world.api.clone());
    let service = world.layer.layer(limited.clone());
    let call = tokio::spawn(send(&service, get("/")));
    tokio::time::sleep(secs(1)).await;
    // It waits for its token. Somebody else takes the client for longer than that token lives.
    world.api.delay(secs(1_000));
    let other = tokio::spawn(send(&limited, get("/direct")));
    tokio::time::sleep(secs(10)).await;
    assert_eq!(world.exchange.exchanges(), 2);
    world.exchange.fail_next(100, unavailable());
    other.await.unwrap().unwrap();
    let answer = call.await.unwrap().unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.extensions().get(), Some(&Recovery::RenewalFailed));
    assert_eq!(world.api.tokens(), ["token-1", "none"]);
}

#[tokio::test(start_paused = true)]
async fn the_error_of_the_second_sending_is_logged() {
    let log = Log::default();
    let guard = log.on_this_thread();
    for ready in [true, false] {
        let api = Dying { ready, ..Dying::new(&[]) };
        send(&world().layer.layer(api), get("/")).await.unwrap();
    }
    drop(guard);
    for cause in ["connection reset", "not ready"] {
        let event =
            format!("a request could not be sent again system=\"exchange\" cause=\"{cause}\"");
        assert_eq!(log.text().matches(&event).count(), 1, "{}", log.text());
    }
}

/// The body of a refusal is not read when the call has a deadline. So only a refusal without a body is kept, as gRPC has.
#[tokio::test(start_paused = true)]
async fn with_a_deadline_only_a_refusal_without_a_body_is_kept() {
    for (frames, is_kept) in [(&[][..], true), (&[&b"no"[..]][..], false)] {
        let mut request = post("/", "x");
        request.headers_mut().insert("grpc-timeout", "10S".parse().unwrap());
        let outcome = send(&world().layer.layer(Dying::new(frames)), request).await;
        let recovery = outcome.ok().map(|it| *it.extensions().get::<Recovery>().unwrap());
        assert_eq!(recovery, is_kept.then_some(Recovery::ResendFailed));
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_refusal_is_too_long_to_be_read_the_caller_gets_the_error_of_the_client() {
    static LONG: [u8; 17 * 1024] = [b'x'; 17 * 1024];
    let error = send(&world().layer.layer(Dying::new(&[&LONG])), get("/")).await.unwrap_err();
    assert_eq!(error.downcast::<io::Error>().unwrap().to_string(), "connection reset");
}

#[tokio::test(start_paused = true)]
async fn when_the_first_sending_fails_the_caller_gets_the_error_of_the_client() {
    let api = Dying::new(&[]);
    api.sendings.store(1, Ordering::SeqCst);
    let error = send(&world().layer.layer(api), get("/")).await.unwrap_err();
    assert_eq!(error.downcast::<io::Error>().unwrap().to_string(), "connection reset");
}

#[tokio::test(start_paused = true)]
async fn stacked_layers_do_not_send_a_third_time() {
    let api = Dying::new(&[b"no"]);
    let service = world().layer.layer(world().layer.layer(api.clone()));
    let answer = send(&service, get("/")).await.unwrap();
    assert_eq!(answer.extensions().get(), Some(&Recovery::ResendFailed));
    assert_eq!(api.sendings.load(Ordering::SeqCst), 2);
}
