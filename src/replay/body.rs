//! A body that can be sent a second time though it is a stream.
//!
//! 1. What the source yields is sent, and a copy of it is kept (a reference count for `Bytes`), until the
//!    response's head says that it is not needed, or until there is too much of it.
//! 2. A refusal often comes before the body was read. From then on nothing more is read from the source
//!    until it is decided what follows, so that what is kept stays what was sent.
//! 3. The second body sends what was kept, and then goes on with the rest of the source, byte for byte.
//! 4. On HTTP/2 the first body may still be alive then. It has lost the source: its next poll is an error,
//!    never an end, so that no server takes half a body for a whole one.
//! 5. The source is polled by one at a time, and not under the lock.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::BoxError;

/// All bodies of a layer together keep this much.
const ALL: usize = 64 * 1024 * 1024;

/// How much all bodies of a layer keep; a clone counts for the same layer.
#[doc(hidden)]
#[derive(Clone, Debug, Default)]
pub struct Room(Arc<AtomicUsize>);

impl Room {
    pub(super) fn with_cap(&self, cap: usize) -> Limits {
        Limits { cap, room: self.clone() }
    }
}

/// How much may be kept of one body, and of all together.
#[derive(Debug)]
pub(super) struct Limits {
    cap: usize,
    room: Room,
}

impl Limits {
    /// Takes room for so many bytes more of a body of which so many are kept.
    fn take(&self, kept: usize, more: usize) -> bool {
        if kept.saturating_add(more) > self.cap {
            return false;
        }
        self.take_anyway(more);
        let fits = self.room.0.load(Ordering::Relaxed) <= ALL;
        if !fits {
            self.give_back(more);
        }
        fits
    }

    fn take_anyway(&self, bytes: usize) {
        self.room.0.fetch_add(bytes, Ordering::Relaxed);
    }

    fn give_back(&self, bytes: usize) {
        self.room.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Which of the bodies over a source may read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    First,
    Second,
}

/// What a source yielded, as it is kept.
#[derive(Clone)]
enum Part {
    Data(Bytes),
    Trailers(HeaderMap),
}

impl Part {
    fn len(&self) -> usize {
        match self {
            Part::Data(data) => data.len(),
            Part::Trailers(trailers) => {
                trailers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
            }
        }
    }

    fn into_frame(self) -> Frame<Bytes> {
        match self {
            Part::Data(data) => Frame::data(data),
            Part::Trailers(trailers) => Frame::trailers(trailers),
        }
    }
}

struct Source<B> {
    /// Taken out while it is polled.
    body: Option<Pin<Box<B>>>,
    /// As of its last poll.
    hint: SizeHint,
    ended: bool,
    reader: Reader,
    /// Nothing is read until it is decided what follows a refusal.
    paused: bool,
    /// Read by the first body in the moment of the pause, and not sent.
    unsent: Option<Result<Part, BoxError>>,
    /// What a second body would send; `None` once there is to be none.
    kept: Option<VecDeque<Part>>,
    bytes: usize,
    limits: Limits,
    /// Of the body that waits for the source, or for the end of a pause.
    waker: Option<Waker>,
}

impl<B> Source<B> {
    fn keep(&mut self, part: &Part) -> Released {
        let kept = self.kept.as_mut()?;
        if !self.limits.take(self.bytes, part.len()) {
            return self.release();
        }
        self.bytes += part.len();
        kept.push_back(part.clone());
        None
    }

