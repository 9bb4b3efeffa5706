//! Reading a rejected response to its end.
//!
//! On HTTP/1.1, dropping a body that has not been read costs the connection. So the body of a refusal,
//! which is short, is read before the request is sent again; but not for long, and not if it is long.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Buf;
use http_body::Body;

use crate::clock::Sleep;

/// What is longer than this is cheaper to reconnect for.
const MAX_BYTES: usize = 16 * 1024;

pub(super) struct Drain<RB> {
    body: Pin<Box<RB>>,
    left: usize,
    deadline: Sleep,
}

impl<RB> Drain<RB> {
    /// What is not there by then is not worth waiting for.
    pub(super) const MAX_TIME: Duration = Duration::from_millis(50);

    pub(super) fn new(body: RB, deadline: Sleep) -> Drain<RB> {
        Drain { body: Box::pin(body), left: MAX_BYTES, deadline }
    }
}

impl<RB: Body> Drain<RB> {
    /// Ends when the body has been read, or is not worth it.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Counted as one byte at least, so that empty frames come to an end too.
                    let length = frame.data_ref().map_or(0, Buf::remaining).max(1);
                    match self.left.checked_sub(length) {
                        Some(left) => self.left = left,
                        None => return Poll::Ready(()),
                    }
                }
                Poll::Ready(None | Some(Err(_))) => return Poll::Ready(()),
                Poll::Pending => return self.deadline.as_mut().poll(cx),
            }
        }
    }
}
