//! The service.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::auth::config::Shared;
use crate::auth::future::ResponseFuture;
use crate::auth::pending_request::PendingRequest;
use crate::auth::policy::Admission;
use crate::auth::refused::Rare;
use crate::auth::sent_request::SentRequest;
use crate::error::{BoxError, Error};
use crate::replay::Replay;
use crate::replay::strategies::Same;
use crate::token::source::TokenSource;

/// Gives every request of the inner service a valid credential. [`AuthLayer`](crate::AuthLayer) makes
/// it.
///
/// `poll_ready` is that of the inner service. A call that must wait for a token first releases the inner service (a
/// permit of a `ConcurrencyLimit`, a slot of a `Buffer`), and polls it again when there is a token. So a waiting call
/// holds no permit.
///
/// # Errors
///
/// The inner service's errors pass through unwrapped. Errors of this crate are an [`Error`](crate::Error), found
/// by downcast. If the inner service fails while a refused request is sent again, the caller gets the refusal,
/// with [`Recovery::ResendFailed`](crate::Recovery::ResendFailed).
///
/// # Bounds
///
/// The body of a response must be [`Unpin`], because the body of a refusal is read and then given back. The bodies
/// of hyper, tonic, axum and reqwest are. Box any other body below this layer, with tower's
/// `map_response(|response| response.map(Box::pin))`.
///
/// # Cancel safety
///
/// A call may be dropped at any time. An exchange that it has started continues.
pub struct Auth<I, R = Same> {
    inner: I,
    pub(crate) shared: Arc<Shared>,
    pub(crate) replay: R,
}

impl<I, R> Auth<I, R> {
    pub(crate) fn new(inner: I, shared: Arc<Shared>, replay: R) -> Auth<I, R> {
        Auth { inner, shared, replay }
    }

    /// The source of the tokens: for its [`status`](TokenSource::status), and for
    /// [`token`](TokenSource::token) where a token is needed outside a request.
    #[must_use]
    pub fn source(&self) -> TokenSource {
        TokenSource::of(self.shared.core.clone())
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

impl<I, R, B, RB> Service<Request<B>> for Auth<I, R>
where
    I: Service<Request<R::Body>, Response = Response<RB>> + Clone,
    I::Error: Into<BoxError>,
    R: Replay<B>,
    RB: Body + Unpin,
{
    type Response = Response<RB>;
    type Error = BoxError;
    type Future = ResponseFuture<I, R, B, RB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Shared { core, config, .. } = &*self.shared;
        if !config.guard.is_plain(&request) {
            match config.guard.admit(&mut request, &core.header_name, core.id) {
                Ok(Admission::WithCredential) => {}
                Ok(Admission::Unauthenticated) => return self.send_unauthenticated(request),
                Err(error) => return self.fail(error),
            }
        }
        let now = core.now();
        let Some(read) = core.cell.read(now) else { return self.wait(request) };
        let Some(token) = read.published() else { return self.wait(request) };
        // The refusal of a request that cannot be sent again reaches the caller. So such a request waits for a
        // better token.
        if read.ageing && R::KEEPS && !config.can_replay(&self.replay, &request) {
            return self.wait(request);
        }
        let kept = config.keep(&self.inner, &self.replay, &mut request);
        request.headers_mut().insert(&core.header_name, token.presented.value.clone());
        let (generation, age) = (token.generation, read.age);
        let rare = match token.presented.per_request.is_some() {
            false => None,
            true => match Rare::first(read.to_token(), now, &mut request, &self.replay) {
                Ok(rare) => rare,
                Err(error) => return self.fail(error),
            },
        };
        drop(read);
        let shared = self.shared.clone();
        let mut sent_request = SentRequest::new(shared, generation, now, age, kept, rare);
        let slot = sent_request.kept_body();
        let future = self.replay.send(&mut self.inner, request, &config.quota, slot);
        ResponseFuture::calling(future, sent_request)
    }
}

/// The rare cases. Not inlined, so that the hot path stays short.
impl<I, R> Auth<I, R> {
    #[cold]
    #[inline(never)]
    fn send_unauthenticated<B, RB>(&mut self, request: Request<B>) -> ResponseFuture<I, R, B, RB>
    where
        I: Service<Request<R::Body>, Response = Response<RB>> + Clone,
        R: Replay<B>,
    {
        let quota = &self.shared.config.quota;
        ResponseFuture::unauthenticated(self.replay.send(&mut self.inner, request, quota, None))
    }

    #[cold]
    #[inline(never)]
    fn fail<B, RB>(&mut self, error: Error) -> ResponseFuture<I, R, B, RB>
    where
        I: Service<Request<R::Body>, Response = Response<RB>> + Clone,
        R: Replay<B>,
    {
        self.give_readiness_back();
        ResponseFuture::failed(error)
    }

    /// A request that waits for a token.
    #[cold]
    #[inline(never)]
    fn wait<B, RB>(&mut self, request: Request<B>) -> ResponseFuture<I, R, B, RB>
    where
        I: Service<Request<R::Body>, Response = Response<RB>> + Clone,
        R: Replay<B>,
    {
        let service = self.give_readiness_back();
        let (shared, replay) = (self.shared.clone(), self.replay.clone());
        ResponseFuture::pending(PendingRequest::first(service, request, shared, replay))
    }

    /// Replaces the inner service, which is ready, by a clone, which is not. This releases what was reserved for this
    /// call. Returns another clone.
    fn give_readiness_back(&mut self) -> I
    where
        I: Clone,
    {
        let clone = self.inner.clone();
        drop(mem::replace(&mut self.inner, clone.clone()));
        clone
    }
}

impl<I: Clone, R: Clone> Clone for Auth<I, R> {
    fn clone(&self) -> Auth<I, R> {
        Auth { inner: self.inner.clone(), shared: self.shared.clone(), replay: self.replay.clone() }
    }
}

impl<I: fmt::Debug, R: fmt::Debug> fmt::Debug for Auth<I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("inner", &self.inner)
            .field("config", &self.shared.config)
            .field("replay", &self.replay)
            .finish_non_exhaustive()
    }
}
