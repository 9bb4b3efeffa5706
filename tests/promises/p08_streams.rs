//! Promise 8 for streams: what was sent is sent again, and the rest of the stream after it; or the refusal
//! goes to the caller as it came, and the body it answered goes on.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};
use http_body_util::{BodyExt, Empty, Full};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_outbound_auth::replay::{Off, ReplayBody, ReplayMethods, Rewrap, Same, Superseded, Wrap};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{AuthLayer, BoxError, Recovery, assert_accepts};

use crate::support::*;

const CAP: usize = 64 * 1_024;

/// A stream: what is sent into it, and how much was read of it.
struct Stream {
    frames: UnboundedReceiver<Result<Frame<Bytes>, BoxError>>,
    read: Arc<AtomicUsize>,
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let next = futures::Stream::poll_next(Pin::new(&mut self.frames), cx);
        if next.is_ready() {
            self.read.fetch_add(1, Ordering::SeqCst);
        }
        next
    }
}

#[derive(Clone)]
struct Writer(UnboundedSender<Result<Frame<Bytes>, BoxError>>);

impl Writer {
    fn write(&self, data: impl Into<Bytes>) -> &Writer {
        self.0.unbounded_send(Ok(Frame::data(data.into()))).unwrap();
        self
    }

    fn fail(&self) {
        self.0.unbounded_send(Err("broken".into())).unwrap();
    }
}

fn stream() -> (Writer, Stream) {
    let (writer, frames) = unbounded();
    (Writer(writer), Stream { frames, read: Arc::default() })
}

/// "one", "two", and an end.
fn one_two() -> Stream {
    let (writer, stream) = stream();
    writer.write("one").write("two");
    stream
}

fn upload<B>(body: B) -> Request<B> {
    Request::post(API).body(body).unwrap()
}

/// When an API refuses `token-1`: after so many frames of the body. It echoes what it accepts.
#[derive(Clone)]
struct Refuses {
    after: usize,
    requests: Arc<AtomicUsize>,
    /// What becomes of the body of a request that was refused.
    rest: UnboundedSender<Result<Bytes, BoxError>>,
}

fn refuses(after: usize) -> (Refuses, UnboundedReceiver<Result<Bytes, BoxError>>) {
    let (rest, rests) = unbounded();
    (Refuses { after, requests: Arc::default(), rest }, rests)
}

impl Refuses {
    async fn serve<B>(self, request: Request<B>) -> Result<Response<Body>, BoxError>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let refused = request.headers()["authorization"] == "Bearer token-1";
        let mut body = Box::pin(request.into_body());
        if !refused {
            let all = body.collect().await.map_err(Into::into)?.to_bytes();
            return Ok(Response::new(Body::new(all)));
        }
        for _ in 0..self.after {
            body.frame().await.transpose().map_err(Into::into)?;
        }
        // As on HTTP/2: the body lives on, on a task of its own.
        tokio::spawn(async move {
            let rest =
                body.collect().await.map(http_body_util::Collected::to_bytes).map_err(Into::into);
            drop(self.rest.unbounded_send(rest));
        });
        Ok(Response::builder().status(401).header("x-reason", "old").body(Body::from("no"))?)
    }
}

impl<B> Service<Request<B>> for Refuses
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = futures::future::BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        Box::pin(self.clone().serve(request))
    }
}

fn wrapping(world: &World) -> AuthLayer<HeaderScheme, Wrap> {
    world.layer.clone().with_replay(Wrap::new())
}

