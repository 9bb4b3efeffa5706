//! The future of a call: it polls the inner future, and reads the beginning of the body if that is asked for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use crate::auth::inspect::options::Options;
use crate::auth::inspect::peeked::Peeked;
use crate::auth::inspect::reading::Reading;

pin_project! {
    /// The response of [`InspectBody`](crate::InspectBody).
    ///
    /// # Panics
    ///
    /// If it is polled after its completion, as tower's futures do.
    #[must_use = "futures do nothing unless polled"]
    pub struct InspectFuture<F, RB: Body> {
        #[pin]
        future: F,
        options: Arc<Options>,
        // Boxed, because most responses are not read.
        reading: Option<Box<Reading<RB>>>,
    }
}

impl<F, RB: Body> InspectFuture<F, RB> {
    #[inline]
    pub(crate) fn new(future: F, options: Arc<Options>) -> InspectFuture<F, RB> {
        InspectFuture { future, options, reading: None }
    }
}

impl<F, RB, E> Future for InspectFuture<F, RB>
where
    F: Future<Output = Result<Response<RB>, E>>,
    RB: Body + Unpin,
{
    type Output = Result<Response<Peeked<RB>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let reading = match this.reading {
            Some(reading) => reading,
            None => {
                let response = match ready!(this.future.poll(cx)) {
                    Ok(response) => response,
                    Err(error) => return Poll::Ready(Err(error)),
                };
                if !this.options.applies_to(&response) {
                    return Poll::Ready(Ok(response.map(Peeked::unread)));
                }
                this.reading.insert(Box::new(Reading::new(response, this.options)))
            }
        };
        reading.poll(cx).map(Ok)
    }
}

impl<F, RB: Body> fmt::Debug for InspectFuture<F, RB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.reading.is_some() { "reading" } else { "calling" };
        f.debug_struct("InspectFuture").field("state", &state).finish()
    }
}
