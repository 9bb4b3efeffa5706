//! The future of a call. It polls the inner service's future, or it waits. It sends a request twice at most because of its token, and
//! once more because of headers that are made for it ([`ProofVerdict`](crate::scheme::ProofVerdict)).
//!
//! The hot path is [`State::Calling`]: it polls the inner future and inspects the response. A request that waits (for a token,
//! for the next token, for the inner service) is a boxed [`PendingRequest`]. So a request that never waits is small.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::auth::completed::polled_after_completion;
use crate::auth::pending_request::{Next, PendingRequest};
use crate::auth::refused::{Answered, Objection, Refusal};
use crate::auth::sent_request::SentRequest;
#[cfg(feature = "reqwest")]
use crate::error::recovery::Recovery;
use crate::error::{BoxError, Error};
use crate::replay::Replay;

pin_project! {
    /// The response of [`Auth`](crate::Auth).
    ///
    /// # Panics
    ///
    /// If it is polled after its completion, as tower's futures do.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<I, R, B, RB>
    where
        I: Service<Request<R::Body>>,
        R: Replay<B>,
    {
        #[pin]
        state: State<I, R, B, RB>,
        // How to read the inner service's response. None if the request has no credential.
        sent_request: Option<SentRequest<I, R, B, RB>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<I, R, B, RB>
    where
        I: Service<Request<R::Body>>,
        R: Replay<B>,
    {
        /// The request is with the inner service.
        Calling { #[pin] future: I::Future },
        Pending { pending: Box<PendingRequest<I, R, B, RB>> },
        Failed { error: Option<Error> },
    }
}

impl<I, R, B, RB> ResponseFuture<I, R, B, RB>
where
    I: Service<Request<R::Body>>,
    R: Replay<B>,
{
    pub(crate) fn unauthenticated(future: I::Future) -> Self {
        ResponseFuture { state: State::Calling { future }, sent_request: None }
    }

    #[inline(always)]
    pub(crate) fn calling(future: I::Future, sent_request: SentRequest<I, R, B, RB>) -> Self {
        ResponseFuture { state: State::Calling { future }, sent_request: Some(sent_request) }
    }

    pub(crate) fn pending(pending: PendingRequest<I, R, B, RB>) -> Self {
        ResponseFuture { state: State::Pending { pending: Box::new(pending) }, sent_request: None }
    }

    pub(crate) fn failed(error: Error) -> Self {
        ResponseFuture { state: State::Failed { error: Some(error) }, sent_request: None }
    }

    /// Whether the request was sent without a credential. Ask before the first poll.
    #[cfg(feature = "reqwest")]
    pub(crate) fn is_unauthenticated(&self) -> bool {
        matches!(self.state, State::Calling { .. }) && self.sent_request.is_none()
    }

    /// Whether the request waits, and is not with the inner service.
    #[cfg(feature = "reqwest")]
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Pending { .. })
    }
}

#[cfg(feature = "reqwest")]
impl<I, R, B, RB> ResponseFuture<I, R, B, RB>
where
    I: Service<Request<R::Body>, Response = Response<RB>> + Clone,
    I::Error: Into<BoxError>,
    R: Replay<B>,
    RB: Body + Unpin,
{
    /// The refusal, if the request waits after one. Taken when there is no time left for a second
    /// sending.
    pub(crate) fn out_of_time(self: Pin<&mut Self>) -> Option<Response<RB>> {
        match self.project().state.project() {
            StateProj::Pending { pending } => pending.hand_on(Recovery::OutOfTime),
            _ => None,
        }
    }
}

impl<I, R, B, RB> Future for ResponseFuture<I, R, B, RB>
where
    I: Service<Request<R::Body>, Response = Response<RB>> + Clone,
    I::Error: Into<BoxError>,
    R: Replay<B>,
    RB: Body + Unpin,
{
    type Output = Result<Response<RB>, BoxError>;

    // What is rare is in functions of its own, so the rest is small. A call of it costs 25 instructions.
    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut state, sent_request) = (this.state, this.sent_request);
        loop {
            let next = match state.as_mut().project() {
                StateProj::Calling { future } => {
                    if let Some(sent_request) = sent_request {
                        sent_request.request_refresh_if_due();
                    }
                    // Moving a response is expensive, so it is inspected in place.
                    let mut polled = future.poll(cx);
                    let objection = match (&mut polled, &*sent_request) {
                        (Poll::Pending, _) => return Poll::Pending,
                        (Poll::Ready(Ok(response)), Some(sent_request)) => {
                            sent_request.inspect_response(response)
                        }
                        _ => None,
                    };
                    let Some(objection) = objection else {
                        let refusal = match polled {
                            Poll::Ready(Err(_)) => {
                                sent_request.as_mut().and_then(SentRequest::refusal)
                            }
                            _ => None,
                        };
                        *sent_request = None; // drops what was kept for a second sending
                        return match polled {
                            Poll::Ready(Ok(response)) => Poll::Ready(Ok(response)),
                            Poll::Ready(Err(error)) => Poll::Ready(client_failed(refusal, error)),
                            Poll::Pending => Poll::Pending,
                        };
                    };
                    let Poll::Ready(Ok(response)) = polled else { return Poll::Pending };
                    match refusal(sent_request.take(), objection, response) {
                        Answered::Done(response) => return Poll::Ready(Ok(response)),
                        Answered::Refused(refused) => {
                            State::Pending { pending: Box::new(PendingRequest::again(*refused)) }
                        }
                    }
                }
                StateProj::Pending { pending } => {
                    let ended = match ready!(pending.poll(cx)) {
                        Ok(Next::Call { future, sent_request: again }) => {
                            *sent_request = Some(again);
                            state.set(State::Calling { future });
                            continue;
                        }
                        Ok(Next::Respond(response)) => Ok(response),
                        Err(error) => Err(error),
                    };
                    state.set(State::Failed { error: None });
                    return Poll::Ready(ended);
                }
                StateProj::Failed { error } => {
                    let error = error.take().unwrap_or_else(|| polled_after_completion());
                    return Poll::Ready(Err(error.into()));
                }
            };
            state.set(next);
        }
    }
}

/// The inner service has failed. The caller gets the refusal that came before, or the error.
#[cold]
#[inline(never)]
fn client_failed<RB, E>(
    refusal: Option<Box<Refusal<RB>>>,
    error: E,
) -> Result<Response<RB>, BoxError>
where
    E: Into<BoxError>,
{
    match refusal {
        Some(refusal) => refusal.instead_of(error),
        None => Err(error.into()),
    }
}

/// Handles a response that refuses or doubts the credential, or refuses the request's own headers.
#[cold]
#[inline(never)]
fn refusal<I, R, B, RB>(
    sent_request: Option<SentRequest<I, R, B, RB>>,
    objection: Objection,
    response: Response<RB>,
) -> Answered<I, R, B, RB>
where
    R: Replay<B>,
{
    match (sent_request, objection) {
        (Some(sent), Objection::Token(complaint)) => sent.refused(complaint, response),
        (Some(sent), Objection::Proof { may_help }) => sent.proof_refused(may_help, response),
        (None, _) => Answered::Done(response),
    }
}

impl<I, R, B, RB> fmt::Debug for ResponseFuture<I, R, B, RB>
where
    I: Service<Request<R::Body>>,
    R: Replay<B>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Calling { .. } => "calling",
            State::Pending { .. } => "waiting",
            State::Failed { .. } => "failed",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish()
    }
}
