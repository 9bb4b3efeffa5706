//! A body of which the beginning may have been read already.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a response behind [`InspectBodyLayer`](crate::InspectBodyLayer).
    ///
    /// It yields what the wrapped body yields: the same frames in the same order, trailers, and the error, if any, at
    /// its place. The size hint and the end of the stream are the same at each step.
    ///
    /// Its `Debug` shows no data.
    pub struct Peeked<RB: Body> {
        // Boxed, so that a body that was not inspected stays small. None once all of it is read.
        held: Option<Box<Held<RB>>>,
        #[pin]
        body: RB,
    }
}

/// What was read from a body, in order.
pub(crate) type Held<RB> = VecDeque<Read<<RB as Body>::Data, <RB as Body>::Error>>;

/// What a body yielded.
pub(crate) struct Read<D, E> {
    /// The size hint of the body before.
    pub(crate) hint: SizeHint,
    pub(crate) item: Option<Result<Frame<D>, E>>,
}

impl<RB: Body> Peeked<RB> {
    #[inline]
    pub(crate) fn unread(body: RB) -> Peeked<RB> {
        Peeked { held: None, body }
    }

    pub(crate) fn new(held: Held<RB>, body: RB) -> Peeked<RB> {
        Peeked { held: (!held.is_empty()).then(|| Box::new(held)), body }
    }
}

impl<RB: Body> Body for Peeked<RB> {
    type Data = RB::Data;
    type Error = RB::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<RB::Data>, RB::Error>>> {
        let this = self.project();
        let Some(held) = this.held else { return this.body.poll_frame(cx) };
        let read = held.pop_front();
        if held.is_empty() {
            *this.held = None;
        }
        match read {
            Some(read) => Poll::Ready(read.item),
            None => this.body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        // A body that says that it has ended is not read.
        self.held.is_none() && self.body.is_end_stream()
    }

    #[allow(clippy::clone_on_copy)] // it is `Copy` only since http-body 1.1
    fn size_hint(&self) -> SizeHint {
        let held = self.held.as_ref().and_then(|held| held.front());
        held.map_or_else(|| self.body.size_hint(), |read| read.hint.clone())
    }
}

impl<RB: Body> fmt::Debug for Peeked<RB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.held.as_ref().map_or(0, |held| held.len());
        f.debug_struct("Peeked").field("held_frames", &held).finish_non_exhaustive()
    }
}
