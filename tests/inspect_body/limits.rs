//! How much is read and held.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Buf;
use bytes::buf::Chain;
use futures::{FutureExt, stream};
use http_body::Frame;
use http_body_util::StreamBody;
use tower::ServiceExt;
use tower_outbound_auth::InspectBodyLayer;
use tower_outbound_auth::scheme::ResponseHead;

use crate::*;

/// An endless body of frames of this length. Returns the length of the excerpt, and how many frames were read.
async fn read(layer: InspectBodyLayer, length: usize) -> (Option<usize>, usize) {
    let read = Arc::new(AtomicUsize::new(0));
    let counter = read.clone();
    let api = service_fn(move |_: ()| {
        let counter = counter.clone();
        let frames = stream::repeat_with(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b'x'; length])))
        });
        ready(Ok::<_, Infallible>(Response::new(StreamBody::new(frames))))
    });
    let response = layer.layer(api).oneshot(()).await.unwrap();
    let excerpt = ResponseHead::of(&response).body_excerpt().map(<[u8]>::len);
    (excerpt, read.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn an_excerpt_has_4_kib_at_most_and_no_more_is_read() {
    let layer = || InspectBodyLayer::new(|_| true);
    assert_eq!(read(layer(), 1_000).await, (Some(4_096), 5));
    assert_eq!(read(layer(), 1 << 20).await, (Some(4_096), 1));
    assert_eq!(read(layer().with_limit(10), 4).await, (Some(10), 3));
    assert_eq!(read(layer().with_limit(0), 4).await, (None, 0));
}

#[tokio::test(start_paused = true)]
async fn a_huge_limit_counts_as_64_kib() {
    let layer = InspectBodyLayer::new(|_| true).with_limit(usize::MAX);
    assert_eq!(read(layer, 16_384).await, (Some(65_536), 4));
}

#[tokio::test(start_paused = true)]
async fn of_a_body_in_tiny_or_empty_frames_a_bounded_number_is_held() {
    let layer = || InspectBodyLayer::new(|_| true).with_limit(usize::MAX);
    assert_eq!(read(layer(), 1).await, (Some(256), 256));
    assert_eq!(read(layer(), 0).await, (None, 256));
}

/// Data in two parts, of which only the first can be seen before it is read.
struct TwoParts(Chain<&'static [u8], &'static [u8]>);

impl Buf for TwoParts {
    fn remaining(&self) -> usize {
        self.0.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.0.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.0.advance(count);
    }
}

#[tokio::test(start_paused = true)]
async fn an_excerpt_has_no_gap_where_a_part_of_a_frame_cannot_be_seen() {
    let frame = || Ok::<_, Infallible>(Frame::data(TwoParts((&b"one "[..]).chain(&b"two "[..]))));
    let api = service_fn(|_: ()| {
        let frames = stream::iter([frame(), frame()]);
        ready(Ok::<_, Infallible>(Response::new(StreamBody::new(frames))))
    });
    let response = InspectBodyLayer::new(|_| true).layer(api).oneshot(()).await.unwrap();
    assert_eq!(ResponseHead::of(&response).body_excerpt(), Some(&b"one "[..]));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "one two one two ");
}

#[tokio::test(start_paused = true)]
async fn with_another_wait_a_body_is_waited_for_that_long() {
    for wait in [10, 300] {
        let layer = InspectBodyLayer::new(|_| true).with_wait(millis(wait));
        let frames = stream::pending::<Result<Frame<Bytes>, Infallible>>;
        let api = service_fn(|_: ()| {
            ready(Ok::<_, Infallible>(Response::new(StreamBody::new(frames()))))
        });
        let start = now();
        layer.layer(api).oneshot(()).await.unwrap();
        let took = start.elapsed();
        assert!(took >= millis(wait) && took < millis(wait + 2), "{wait}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn with_a_wait_of_zero_nothing_is_waited_for() {
    tokio::time::advance(Duration::from_micros(500)).await; // a timer of tokio's ends at a whole millisecond
    let frames = stream::pending::<Result<Frame<Bytes>, Infallible>>;
    let api =
        service_fn(|_: ()| ready(Ok::<_, Infallible>(Response::new(StreamBody::new(frames())))));
    let layer = InspectBodyLayer::new(|_| true).with_wait(Duration::ZERO);
    assert!(layer.layer(api).oneshot(()).now_or_never().is_some());
}
