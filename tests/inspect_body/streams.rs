//! Bodies that pause, never come, or break. The clock is tokio's, and moves by timers alone.

use std::task::Poll;

use futures::FutureExt;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use http_body::Frame;
use http_body_util::StreamBody;
use tower::ServiceExt;
use tower_outbound_auth::{InspectBodyLayer, Peeked};

use crate::*;

type Feed = UnboundedSender<Result<Frame<Bytes>, BoxError>>;

/// A body that yields what is fed.
fn fed() -> (Feed, Response<Answer>) {
    let (feed, frames) = unbounded();
    (feed, Response::new(StreamBody::new(frames).boxed_unsync()))
}

fn send(feed: &Feed, text: &'static str) {
    feed.unbounded_send(Ok(Frame::data(text.into()))).unwrap();
}

/// What comes through the layer of a response.
async fn inspected(response: Response<Answer>) -> Response<Peeked<Answer>> {
    let response = Mutex::new(Some(response));
    let api =
        service_fn(move |_: ()| ready(Ok::<_, BoxError>(response.lock().unwrap().take().unwrap())));
    InspectBodyLayer::new(|_| true).layer(api).oneshot(()).await.unwrap()
}

fn excerpt<B>(response: &Response<B>) -> Option<&[u8]> {
    tower_outbound_auth::scheme::ResponseHead::of(response).body_excerpt()
}

/// The next data of a body.
async fn next(response: &mut Response<Peeked<Answer>>) -> Option<Bytes> {
    response.body_mut().frame().await.map(|frame| frame.unwrap().into_data().unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_and_a_grpc_stream_are_not_held_up_at_all() {
    for kind in ["text/event-stream;charset=utf-8", "application/grpc+proto"] {
        let (feed, mut response) = fed();
        response.headers_mut().insert("content-type", kind.parse().unwrap());
        send(&feed, "data: 1\n\n");
        let start = now();
        let mut response = inspected(response).now_or_never().expect("at once");
        assert_eq!(excerpt(&response), None);
        assert_eq!(next(&mut response).await.unwrap(), "data: 1\n\n");
        assert_eq!(start.elapsed(), millis(0), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_stream_that_pauses_is_held_up_for_50_ms_and_continues() {
    let (feed, response) = fed();
    send(&feed, "one");
    let start = now();
    let mut response = inspected(response).await;
    assert!((millis(50)..millis(52)).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert_eq!(excerpt(&response), Some(&b"one"[..]));
    send(&feed, "two");
    assert_eq!(next(&mut response).await.unwrap(), "one");
    assert_eq!(next(&mut response).await.unwrap(), "two");
    assert!(next(&mut response).now_or_never().is_none(), "it is still open");
    drop(feed);
    assert_eq!(next(&mut response).await, None);
}

/// The 50 ms are for the whole body, and not for each frame.
#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_held_up_for_50_ms_in_all() {
    let (feed, response) = fed();
    let trickle = tokio::spawn(async move {
        loop {
            send(&feed, "x");
            tokio::time::sleep(millis(20)).await;
        }
    });
    let start = now();
    let response = inspected(response).await;
    assert!((millis(50)..millis(52)).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert_eq!(excerpt(&response), Some(&b"xxx"[..]));
    trickle.abort();
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_gives_no_excerpt_and_the_response_after_50_ms() {
    let (feed, response) = fed();
    let start = now();
    let mut response = inspected(response).await;
    assert!((millis(50)..millis(52)).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert_eq!(excerpt(&response), None);
    send(&feed, "late");
    assert_eq!(next(&mut response).await.unwrap(), "late");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_ends_is_not_waited_for() {
    let (feed, response) = fed();
    tokio::spawn(async move {
        tokio::time::sleep(millis(7)).await;
        send(&feed, "all");
    });
    let start = now();
    let response = inspected(response).await;
    assert!(start.elapsed() < millis(10), "{:?}", start.elapsed());
    assert_eq!(excerpt(&response), Some(&b"all"[..]));
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_body_reaches_the_caller_as_the_body_s_error() {
    let (feed, response) = fed();
    send(&feed, "half");
    feed.unbounded_send(Err("cut".into())).unwrap();
    let mut response = inspected(response).await;
    assert_eq!((response.status().as_u16(), excerpt(&response)), (200, Some(&b"half"[..])));
    assert_eq!(next(&mut response).await.unwrap(), "half");
    assert_eq!(response.body_mut().frame().await.unwrap().unwrap_err().to_string(), "cut");
}

/// Some bodies panic if they are polled after their end.
#[tokio::test(start_paused = true)]
async fn a_body_is_not_read_beyond_its_end_or_its_error() {
    for last in [None, Some("cut")] {
        let (mut first, mut last) = (Some("all"), Some(last));
        let frames = futures::stream::poll_fn(move |_| {
            let frame = first.take().map(|text| Ok(Frame::data(Bytes::from(text))));
            let last = || last.take().expect("polled after its end").map(|text| Err(text.into()));
            Poll::Ready(frame.or_else(last))
        });
        let response = inspected(Response::new(StreamBody::new(frames).boxed_unsync())).await;
        assert_eq!(excerpt(&response), Some(&b"all"[..]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_the_body_is_read_drops_the_body() {
    let (feed, response) = fed();
    send(&feed, "one");
    let mut call = Box::pin(inspected(response));
    assert!(call.as_mut().now_or_never().is_none());
    assert!(!feed.is_closed());
    drop(call);
    assert!(feed.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_dropped_drops_its_body() {
    let (feed, response) = fed();
    send(&feed, "one");
    let response = inspected(response).await;
    assert!(!feed.is_closed());
    drop(response);
    assert!(feed.is_closed());
}

#[test]
fn in_a_runtime_without_a_timer_only_what_is_there_is_read() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (feed, response) = fed();
        send(&feed, "one");
        let response = inspected(response).await;
        assert_eq!(excerpt(&response), Some(&b"one"[..]));
    });
}
