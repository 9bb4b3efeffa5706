//! A stream that can be sent a second time.
//!
//! 1. A frame of the stream is sent, and a copy of it is kept. The copies are dropped when the response's head shows
//!    that they are not needed, or when they exceed the cap. They are real copies, because a reference to a small
//!    slice would keep a large buffer in memory.
//! 2. A refusal often comes before the whole body was read. After it, nothing more is read from the stream until the
//!    layer knows whether it sends the request again. So the copies are exactly what was sent.
//! 3. The second body sends the copies, and then the rest of the stream, byte for byte.
//! 4. On HTTP/2 the first body may still exist then. It has lost the stream: its next poll is an error and not an
//!    end, so that no server takes half a body for a whole one.
//! 5. Only one body at a time polls the stream. No code of a caller runs under the lock: no stream, no `Drop` of a
//!    frame, no waker.

pub(crate) mod prefix;
#[cfg(test)]
mod tests;

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::error::BoxError;
pub(crate) use crate::replay::body::prefix::BufferQuota;
use crate::replay::body::prefix::{Part, Prefix};

/// A request body that keeps a copy of what it sends, up to a cap, so that the request can be sent again.
/// With [`Wrap`](super::Wrap), the inner service gets this type.
///
/// It yields what the wrapped body yields, as `Bytes`, with the same size hint and trailers. An error of
/// the wrapped body is passed on, boxed. The copy is dropped as soon as it exceeds the cap, the response's
/// head is accepted, or the call is dropped. The body itself continues.
///
/// If the request is refused, the body pauses until the token is renewed. If there is a second request, its
/// body is a `ReplayBody` too. It sends the copy, and then what the first body has not read. If the first
/// body still exists, it ends with the error [`Superseded`].
pub struct ReplayBody<B> {
    source: Shared<B>,
    reader: Reader,
}

/// The copy of a body, and the right to a second body. Dropping it drops the copy.
#[doc(hidden)]
pub struct Kept<B> {
    source: Shared<B>,
}

/// Which of the bodies may read the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    First,
    Second,
}

struct Source<B> {
    /// Taken out while it is polled. None after its end.
    body: Option<Pin<Box<B>>>,
    /// The size hint at the last poll.
    hint: SizeHint,
    ended: bool,
    reader: Reader,
    /// Nothing is read until the layer knows what follows the refusal.
    paused: bool,
    /// What the first body was reading when it lost the source. It was not sent.
    unsent: Option<Result<Part, BoxError>>,
    /// What a second body sends first. `None` if there will be no second body.
    kept: Option<Prefix>,
    /// The waker of a body that waits for the source, which it may lose meanwhile, or for the end of
    /// a pause.
    waker: Option<Waker>,
}

type Shared<B> = Arc<Mutex<Source<B>>>;

/// No code panics under the lock.
fn lock<B>(shared: &Shared<B>) -> MutexGuard<'_, Source<B>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stores the waker. Dropping the old waker may drop a task, and with it a body over the same source. So
/// it is dropped outside of the lock.
fn wait<B, T>(mut source: MutexGuard<'_, Source<B>>, cx: &Context<'_>) -> Poll<T> {
    let before = source.waker.replace(cx.waker().clone());
    drop(source);
    drop(before);
    Poll::Pending
}

impl<B: Body> ReplayBody<B> {
    /// A body that is sent once.
    pub(crate) fn once(body: B) -> ReplayBody<B> {
        ReplayBody { source: share(body, None), reader: Reader::First }
    }

    pub(crate) fn new(body: B, cap: usize, quota: &BufferQuota) -> (ReplayBody<B>, Kept<B>) {
        let source = share(body, Some(Prefix::new(cap, quota.clone())));
        (ReplayBody { source: source.clone(), reader: Reader::First }, Kept { source })
    }
}

fn share<B: Body>(body: B, kept: Option<Prefix>) -> Shared<B> {
    Arc::new(Mutex::new(Source {
        hint: body.size_hint(),
        ended: body.is_end_stream(),
        body: Some(Box::pin(body)),
        reader: Reader::First,
        paused: false,
        unsent: None,
        kept,
        waker: None,
    }))
}

impl<B> Kept<B> {
    /// The request was refused: stops reading, and returns whether the body can be sent again.
    pub(crate) fn pause(&self) -> bool {
        let mut source = lock(&self.source);
        source.paused = source.kept.is_some();
        source.paused
    }

    /// The second body.
    pub(crate) fn again(self) -> ReplayBody<B> {
        let mut source = lock(&self.source);
        source.reader = Reader::Second;
        source.paused = false;
        let waker = source.waker.take();
        drop(source);
        if let Some(waker) = waker {
            waker.wake(); // the first body, which learns that it has lost the source
        }
        ReplayBody { source: self.source.clone(), reader: Reader::Second }
    }
}

/// The response's head was accepted, the call was dropped, or the refusal is returned to the
/// caller.
impl<B> Drop for Kept<B> {
    fn drop(&mut self) {
        let mut source = lock(&self.source);
        if source.reader == Reader::Second {
            return; // `again` has given it to the second body
        }
        let kept = source.kept.take();
        let waker = source.waker.take();
        let paused = mem::take(&mut source.paused);
        drop(source);
        drop(kept);
        if let Some(waker) = waker.filter(|_| paused) {
            waker.wake();
        }
    }
}

