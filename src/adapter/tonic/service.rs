//! The service, and the future of its calls.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::adapter::tonic::status::with_status;
use crate::auth::future::ResponseFuture;
use crate::auth::service::Auth;
use crate::error::BoxError;
use crate::replay::Replay;
use crate::replay::strategies::Same;
use crate::token::source::TokenSource;

/// An [`Auth`] whose own errors are a [`tonic::Status`];
/// [`AuthLayer::for_tonic`](crate::AuthLayer::for_tonic) makes it.
///
/// It handles a request as [`Auth`] does, under the same bounds.
///
/// # Errors
///
/// An error of this crate becomes a [`tonic::Status`] with [its code](crate::adapter::tonic#codes) and its text.
/// The source of that status is the [`Error`](crate::Error). A downcast finds the status, and
/// [`Error::find`](crate::Error::find) finds the error. The inner service's errors pass through unwrapped.
///
/// # Cancel safety
///
/// A call may be dropped at any time. An exchange that it has started goes on.
#[derive(Clone, Debug)]
pub struct TonicAuth<I, R = Same> {
    auth: Auth<I, R>,
}

impl<I, R> TonicAuth<I, R> {
    pub(crate) fn new(auth: Auth<I, R>) -> TonicAuth<I, R> {
        TonicAuth { auth }
    }

    /// The source of the tokens, as for [`Auth::source`].
    #[must_use]
    pub fn source(&self) -> TokenSource {
        self.auth.source()
    }

    /// The inner service.
    pub fn get_ref(&self) -> &I {
        self.auth.get_ref()
    }

    /// The inner service.
    pub fn get_mut(&mut self) -> &mut I {
        self.auth.get_mut()
    }

    /// The inner service.
    pub fn into_inner(self) -> I {
        self.auth.into_inner()
    }
}

impl<I, R, B, RB> Service<Request<B>> for TonicAuth<I, R>
where
    I: Service<Request<R::Body>, Response = Response<RB>> + Clone,
    I::Error: Into<BoxError>,
    R: Replay<B>,
    RB: Body + Unpin,
{
    type Response = Response<RB>;
    type Error = BoxError;
    type Future = TonicFuture<I, R, B, RB>;

    /// The errors are the inner service's.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Service::<Request<B>>::poll_ready(&mut self.auth, cx)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        TonicFuture { future: self.auth.call(request) }
    }
}

pin_project! {
    /// The response of [`TonicAuth`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the call. An exchange that it has started goes on.
    ///
    /// # Panics
    ///
    /// If it is polled after its completion, as tower's futures do.
    #[must_use = "futures do nothing unless polled"]
    pub struct TonicFuture<I, R, B, RB>
    where
        I: Service<Request<R::Body>>,
        R: Replay<B>,
    {
        #[pin]
        future: ResponseFuture<I, R, B, RB>,
    }
}

impl<I, R, B, RB> Future for TonicFuture<I, R, B, RB>
where
    I: Service<Request<R::Body>, Response = Response<RB>> + Clone,
    I::Error: Into<BoxError>,
    R: Replay<B>,
    RB: Body + Unpin,
{
    type Output = Result<Response<RB>, BoxError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().future.poll(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(with_status(error))),
            polled => polled,
        }
    }
}

impl<I, R, B, RB> fmt::Debug for TonicFuture<I, R, B, RB>
where
    I: Service<Request<R::Body>>,
    R: Replay<B>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TonicFuture").field("future", &self.future).finish()
    }
}