#[tokio::test(start_paused = true)]
async fn a_refused_stream_is_sent_again_whole_and_read_once() {
    for after in 0..=3 {
        let (api, mut rests) = refuses(after);
        let stream = one_two();
        let read = stream.read.clone();
        let answer = wrapping(&world()).layer(api).oneshot(upload(stream)).await.unwrap();
        assert_eq!(answer.extensions().get(), Some(&Recovery::Replayed));
        assert_eq!(text(answer).await, "onetwo", "refused after {after} frames");
        assert!(read.load(Ordering::SeqCst) <= 3, "two frames and an end");
        let old = futures::StreamExt::next(&mut rests).await.unwrap();
        assert!(old.unwrap_err().is::<Superseded>(), "the old body has no end");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_stream_is_gone_on_with_and_its_old_request_ends() {
    let (api, mut rests) = refuses(1);
    let (writer, body) = stream();
    writer.write("one");
    let call = tokio::spawn(wrapping(&world()).layer(api).oneshot(upload(body)));
    tokio::time::sleep(secs(1)).await;
    let old = futures::StreamExt::next(&mut rests).await.unwrap();
    assert!(old.unwrap_err().is::<Superseded>(), "though the stream has yielded nothing since");
    writer.write("two");
    drop(writer);
    assert_eq!(text(call.await.unwrap().unwrap()).await, "onetwo");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_finds_no_room_in_the_quota_is_sent_once() {
    for (quota, requests, recovery) in
        [(1_024, 2, Recovery::Replayed), (100, 1, Recovery::NotReplayable)]
    {
        let (api, _rests) = refuses(1);
        let (writer, body) = stream();
        writer.write(vec![b'x'; 500]);
        drop(writer);
        let layer = wrapping(&world()).with_buffer_quota(quota);
        let answer = layer.layer(api.clone()).oneshot(upload(body)).await.unwrap();
        assert_eq!(answer.status(), if requests == 2 { 200 } else { 401 }, "{quota}");
        assert_eq!(answer.extensions().get(), Some(&recovery), "{quota}");
        assert_eq!(api.requests.load(Ordering::SeqCst), requests, "{quota}");
    }
}

#[tokio::test(start_paused = true)]
async fn over_the_cap_the_refusal_comes_as_it_came_and_the_body_goes_on_to_its_end() {
    let world = world();
    let (api, mut rests) = refuses(1);
    let service = wrapping(&world).layer(api.clone());
    let (writer, body) = stream();
    writer.write(vec![b'x'; CAP + 1]).write("rest");
    drop(writer);
    let answer = service.clone().oneshot(upload(body)).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-reason"]),
        (401, &"old".parse().unwrap())
    );
    assert_eq!(answer.extensions().get(), Some(&Recovery::NotReplayable));
    assert_eq!(text(answer).await, "no");
    assert_eq!(futures::StreamExt::next(&mut rests).await.unwrap().unwrap(), "rest");
    world.source.settled().await;
    assert_eq!(
        service.oneshot(upload(one_two())).await.unwrap().status(),
        200,
        "renewed for the next"
    );
    assert_eq!(api.requests.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn where_the_renewal_fails_the_refusal_comes_as_it_came_and_the_body_goes_on_to_its_end() {
    let world = world();
    let (api, mut rests) = refuses(1);
    let service = wrapping(&world).layer(api);
    world.source.token().await.unwrap();
    world.exchange.fail_next(1, unavailable());
    let answer = service.oneshot(upload(one_two())).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.extensions().get(), Some(&Recovery::RenewalFailed));
    assert_eq!(text(answer).await, "no");
    assert_eq!(futures::StreamExt::next(&mut rests).await.unwrap().unwrap(), "two");
}

#[tokio::test(start_paused = true)]
async fn while_the_token_is_renewed_nothing_is_read_and_a_call_that_is_given_up_lets_the_body_go_on()
 {
    let world = world_with_delay(secs(5));
    let (api, mut rests) = refuses(1);
    let service = wrapping(&world).layer(api);
    world.source.token().await.unwrap();
    let body = one_two();
    let read = body.read.clone();
    let call = tokio::spawn(service.oneshot(upload(body)));
    tokio::time::sleep(secs(2)).await;
    assert_eq!(read.load(Ordering::SeqCst), 1);
    call.abort();
    assert_eq!(futures::StreamExt::next(&mut rests).await.unwrap().unwrap(), "two");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_fails_its_request_and_is_not_sent_again() {
    let (api, _rests) = refuses(2);
    let (writer, body) = stream();
    writer.write("one").fail();
    let error = wrapping(&world()).layer(api.clone()).oneshot(upload(body)).await.unwrap_err();
    assert_eq!(error.to_string(), "broken", "as it came");
    assert_eq!(api.requests.load(Ordering::SeqCst), 1);
}

/// What counts is what has been sent, and nothing has.
#[tokio::test(start_paused = true)]
async fn a_body_of_any_length_that_is_refused_at_its_head_is_sent_again() {
    for (frames, length, replayed) in
        [(0, CAP + 1, true), (0, 100 * CAP, true), (1, CAP, true), (1, CAP + 1, false)]
    {
        let (api, _rests) = refuses(frames);
        let body = Full::new(Bytes::from(vec![b'x'; length]));
        let answer = wrapping(&world()).layer(api).oneshot(upload(body)).await.unwrap();
        assert_eq!(answer.status() == 200, replayed, "{frames} frames of {length} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn with_idempotent_methods_a_posted_stream_is_not_sent_again_and_a_put_is() {
    for (method, replayed) in [("POST", false), ("PUT", true)] {
        let (api, _rests) = refuses(1);
        let layer = wrapping(&world()).with_replay_methods(ReplayMethods::Idempotent);
        let request = Request::builder().method(method).uri(API).body(one_two()).unwrap();
        let answer = layer.layer(api.clone()).oneshot(request).await.unwrap();
        assert_eq!(answer.status() == 200, replayed, "{method}");
        assert_eq!(api.requests.load(Ordering::SeqCst), 1 + usize::from(replayed));
    }
}

/// Whichever of them makes it.
#[tokio::test(start_paused = true)]
async fn stacked_layers_share_one_replay_of_a_stream() {
    for inner_replays in [true, false] {
        let (outer, inner) = (world(), world());
        let (api, _rests) = refuses(1);
        let boxed: BoxBody<Bytes, BoxError> = BoxBody::new(one_two());
        let request = upload(boxed);
        let answer = match inner_replays {
            true => outer.layer.layer(inner.layer.layer(api.clone())).oneshot(request).await,
            false => {
                let never = inner.layer.clone().with_replay(Off);
                outer.layer.layer(never.layer(api.clone())).oneshot(request).await
            }
        };
        assert_eq!(text(answer.unwrap()).await, "onetwo");
        assert_eq!(api.requests.load(Ordering::SeqCst), 2, "two layers, one replay");
    }
}

#[tokio::test(start_paused = true)]
async fn boxed_bodies_are_sent_again_and_stay_what_they_are() {
    let (api, _rests) = refuses(1);
    let service = world().layer.layer(api);
    let sync: BoxBody<Bytes, BoxError> = BoxBody::new(one_two());
    assert_eq!(text(service.clone().oneshot(upload(sync)).await.unwrap()).await, "onetwo");

    let (api, _rests) = refuses(1);
    let only = service_fn(move |request: Request<UnsyncBoxBody<Bytes, BoxError>>| {
        api.clone().oneshot(request)
    });
    let request = upload(UnsyncBoxBody::new(one_two()));
    assert_eq!(text(world().layer.layer(only).oneshot(request).await.unwrap()).await, "onetwo");
}

#[tokio::test(start_paused = true)]
async fn a_boxed_body_over_the_cap_of_the_layer_is_handed_on() {
    for (cap, replayed) in [(3, true), (2, false)] {
        let (api, _rests) = refuses(1);
        let layer = world().layer.with_replay(Same::new().with_cap(cap));
        let answer = layer.layer(api).oneshot(upload(BoxBody::new(one_two()))).await.unwrap();
        assert_eq!(answer.status() == 200, replayed, "three bytes, a cap of {cap}");
    }
}

/// A client that takes a body type of its own, which is no stream's.
type Own = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::test(start_paused = true)]
async fn a_stream_is_made_into_the_body_that_the_client_wants() {
    let (api, _rests) = refuses(1);
    let client = service_fn(move |request: Request<Own>| api.clone().oneshot(request));
    let own = Rewrap::new(|body: ReplayBody<Stream>| body.boxed_unsync());
    let service = world().layer.with_replay(own).layer(client);
    assert_accepts::<Stream>(&service);
    assert_eq!(text(service.oneshot(upload(one_two())).await.unwrap()).await, "onetwo");
}

#[tokio::test(start_paused = true)]
async fn the_cap_of_every_strategy_is_a_setting() {
    for (cap, replayed) in [(3, true), (2, false)] {
        let own = Rewrap::new(|body: ReplayBody<Stream>| body.boxed_unsync()).with_cap(cap);
        let ((wrapped, _a), (rewrapped, _b)) = (refuses(1), refuses(1));
        let layer = world().layer.with_replay(Wrap::new().with_cap(cap));
        let answer = layer.layer(wrapped).oneshot(upload(one_two())).await.unwrap();
        assert_eq!(answer.status() == 200, replayed, "Wrap, a cap of {cap}");
        let layer = world().layer.with_replay(own);
        let answer = layer.layer(rewrapped).oneshot(upload(one_two())).await.unwrap();
        assert_eq!(answer.status() == 200, replayed, "Rewrap, a cap of {cap}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_strategy_takes_the_bodies_that_it_says() {
    let (layer, (api, _rests)) = (world().layer, refuses(0));
    let same = layer.clone().layer(api.clone());
    assert_accepts::<Full<Bytes>>(&same);
    assert_accepts::<Empty<Bytes>>(&same);
    assert_accepts::<BoxBody<Bytes, BoxError>>(&same);
    assert_accepts::<UnsyncBoxBody<Bytes, BoxError>>(&same);
    let wrap = layer.clone().with_replay(Wrap::new()).layer(api.clone());
    assert_accepts::<Stream>(&wrap);
    assert_accepts::<Full<Bytes>>(&wrap);
    let off = layer.with_replay(Off).layer(api);
    assert_accepts::<Stream>(&off);
    assert_accepts::<Full<Bytes>>(&off);
}

/// Nobody has to write a body's type where a client says it.
#[tokio::test(start_paused = true)]
async fn the_body_type_follows_from_the_request() {
    async fn answers<B>(_: Request<B>) -> Result<Response<Body>, BoxError> {
        Ok(Response::new(Body::default()))
    }
    let layer = world().layer;
    let mut same = layer.clone().layer(service_fn(answers::<Body>));
    same.ready().await.unwrap().call(get("/")).await.unwrap();
    let mut off = layer.clone().with_replay(Off).layer(service_fn(answers::<Stream>));
    off.ready().await.unwrap().call(upload(one_two())).await.unwrap();
    let mut wrap =
        layer.clone().with_replay(Wrap::new()).layer(service_fn(answers::<ReplayBody<Stream>>));
    wrap.ready().await.unwrap().call(upload(one_two())).await.unwrap();
    let own = Rewrap::new(|body: ReplayBody<Stream>| body.boxed_unsync());
    let mut rewrap = layer.with_replay(own).layer(service_fn(answers::<Own>));
    rewrap.ready().await.unwrap().call(upload(one_two())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn several_streams_that_are_refused_at_once_are_all_sent_again() {
    let (api, _rests) = refuses(1);
    let service = wrapping(&world()).layer(api);
    let calls = (0..50).map(|_| tokio::spawn(service.clone().oneshot(upload(one_two()))));
    for answer in futures::future::join_all(calls).await {
        assert_eq!(text(answer.unwrap().unwrap()).await, "onetwo");
    }
}