/// A second body takes everything with it when it is dropped, even if a first body still exists. A first
/// body takes nothing: a second body may follow.
impl<B> Drop for ReplayBody<B> {
    fn drop(&mut self) {
        if self.reader == Reader::Second {
            let mut source = lock(&self.source);
            let rest = (source.body.take(), source.kept.take(), source.unsent.take());
            drop(source);
            drop(rest);
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
        // A third body is never needed, so nothing is kept.
        if self.reader == Reader::Second
            && let Some(part) = source.kept.as_mut().and_then(Prefix::pop)
        {
            return Poll::Ready(Some(Ok(part.into_frame())));
        }
        if source.paused {
            return wait(source, cx);
        }
        if let Some(unsent) = source.unsent.take() {
            return Poll::Ready(Some(unsent.map(Part::into_frame)));
        }
        if source.ended {
            return Poll::Ready(None);
        }
        let Some(mut body) = source.body.take() else {
            return wait(source, cx); // the first body is being polled, and will put the source back
        };
        drop(source);

        let panicking = Panicking(&self.source);
        let read = read(body.as_mut(), cx);
        let ended = body.is_end_stream() || matches!(read, Poll::Ready(None | Some(Err(_))));
        let hint = if ended { SizeHint::with_exact(0) } else { body.size_hint() };
        let body = (!ended).then_some(body); // else it has ended and is dropped
        mem::forget(panicking);
        self.put_back(body, hint, read, cx)
    }

    fn is_end_stream(&self) -> bool {
        let source = lock(&self.source);
        let nothing_kept =
            self.reader == Reader::First || source.kept.as_ref().is_none_or(Prefix::is_empty);
        source.reader == self.reader && source.ended && source.unsent.is_none() && nothing_kept
    }

    fn size_hint(&self) -> SizeHint {
        let source = lock(&self.source);
        let kept = match self.reader {
            Reader::First => 0,
            Reader::Second => source.kept.as_ref().map_or(0, Prefix::data_len),
        };
        let unsent: u64 = source.unsent.iter().flatten().map(Part::data_len).sum();
        let before = kept + unsent;
        let mut hint = SizeHint::new();
        if let Some(upper) = source.hint.upper() {
            hint.set_upper(before.saturating_add(upper));
        }
        hint.set_lower(before.saturating_add(source.hint.lower()));
        hint
    }
}

type Read = Poll<Option<Result<Part, BoxError>>>;

/// Skips frames of unknown kinds.
fn read<B>(mut body: Pin<&mut B>, cx: &mut Context<'_>) -> Read
where
    B: Body,
    B::Error: Into<BoxError>,
{
    loop {
        return Poll::Ready(match ready!(body.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => match Part::of(frame) {
                Some(part) => Some(Ok(part)),
                None => continue,
            },
            Some(Err(error)) => Some(Err(error.into())),
            None => None,
        });
    }
}

impl<B> ReplayBody<B> {
    /// Puts the source and the frame that it yielded back in one step. Otherwise another body could read
    /// on and change the order.
    fn put_back(
        &self,
        body: Option<Pin<Box<B>>>,
        hint: SizeHint,
        read: Read,
        cx: &Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut source = lock(&self.source);
        source.ended = body.is_none();
        source.hint = hint;
        source.body = body;
        if source.reader != self.reader || source.paused {
            // The next reader gets this frame first.
            if let Poll::Ready(Some(read)) = read {
                source.unsent = Some(read);
            }
            if source.reader == self.reader {
                return wait(source, cx);
            }
            let waker = source.waker.take();
            drop(source);
            if let Some(waker) = waker {
                waker.wake(); // the second body, which waits for the source
            }
            return Poll::Ready(Some(Err(Superseded.into())));
        }
        let Poll::Ready(read) = read else {
            // The source wakes only the body that polled it last. That may be the second body, and this
            // body would then wait for ever.
            let may_lose_it = self.reader == Reader::First && source.kept.is_some();
            return if may_lose_it { wait(source, cx) } else { Poll::Pending };
        };
        let kept = match &read {
            Some(Ok(part)) if self.reader == Reader::First => source.keep(part),
            Some(Err(_)) => source.kept.take(), // a failed source cannot be sent again
            _ => None,
        };
        drop(source);
        drop(kept);
        Poll::Ready(read.map(|read| read.map(Part::into_frame)))
    }
}

impl<B> Source<B> {
    /// Returns what must be dropped if the copy exceeds the cap.
    fn keep(&mut self, part: &Part) -> Option<Prefix> {
        let fits = self.kept.as_mut()?.push(part);
        if fits { None } else { self.kept.take() }
    }
}

/// Dropped with the source inside only if the source panics. The source is then lost, and the next
/// reader gets an error.
struct Panicking<'a, B>(&'a Shared<B>);

impl<B> Drop for Panicking<'_, B> {
    fn drop(&mut self) {
        let mut source = lock(self.0);
        source.ended = true;
        source.unsent = Some(Err("the body panicked".into()));
        let (kept, waker) = (source.kept.take(), source.waker.take());
        drop(source);
        drop(kept);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The request was sent again, and another body continues with the stream of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superseded;

impl fmt::Display for Superseded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request was refused and is sent again: this body has lost its source")
    }
}

impl std::error::Error for Superseded {}

/// Not derived, because a body is the caller's and must not be shown.
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
