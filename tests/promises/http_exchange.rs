//! What an exchange over HTTP does with requests and answers, whatever the scheme.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, RETRY_AFTER};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use tower::{Service, service_fn};
use tower_outbound_auth::endpoint::Grant;
use tower_outbound_auth::exchange::{ExchangeErrorKind, Reason};
use tower_outbound_auth::system::Atlas;
use tower_outbound_auth::testkit::{TokioClock, request_context};
use tower_outbound_auth::{BoxError, TokenSource};

use crate::support::*;

const TOKEN: &str = r#"{"access_token":"issued","expires_in":60}"#;

fn scheme() -> Atlas {
    Atlas::new("https://atlas.example/authtoken", "id", "secret").unwrap()
}

async fn outcome(answer: Response<Body>) -> Result<(), (ExchangeErrorKind, Option<u16>, bool)> {
    let answer = Mutex::new(Some(answer));
    let answer = Arc::new(answer);
    let client = service_fn(move |_: Request<Body>| {
        let answer = answer.lock().unwrap().take();
        async move { answer.ok_or_else(|| BoxError::from("asked twice")) }
    });
    let source = TokenSource::builder_over_http(scheme(), client).clock(TokioClock::new()).build();
    source.token().await.map(drop).map_err(|error| {
        let exchange = error.exchange().unwrap();
        let status = exchange.status().map(|status| status.as_u16());
        (exchange.kind(), status, exchange.retry_after().is_some())
    })
}

#[tokio::test(start_paused = true)]
async fn answers_are_read_by_status_and_coding_and_length() {
    use ExchangeErrorKind::{Malformed, Refused, Unavailable};
    let error = r#"{"error":"no"}"#;
    let long = " ".repeat(300 * 1024);
    let answer = |status: u16, coding: &str, body: &str| {
        Response::builder()
            .status(status)
            .header(CONTENT_ENCODING, coding)
            .header(RETRY_AFTER, "7")
            .body(Body::from(body.to_owned()))
            .unwrap()
    };
    for (answer, expected) in [
        (answer(200, "identity", TOKEN), Ok(())),
        (answer(201, "identity", TOKEN), Ok(())),
        (answer(200, "gzip", TOKEN), Err((Malformed, Some(200), false))),
        (answer(200, "identity", &long), Err((Malformed, Some(200), false))),
        (answer(503, "identity", &long), Err((Unavailable, Some(503), true))),
        (answer(503, "gzip", "x"), Err((Unavailable, Some(503), true))),
        (answer(400, "identity", error), Err((Refused, Some(400), true))),
        (answer(401, "identity", error), Err((Refused, Some(401), true))),
        (answer(401, "gzip", error), Err((Unavailable, Some(401), true))),
        (answer(403, "identity", error), Err((Unavailable, Some(403), true))),
        (answer(500, "identity", error), Err((Unavailable, Some(500), true))),
        (answer(302, "identity", ""), Err((Unavailable, Some(302), true))),
    ] {
        let shown = format!("{} {:?}", answer.status(), answer.headers().get(CONTENT_ENCODING));
        assert_eq!(outcome(answer).await, expected, "{shown}");
    }
}

/// A body without a known length that never ends, and counts what was taken of it.
struct Endless(Arc<AtomicUsize>);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.fetch_add(16 * 1024, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 16 * 1024])))))
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_end_is_left_at_256_kib() {
    let taken = Arc::new(AtomicUsize::new(0));
    let client = service_fn({
        let taken = taken.clone();
        move |_: Request<Body>| {
            let body = Endless(taken.clone());
            async move { Ok::<_, BoxError>(Response::new(body)) }
        }
    });
    let source = TokenSource::builder_over_http(scheme(), client).clock(TokioClock::new()).build();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Malformed);
    assert!(taken.load(Ordering::Relaxed) <= 300 * 1024);
}

/// A body that says nothing for six seconds.
struct SixSeconds(Pin<Box<tokio::time::Sleep>>);

impl http_body::Body for SixSeconds {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.as_mut().poll(cx).map(|()| None)
    }
}

