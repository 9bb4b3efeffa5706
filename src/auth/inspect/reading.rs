//! Reading the beginning of a body.

use std::io::IoSlice;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf;
use http::Response;
use http_body::Body;

use crate::auth::completed::polled_after_completion;
use crate::auth::inspect::options::Options;
use crate::auth::inspect::peeked::{Held, Peeked, Read};
use crate::clock::{self, Sleep, SystemClock};
use crate::scheme::excerpt::Excerpt;

/// The most frames that are held. The body of an error has one or two.
const MAX_FRAMES: usize = 256;

/// The parts of one frame that are looked at. The frames of HTTP clients have one part.
const MAX_PARTS: usize = 16;

/// A response whose body is being read.
pub(crate) struct Reading<RB: Body> {
    /// None after it was given back.
    response: Option<Response<RB>>,
    held: Held<RB>,
    limit: usize,
    /// How many more bytes are read.
    left: usize,
    wait: Duration,
    /// Set when the body pauses for the first time.
    timer: Option<Sleep>,
}

impl<RB: Body> Reading<RB> {
    pub(crate) fn new(response: Response<RB>, options: &Options) -> Reading<RB> {
        let (held, limit, wait) = (Held::<RB>::new(), options.limit, options.wait);
        Reading { response: Some(response), held, limit, left: limit, wait, timer: None }
    }
}

impl<RB: Body + Unpin> Reading<RB> {
    /// Returns the response when enough of its body was read, or when that takes too long.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<Peeked<RB>>> {
        while let Some(response) = &mut self.response
            && self.left > 0
            && self.held.len() < MAX_FRAMES
            && !response.body().is_end_stream()
        {
            let hint = response.body().size_hint();
            match Pin::new(response.body_mut()).poll_frame(cx) {
                Poll::Ready(item) => {
                    self.left = match &item {
                        Some(Ok(frame)) => {
                            let length = frame.data_ref().map_or(0, Buf::remaining);
                            self.left.saturating_sub(length)
                        }
                        Some(Err(_)) | None => 0,
                    };
                    self.held.push_back(Read { hint, item });
                }
                Poll::Pending => {
                    ready!(self.poll_timer(cx));
                    break;
                }
            }
        }
        Poll::Ready(self.finish())
    }

    /// Ends when the wait is over. Without a timer, nothing is waited for.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.timer.is_none() && !self.wait.is_zero() {
            self.timer = clock::try_sleep(&SystemClock::new(), self.wait);
        }
        self.timer.as_mut().map_or(Poll::Ready(()), |timer| timer.as_mut().poll(cx))
    }

    fn finish(&mut self) -> Response<Peeked<RB>> {
        let response = self.response.take();
        let (mut head, body) = response.unwrap_or_else(|| polled_after_completion()).into_parts();
        let held = mem::take(&mut self.held);
        let bytes = beginning::<RB>(&held, self.limit);
        if !bytes.is_empty() {
            head.extensions.insert(Excerpt::new(bytes));
        }
        Response::from_parts(head, Peeked::new(held, body))
    }
}

/// A copy of the first bytes, `limit` at most. It is a copy because a reference to a small slice would keep a large
/// buffer in memory.
fn beginning<RB: Body>(held: &Held<RB>, limit: usize) -> Vec<u8> {
    let frames = held.iter().filter_map(|read| read.item.as_ref()?.as_ref().ok()?.data_ref());
    let length = frames.clone().fold(0_usize, |sum, data| sum.saturating_add(data.remaining()));
    let mut bytes = Vec::with_capacity(length.min(limit));
    for data in frames {
        let mut parts = [IoSlice::new(&[]); MAX_PARTS];
        let count = data.chunks_vectored(&mut parts);
        let mut seen = 0_usize;
        for part in parts.iter().take(count) {
            let room = limit - bytes.len();
            bytes.extend_from_slice(&part[..part.len().min(room)]);
            seen = seen.saturating_add(part.len());
        }
        if seen < data.remaining() {
            break; // the rest of this frame cannot be seen, so the excerpt ends here
        }
    }
    bytes
}
