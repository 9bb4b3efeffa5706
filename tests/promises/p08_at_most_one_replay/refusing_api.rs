//! A stream as a request body, and an API that refuses the first token after some frames of it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use tower::Service;
use tower_outbound_auth::replay::Wrap;
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{AuthLayer, BoxError};

use crate::support::*;

pub(super) const CAP: usize = 64 * 1_024;

/// A stream that counts how many of its frames were read.
pub(super) struct Stream {
    frames: UnboundedReceiver<Result<Frame<Bytes>, BoxError>>,
    pub(super) read: Arc<AtomicUsize>,
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
pub(super) struct Writer(UnboundedSender<Result<Frame<Bytes>, BoxError>>);

impl Writer {
    pub(super) fn write(&self, data: impl Into<Bytes>) -> &Writer {
        self.0.unbounded_send(Ok(Frame::data(data.into()))).unwrap();
        self
    }

    pub(super) fn fail(&self) {
        self.0.unbounded_send(Err("broken".into())).unwrap();
    }
}

pub(super) fn stream() -> (Writer, Stream) {
    let (writer, frames) = unbounded();
    (Writer(writer), Stream { frames, read: Arc::default() })
}

/// "one", "two", and an end.
pub(super) fn one_two() -> Stream {
    let (writer, stream) = stream();
    writer.write("one").write("two");
    stream
}

pub(super) fn upload<B>(body: B) -> Request<B> {
    Request::post(API).body(body).unwrap()
}

/// An API that refuses `token-1` after it has read some frames of the body. It echoes the bodies it accepts.
#[derive(Clone)]
pub(super) struct Refuses {
    after: usize,
    pub(super) requests: Arc<AtomicUsize>,
    /// Gets the rest of the body of each refused request, or its error.
    rest: UnboundedSender<Result<Bytes, BoxError>>,
}

pub(super) fn refuses(after: usize) -> (Refuses, UnboundedReceiver<Result<Bytes, BoxError>>) {
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
        // As on HTTP/2: another task goes on reading the body.
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

pub(super) fn wrapping(world: &World) -> AuthLayer<HeaderScheme, Wrap> {
    world.layer.clone().with_replay(Wrap::new())
}
