//! The service.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::BoxError;
use crate::clock::Now;
use crate::future::{Attempt, Cold, Kept, ResponseFuture};
use crate::guard::Admission;
use crate::replay::{Replay, Same, Slot};
use crate::scheme::Scheme;
use crate::shared::Shared;
use crate::source::Generation;

/// Gives every request of the inner service a valid credential; made by [`AuthLayer`](crate::AuthLayer).
///
/// `poll_ready` is the inner service's own. A call that has to wait for a token first gives the inner
/// service's readiness back (a permit of a `ConcurrencyLimit`, a slot of a `Buffer`), so that nothing is
/// held while waiting, and asks for it again afterwards.
///
/// # Errors
///
/// The inner service's errors pass through unwrapped; those of this crate are an
/// [`Error`](crate::Error), found by downcast.
///
/// # Cancel safety
///
/// A call may be dropped at any time. An exchange that it has started goes on.
pub struct Auth<I, S, R = Same> {
    inner: I,
    shared: Arc<Shared<S>>,
    replay: R,
}

impl<I, S, R> Auth<I, S, R> {
    pub(crate) fn new(inner: I, shared: Arc<Shared<S>>, replay: R) -> Auth<I, S, R> {
        Auth { inner, shared, replay }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &I {
        &self.inner
    }

    /// The inner service.
    pub fn get_mut(&mut self) -> &mut I {
        &mut self.inner
    }

    /// The inner service.
    pub fn into_inner(self) -> I {
        self.inner
    }
}

impl<I, S, R, B, RB> Service<Request<B>> for Auth<I, S, R>
where
    I: Service<Request<R::Body>, Response = Response<RB>> + Clone,
    I::Error: Into<BoxError>,
    S: Scheme,
    R: Replay<B>,
    RB: Body,
{
    type Response = Response<RB>;
    type Error = BoxError;
    type Future = ResponseFuture<I, S, R, B, RB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Shared { core, config } = &*self.shared;
        match config.guard.admit(&mut request, core.scheme().header_name()) {
            Ok(Admission::WithCredential) => {}
            Ok(Admission::Bare) => {
                let request = request.map(|body| self.replay.pass(body));
                return ResponseFuture::bare(self.inner.call(request));
            }
            Err(error) => {
                self.give_readiness_back();
                return ResponseFuture::failed(error);
            }
        }
        let now = core.now();
        if let Some(read) = core.cell.read(now)
            && let Some((value, generation)) = read.credential()
        {
            // What cannot be sent again wants a token that will not be refused for its age.
            let can_wait = read.ageing && !config.can_replay(&self.replay, &request);
            if !can_wait {
                let (value, due) = (value.clone(), read.due);
                drop(read);
                return self.send(request, value, generation, due, now);
            }
        }
        let service = self.give_readiness_back();
        let replay = self.replay.clone();
        ResponseFuture::cold(Cold::first(service, request, self.shared.clone(), replay))
    }
}

impl<I, S, R> Auth<I, S, R> {
    /// Sends a request with a credential, keeping a copy where it may have to be sent again.
    fn send<B, RB>(
        &mut self,
        request: Request<B>,
        value: HeaderValue,
        generation: Generation,
        due: bool,
        now: Now,
    ) -> ResponseFuture<I, S, R, B, RB>
    where
        I: Service<Request<R::Body>, Response = Response<RB>> + Clone,
        S: Scheme,
        R: Replay<B>,
    {
        let (request, kept) = self.shared.prepare(&self.replay, request, value);
        let (future, kept) = match kept {
            None => (self.inner.call(request), None),
            Some((head, body)) => {
                // Kept as it is, not ready: a replay asks for readiness first.
                let service = self.inner.clone();
                (self.inner.call(request), Some(Kept { service, head, body }))
            }
        };
        let attempt = Attempt::new(self.shared.clone(), generation, now, R::Slot::new(kept));
        ResponseFuture::calling(future, if due { attempt.due() } else { attempt })
    }

    /// Drops the inner service, which is ready, and keeps a clone, which is not: what was reserved for
    /// this call is free again. Returns another such clone.
    fn give_readiness_back(&mut self) -> I
    where
        I: Clone,
    {
        let clone = self.inner.clone();
        drop(mem::replace(&mut self.inner, clone.clone()));
        clone
    }
}

impl<I: Clone, S, R: Clone> Clone for Auth<I, S, R> {
    fn clone(&self) -> Auth<I, S, R> {
        Auth { inner: self.inner.clone(), shared: self.shared.clone(), replay: self.replay.clone() }
    }
}

impl<I: fmt::Debug, S, R: fmt::Debug> fmt::Debug for Auth<I, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("inner", &self.inner)
            .field("config", &self.shared.config)
            .field("replay", &self.replay)
            .finish_non_exhaustive()
    }
}
