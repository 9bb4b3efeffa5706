//! A caller that gives up at a place that no clock decides.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// The outcome of a call, if it has one within so many polls. Otherwise the call is dropped.
pub(crate) async fn poll_at_most<T>(polls: usize, call: impl Future<Output = T>) -> Option<T> {
    let (mut call, mut left) = (pin!(call), polls);
    poll_fn(|cx| {
        left -= 1;
        match call.as_mut().poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
