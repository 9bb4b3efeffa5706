//! Refused bodies are sent again byte for byte.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use reqwest::Body;
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::Recovery;
use tower_outbound_auth::adapter::reqwest::{HttpService, into_reqwest};
use tower_outbound_auth::replay::Wrap;

use super::adapters::{Adapter, layer};
use super::server::{Answer, Scheme, Server, answer, builder};

const FRAME: usize = 16 * 1_024;
const FRAMES: usize = 64;

/// All frames differ.
fn frame(n: usize) -> Bytes {
    let mut rng = fastrand::Rng::with_seed(n as u64);
    (0..FRAME).map(|_| rng.u8(..)).collect()
}

fn all() -> Vec<u8> {
    (0..FRAMES).flat_map(frame).collect()
}

fn hash(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// Yields two frames, and the others after the second request has arrived. Counts them.
fn stream(again: Arc<Semaphore>, read: Arc<AtomicUsize>) -> Body {
    Body::wrap_stream(futures::stream::unfold(0, move |n| {
        let (again, read) = (again.clone(), read.clone());
        async move {
            if n == 2 {
                again.acquire().await.unwrap().forget();
            }
            (n < FRAMES).then(|| {
                read.fetch_add(1, Ordering::SeqCst);
                (Ok::<_, std::io::Error>(frame(n)), n + 1)
            })
        }
    }))
}

/// Refuses `token-1` after the head, and reports the length and the hash of what it accepts.
async fn serve(
    request: Request<Incoming>,
    again: Arc<Semaphore>,
    accepted: mpsc::UnboundedSender<Vec<u8>>,
) -> Answer {
    if request.headers()["x-api-key"] == "token-1" {
        // The rest is read, so that the answer is not lost on the way.
        tokio::spawn(request.into_body().collect());
        return answer(401, "no");
    }
    again.add_permits(1);
    let body = request.into_body().collect().await.unwrap().to_bytes();
    accepted.send(hash(&body)).unwrap();
    answer(200, "")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_was_refused_early_is_sent_again_byte_for_byte() {
    for streamed in [true, false] {
        for adapter in Adapter::ALL {
            let case = format!("{adapter:?}, streamed: {streamed}");
            let (again, read) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
            let (sender, mut accepted) = mpsc::unbounded_channel();
            let server = Server::start(Scheme::Http, {
                let again = again.clone();
                move |request| serve(request, again.clone(), sender.clone())
            });
            let server = server.await;
            let (layer, exchange) = layer("x-api-key", &server.origin);
            let mut request = reqwest::Request::new(Method::POST, server.origin.parse().unwrap());
            *request.body_mut() = Some(match streamed {
                true => stream(again, read.clone()),
                false => Body::from(all()),
            });
            let call = adapter.over(layer);
            let call = call.send(request);
            let response = timeout(Duration::from_secs(10), call).await.expect(&case).unwrap();
            assert_eq!(response.status(), 200, "{case}");
            assert_eq!(response.extensions().get(), Some(&Recovery::Replayed), "{case}");
            assert_eq!(accepted.recv().await.unwrap(), hash(&all()), "{case}");
            assert_eq!(read.load(Ordering::SeqCst), if streamed { FRAMES } else { 0 }, "{case}");
            assert_eq!(exchange.exchanges(), 2, "{case}");
        }
    }
}

#[tokio::test]
async fn a_stream_of_any_type_goes_through_the_http_service_if_it_is_wrapped() {
    let (again, (sender, mut accepted)) = (Arc::new(Semaphore::new(0)), mpsc::unbounded_channel());
    let server = Server::start(Scheme::Http, {
        let again = again.clone();
        move |request| serve(request, again.clone(), sender.clone())
    });
    let server = server.await;
    let (layer, _) = layer("x-api-key", &server.origin);
    let frames = (0..FRAMES).map(|n| Ok::<_, Infallible>(Frame::data(frame(n))));
    let upload = StreamBody::new(futures::stream::iter(frames.take(3)));
    let service =
        layer.with_replay(Wrap::new()).layer(HttpService::new(builder().build().unwrap()));
    let request = http::Request::post(&server.origin).body(upload).unwrap();
    let response = into_reqwest(service.oneshot(request).await.unwrap());
    assert_eq!(response.extensions().get(), Some(&Recovery::Replayed));
    assert_eq!(accepted.recv().await.unwrap(), hash(&all()[..3 * FRAME]));
}

#[tokio::test]
async fn if_too_much_of_a_stream_was_sent_the_caller_gets_the_refusal_and_the_token_is_renewed() {
    for adapter in Adapter::ALL {
        let server = Server::start(Scheme::Http, |request| async {
            request.into_body().collect().await.unwrap();
            answer(401, "all read, and refused")
        });
        let server = server.await;
        let (layer, exchange) = layer("x-api-key", &server.origin);
        let source = layer.source().clone();
        let mut request = reqwest::Request::new(Method::POST, server.origin.parse().unwrap());
        *request.body_mut() = Some(stream(Arc::new(Semaphore::new(1)), Arc::default()));
        let response = adapter.over(layer).send(request).await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.extensions().get(), Some(&Recovery::NotReplayable), "{adapter:?}");
        assert_eq!(response.text().await.unwrap(), "all read, and refused");
        source.settled().await;
        assert_eq!(exchange.exchanges(), 2);
    }
}