    /// There will be no second body: what was kept for it goes.
    fn release(&mut self) -> Released {
        self.limits.give_back(mem::take(&mut self.bytes));
        self.kept.take()
    }
}

/// What was kept: it is the caller's, and not dropped under the lock.
type Released = Option<VecDeque<Part>>;

impl<B> Drop for Source<B> {
    fn drop(&mut self) {
        self.limits.give_back(self.bytes);
    }
}

type Shared<B> = Arc<Mutex<Source<B>>>;

fn lock<B>(shared: &Shared<B>) -> MutexGuard<'_, Source<B>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request body that keeps a copy of what it sends, up to a limit, so that the request can be sent
/// again; see the [module](super).
pub struct ReplayBody<B> {
    source: Shared<B>,
    reader: Reader,
}

/// What is kept of a body, and the right to a second one. When it is dropped, the copy goes.
#[doc(hidden)]
pub struct Kept<B> {
    source: Shared<B>,
}

impl<B: Body> ReplayBody<B> {
    /// A body that is sent once.
    pub(super) fn once(body: B) -> ReplayBody<B> {
        ReplayBody::new(body, Room::default().with_cap(0)).0 // what is kept goes with its other half
    }

    pub(super) fn new(body: B, limits: Limits) -> (ReplayBody<B>, Kept<B>) {
        let (hint, ended) = (body.size_hint(), body.is_end_stream());
        let source = Arc::new(Mutex::new(Source {
            body: Some(Box::pin(body)),
            hint,
            ended,
            reader: Reader::First,
            paused: false,
            unsent: None,
            kept: Some(VecDeque::new()),
            bytes: 0,
            limits,
            waker: None,
        }));
        let body = ReplayBody { source: source.clone(), reader: Reader::First };
        (body, Kept { source })
    }
}

impl<B> Kept<B> {
    /// The request was refused: stops reading, and says whether it can be sent again.
    pub(super) fn pause(&self) -> bool {
        let mut source = lock(&self.source);
        source.paused = source.kept.is_some();
        source.paused
    }