#[tokio::test(start_paused = true)]
async fn one_deadline_is_for_the_head_and_the_body_of_an_answer_together() {
    let client = service_fn(|_: Request<Body>| async {
        tokio::time::sleep(secs(6)).await;
        let body = SixSeconds(Box::pin(tokio::time::sleep(secs(6))));
        Ok::<_, BoxError>(Response::new(body))
    });
    let source = TokenSource::builder_over_http(scheme(), client).clock(TokioClock::new()).build();
    let start = now();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Timeout);
    assert_eq!(start.elapsed().as_secs(), 10);
}

/// A client whose readiness takes five seconds.
#[derive(Clone)]
struct SlowlyReady(bool);

impl Service<Request<Body>> for SlowlyReady {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = std::future::Ready<Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.0 {
            return Poll::Ready(Ok(()));
        }
        self.0 = true;
        let waker = cx.waker().clone();
        tokio::spawn(async move {
            tokio::time::sleep(secs(5)).await;
            waker.wake();
        });
        Poll::Pending
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        std::future::ready(Ok(Response::new(Body::from(TOKEN))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_life_counts_from_the_sending_and_not_from_the_wait_for_the_client() {
    let source = TokenSource::builder_over_http(scheme(), SlowlyReady(false))
        .clock(TokioClock::new())
        .build();
    source.token().await.unwrap();
    assert_eq!(source.status().expires_in, Some(secs(60)));
}

#[tokio::test(start_paused = true)]
async fn what_a_client_says_of_its_failure_forges_no_log_line_and_fills_none() {
    let client = service_fn(|_: Request<Body>| async {
        let text = format!("reset\r\nINFO all is well\u{1b}[2J{}", "x".repeat(10_000));
        Err::<Response<Body>, _>(BoxError::from(text))
    });
    let source = TokenSource::builder_over_http(scheme(), client).clock(TokioClock::new()).build();
    let error = source.token().await.unwrap_err();
    let text = error.exchange().unwrap().to_string();
    let reason = "https://atlas.example could not be reached: reset  INFO";
    let begins = format!("atlas (https://atlas.example/authtoken, client \"id\"): {reason}");
    assert!(text.starts_with(&begins), "{text}");
    assert!(text.len() < 350 && !text.chars().any(char::is_control), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_empty_post_says_its_length() {
    let headers = Arc::new(Mutex::new(HeaderMap::new()));
    let client = service_fn({
        let headers = headers.clone();
        move |request: Request<Body>| {
            *headers.lock().unwrap() = request.headers().clone();
            async { Ok::<_, BoxError>(Response::new(Body::from(TOKEN))) }
        }
    });
    let source = TokenSource::builder_over_http(scheme(), client).clock(TokioClock::new()).build();
    source.token().await.unwrap();
    assert_eq!(headers.lock().unwrap()[CONTENT_LENGTH], "0");
}

#[test]
fn atlas_marks_both_of_its_credentials_sensitive() {
    let request = scheme().request(&request_context(Reason::First)).unwrap().into_http();
    assert!(request.headers()["client-id"].is_sensitive());
    assert!(request.headers()["client-secret"].is_sensitive());
}

#[test]
fn what_is_wrong_with_a_credential_or_a_url_is_said() {
    for (url, id, secret, said) in [
        ("https://a.example/t", "id", "", "the Client-Secret is empty"),
        ("https://a.example/t", "id", "secret\n", "ends in a line break"),
        ("https://a.example/t", "i d", "secret", "the Client-Id has a blank"),
        ("a.example/t", "id", "secret", "has no scheme: write https://"),
        ("https://u:p@a.example/t", "id", "secret", "has user information"),
        ("http://a.example/t", "id", "secret", "use https"),
        ("ftp://a.example/t", "id", "secret", "is not http(s)"),
        ("https://a.example/t#x", "id", "secret", "has a fragment"),
    ] {
        let error = Atlas::new(url, id, secret).unwrap_err().to_string();
        assert!(error.contains(said), "{url}: {error}");
    }
}
