//! Reading a rejected response to its end.
//!
//! On HTTP/1.1, a body that is dropped unread costs the connection. The body of a refusal is mostly short. So it is
//! read before the request is sent again, if it is short and arrives soon.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Buf;
use http::Response;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body::Body;

use crate::clock::Sleep;

/// Reading a longer body costs more than a new connection.
const MAX_BYTES: usize = 16 * 1024;

pub(crate) struct Drain<RB> {
    /// None after it was given back.
    response: Option<Response<RB>>,
    left: usize,
    deadline: Sleep,
}

impl<RB> Drain<RB> {
    /// Waiting longer costs more than a new connection.
    pub(crate) const MAX_TIME: Duration = Duration::from_millis(50);

    pub(crate) fn new(response: Response<RB>, deadline: Sleep) -> Drain<RB> {
        Drain { response: Some(response), left: MAX_BYTES, deadline }
    }
}

impl<RB: Body + Unpin> Drain<RB> {
    /// Ends when the body has been read, or when that takes too long. Returns the response only if its body was read
    /// to the end. An unread body occupies a connection, which the second sending may need.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Response<RB>>> {
        let Some(response) = &mut self.response else { return Poll::Ready(None) };
        loop {
            match Pin::new(response.body_mut()).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Headers that describe the whole body are wrong for the rest of it.
                    response.headers_mut().remove(CONTENT_LENGTH);
                    response.headers_mut().remove(CONTENT_ENCODING);
                    // A frame counts as at least one byte, so that a body of empty frames ends too.
                    let length = frame.data_ref().map_or(0, Buf::remaining).max(1);
                    match self.left.checked_sub(length) {
                        Some(left) => self.left = left,
                        None => return Poll::Ready(None),
                    }
                }
                Poll::Ready(None) => return Poll::Ready(self.response.take()),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(None),
                Poll::Pending => return self.deadline.as_mut().poll(cx).map(|()| None),
            }
        }
    }
}