    /// The body once more.
    pub(super) fn again(self) -> ReplayBody<B> {
        let mut source = lock(&self.source);
        source.reader = Reader::Second;
        source.paused = false;
        let unsent = source.unsent.take();
        match unsent {
            Some(Ok(part)) => {
                source.bytes += part.len();
                source.limits.take_anyway(part.len());
                source.kept.get_or_insert_default().push_back(part);
            }
            failed => source.unsent = failed,
        }
        let waker = source.waker.take();
        drop(source);
        if let Some(waker) = waker {
            waker.wake(); // the first body, which learns that it is over
        }
        ReplayBody { source: self.source.clone(), reader: Reader::Second }
    }
}

/// The head of the response was accepted, or the call was given up, or the refusal is handed on.
impl<B> Drop for Kept<B> {
    fn drop(&mut self) {
        let mut source = lock(&self.source);
        if source.reader == Reader::Second {
            return; // `again` has handed it over
        }
        let released = source.release();
        source.paused = false;
        let waker = source.waker.take();
        drop(source);
        drop(released);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The source while it is polled; given back even if that panics.
struct Polling<'a, B> {
    shared: &'a Shared<B>,
    body: Option<Pin<Box<B>>>,
}

impl<B> Drop for Polling<'_, B> {
    fn drop(&mut self) {
        let Some(body) = self.body.take() else { return };
        let mut source = lock(self.shared);
        source.body = Some(body);
        let released = source.release();
        source.ended = true;
        source.unsent = Some(Err("the body panicked".into()));
        let waker = source.waker.take();
        drop(source);
        drop(released);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<B> Body for ReplayBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut source = lock(&self.source);
        if source.reader != self.reader {
            return Poll::Ready(Some(Err(Superseded.into())));
        }
        // Of the second body: what was kept, which is not needed a third time.
        if self.reader == Reader::Second
            && let Some(part) = source.kept.as_mut().and_then(VecDeque::pop_front)
        {
            source.bytes -= part.len();
            source.limits.give_back(part.len());
            return Poll::Ready(Some(Ok(part.into_frame())));
        }
        if source.paused {
            source.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if let Some(unsent) = source.unsent.take() {
            return Poll::Ready(Some(unsent.map(Part::into_frame)));
        }
        if source.ended {
            return Poll::Ready(None);
        }
        let Some(body) = source.body.take() else {
            source.waker = Some(cx.waker().clone());
            return Poll::Pending; // the first body is polling it, and will put it back
        };
        drop(source);

        let mut polling = Polling { shared: &self.source, body: Some(body) };
        let polled = polling.body.as_mut().map(|body| body.as_mut().poll_frame(cx));
        let Some((body, polled)) = polling.body.take().zip(polled) else { return Poll::Pending };
        let read = match polled {
            Poll::Pending => None,
            Poll::Ready(None) => Some(None),
            Poll::Ready(Some(Err(error))) => Some(Some(Err(error.into()))),
            Poll::Ready(Some(Ok(frame))) => {
                to_part(frame).map(|part| Some(Ok(part))).or_else(|| {
                    cx.waker().wake_by_ref(); // a kind of frame that this crate does not know
                    None
                })
            }
        };
        self.give_back(body, read, cx)
    }

    fn is_end_stream(&self) -> bool {
        let source = lock(&self.source);
        let nothing_kept =
            self.reader == Reader::First || source.kept.as_ref().is_none_or(VecDeque::is_empty);
        source.reader == self.reader && source.ended && source.unsent.is_none() && nothing_kept
    }

    fn size_hint(&self) -> SizeHint {
        let source = lock(&self.source);
        let data = |part: &Part| match part {
            Part::Data(data) => data.len() as u64,
            Part::Trailers(_) => 0,
        };
        let kept = match self.reader {
            Reader::First => 0,
            Reader::Second => source.kept.iter().flatten().map(data).sum(),
        };
        let unsent = source.unsent.iter().flatten().map(data).sum::<u64>();
        let before = kept + unsent;
        let mut hint = SizeHint::new();
        if let Some(upper) = source.hint.upper() {
            hint.set_upper(before.saturating_add(upper));
        }
        hint.set_lower(before.saturating_add(source.hint.lower()));
        hint
    }
}

impl<B: Body> ReplayBody<B> {
    /// Gives the source back, and with it what it has yielded: in one step, or another body could read on
    /// before it is known what comes first.
    fn give_back(
        &self,
        body: Pin<Box<B>>,
        read: Option<Option<Result<Part, BoxError>>>,
        cx: &Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut source = lock(&self.source);
        source.ended |= body.is_end_stream() || matches!(read, Some(None | Some(Err(_))));
        source.hint = if source.ended { SizeHint::with_exact(0) } else { body.size_hint() };
        source.body = Some(body);
        let taken_over = source.reader != self.reader;
        let mine = !taken_over && !source.paused;
        let waker = if mine { None } else { source.waker.take() };
        let mut released = None;
        let answer = match read {
            Some(read) if mine => {
                released = match &read {
                    Some(Ok(part)) if self.reader == Reader::First => source.keep(part),
                    Some(Err(_)) => source.release(), // a broken source cannot be sent again
                    _ => None,
                };
                Poll::Ready(read.map(|read| read.map(Part::into_frame)))
            }
            read => {
                // Who reads next gets it first.
                source.unsent = read.flatten();
                if taken_over {
                    Poll::Ready(Some(Err(Superseded.into())))
                } else {
                    source.waker = source.paused.then(|| cx.waker().clone());
                    Poll::Pending
                }
            }
        };
        drop(source);
        drop(released);
        if let Some(waker) = waker {
            waker.wake();
        }
        answer
    }
}

/// A frame, if it is of a kind that is known.
fn to_part<D: Buf>(frame: Frame<D>) -> Option<Part> {
    match frame.into_data() {
        Ok(mut data) => Some(Part::Data(data.copy_to_bytes(data.remaining()))),
        Err(frame) => frame.into_trailers().ok().map(Part::Trailers),
    }
}

/// The request was sent again, and another body goes on with what this one was sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superseded;

impl fmt::Display for Superseded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request was refused and is sent again: this body has lost its source")
    }
}

impl std::error::Error for Superseded {}

/// By hand: a body is the caller's, and shows nothing here.
impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayBody").field("reader", &self.reader).finish_non_exhaustive()
    }
}

impl<B> fmt::Debug for Kept<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept(…)")
    }
}
