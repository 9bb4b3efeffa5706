//! The body of the refusal is read before the request is sent again, so that its connection can be used again.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use tower::{Layer, service_fn};

use crate::support::*;

/// A response body that counts how many of its bytes were read.
#[derive(Clone)]
struct Counted {
    left: usize,
    read: Arc<AtomicUsize>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let length = self.left.min(1_024);
        self.left -= length;
        self.read.fetch_add(length, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; length])))))
    }
}

#[tokio::test(start_paused = true)]
async fn the_body_of_a_refusal_is_read_if_it_is_short_and_dropped_if_it_is_long() {
    for (length, read_at_most, read_at_least) in
        [(3_000, 3_000, 3_000), (16 * 1_024, 16_384, 16_384), (1 << 30, 20_000, 0)]
    {
        let world = world();
        let read = Arc::new(AtomicUsize::new(0));
        let api = service_fn({
            let read = read.clone();
            move |request: Request<Body>| {
                let refused = request.headers()["authorization"] == "Bearer token-1";
                let status = if refused { 401 } else { 200 };
                let body = Counted { left: if refused { length } else { 0 }, read: read.clone() };
                async move {
                    Ok::<_, std::io::Error>(Response::builder().status(status).body(body).unwrap())
                }
            }
        });
        let service = world.layer.layer(api);
        assert_eq!(send(&service, get("/")).await.unwrap().status(), 200);
        let read = read.load(Ordering::Relaxed);
        assert!(read <= read_at_most && read >= read_at_least, "{read} of {length}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_body_of_a_refusal_that_does_not_end_delays_the_replay_by_50_ms_only() {
    let world = world();
    let api = service_fn(|request: Request<Body>| {
        let refused = request.headers()["authorization"] == "Bearer token-1";
        let body: Pin<Box<dyn http_body::Body<Data = Bytes, Error = std::io::Error> + Send>> =
            if refused {
                Box::pin(http_body_util::StreamBody::new(futures::stream::pending()))
            } else {
                Box::pin(http_body_util::BodyExt::map_err(Body::default(), |never| match never {}))
            };
        let status = if refused { 401 } else { 200 };
        async move { Ok::<_, std::io::Error>(Response::builder().status(status).body(body).unwrap()) }
    });
    let service = world.layer.layer(api);
    let start = now();
    assert_eq!(send(&service, get("/")).await.unwrap().status(), 200);
    assert_eq!(start.elapsed(), millis(50));
}
