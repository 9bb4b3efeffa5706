//! A request that waits: for a first token, for the next token, or for the inner service.
//!
//! It waits for the token first, and holds no permit of the inner service meanwhile. Then it waits until the inner
//! service is ready. Then it reads the token once more, because the token may have changed. The caller's deadline
//! ends all of this.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::auth::completed::polled_after_completion;
use crate::auth::config::{Replayed, Shared};
use crate::auth::deadline::Deadline;
use crate::auth::drain::Drain;
use crate::auth::judged::Judged;
use crate::auth::kept_request::KeptRequest;
use crate::auth::proof::Proof;
use crate::auth::refused::{Before, Rare, Refusal, Refused, Remedy};
use crate::auth::sent_request::SentRequest;
use crate::clock::Now;
use crate::error::recovery::Recovery;
use crate::error::{BoxError, Error};
use crate::exchange::chain::Chain;
use crate::replay::head::Head;
use crate::replay::{Replay, Slot};
use crate::token::published::AccessToken;
use crate::token::waiting::Renewal;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A request that waits.
pub(crate) struct PendingRequest<I, R: Replay<B>, B, RB> {
    shared: Arc<Shared>,
    /// Not ready.
    service: I,
    chain: Chain,
    work: Option<Work<R, B, RB>>,
    deadline: Option<Deadline>,
    stage: Stage<RB>,
}

/// What is to be sent once there is a token.
enum Work<R: Replay<B>, B, RB> {
    First { request: Request<B>, replay: R },
    Again(Again<R, B, RB>),
}

/// A request that is sent again.
struct Again<R: Replay<B>, B, RB> {
    head: Head,
    body: Option<R::Kept>,
    before: Before,
    /// The token that the request must have again. None: the newest.
    same_token: Option<AccessToken>,
    /// Set if the request may be sent once more after this sending.
    replay: Option<R>,
    /// It is given to the caller if there is no successor, or if this sending fails.
    rejected: Option<Response<RB>>,
    judged: Judged,
}

enum Stage<RB> {
    Acquire(BoxFuture<Result<AccessToken, Error>>),
    Renew(BoxFuture<Renewal>),
    /// The request needs no other token.
    Prove,
    /// The rejected response's body is read to its end, so that its connection lives.
    Drain(Drain<RB>),
    Ready,
}

/// What follows the wait.
pub(crate) enum Next<I, R, B, RB>
where
    R: Replay<B>,
    I: Service<Request<R::Body>>,
{
    Call { future: I::Future, sent_request: SentRequest<I, R, B, RB> },
    Respond(Response<RB>),
}

impl<I, R: Replay<B>, B, RB> PendingRequest<I, R, B, RB> {
    /// There is no token that can be sent at once.
    pub(crate) fn first(service: I, request: Request<B>, shared: Arc<Shared>, replay: R) -> Self {
        let chain = Chain::of(request.extensions());
        let deadline = Deadline::of(request.headers().get(&Deadline::HEADER), shared.core.now());
        PendingRequest {
            // With `Off`, a request never waits if there is a usable token.
            stage: match !R::KEEPS || shared.config.can_replay(&replay, &request) {
                true => Stage::Acquire(Box::pin(shared.core.clone().acquire(chain.clone()))),
                false => Stage::Acquire(Box::pin(shared.core.clone().acquire_fresh(chain.clone()))),
            },
            shared,
            service,
            chain,
            work: Some(Work::First { request, replay }),
            deadline,
        }
    }

    /// A request was refused, and is to be sent again: with another token, or with new headers of its own.
    #[cold]
    pub(crate) fn again(request: Refused<I, R, B, RB>) -> Self {
        let Refused { shared, remedy, before, sent, kept, replay, response } = request;
        let KeptRequest { service, head, body } = kept;
        let chain = head.extensions().map(Chain::of).unwrap_or_default();
        let deadline = Deadline::of(head.header(&Deadline::HEADER), sent);
        let (stage, same_token, judged) = match remedy {
            Remedy::Renewal { complaint, refused } => {
                let renewal = shared.core.clone().renew(complaint, refused, chain.clone());
                let judged = Judged::new(&shared, complaint, refused);
                (Stage::Renew(Box::pin(renewal)), None, judged)
            }
            Remedy::NewProof(token) => (Stage::Prove, Some(token), Judged::nothing()),
        };
        let rejected = Some(response);
        let again = Again { head, body, before, same_token, replay, rejected, judged };
        PendingRequest { stage, shared, service, chain, work: Some(Work::Again(again)), deadline }
    }
}

impl<I, R, B, RB> PendingRequest<I, R, B, RB>
where
    I: Service<Request<R::Body>, Response = Response<RB>> + Clone,
    I::Error: Into<BoxError>,
    R: Replay<B>,
    RB: Body + Unpin,
{
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Next<I, R, B, RB>, BoxError>> {
        let polled = self.poll_stages(cx);
        if polled.is_pending()
            && let Some(deadline) = &mut self.deadline
            && deadline.poll(&self.shared.core, cx).is_ready()
        {
            return self.out_of_time();
        }
        polled
    }

    fn poll_stages(&mut self, cx: &mut Context<'_>) -> Poll<Result<Next<I, R, B, RB>, BoxError>> {
        loop {
            self.stage = match &mut self.stage {
                Stage::Acquire(acquire) => {
                    if let Err(error) = ready!(acquire.as_mut().poll(cx)) {
                        let refusal = self.hand_on(Recovery::RenewalFailed).map(Next::Respond);
                        return Poll::Ready(refusal.ok_or_else(|| error.into()));
                    }
                    Stage::Ready
                }
                Stage::Renew(renew) => match ready!(renew.as_mut().poll(cx)) {
                    Renewal::Token { waited, .. } => {
                        if let Some(Work::Again(again)) = &mut self.work {
                            again.before.waited = waited;
                        }
                        self.drain()
                    }
                    Renewal::HandOn(recovery) => match self.hand_on(recovery) {
                        Some(response) => return Poll::Ready(Ok(Next::Respond(response))),
                        None => polled_after_completion(),
                    },
                },
                Stage::Prove => self.drain(),
                Stage::Drain(drain) => {
                    let drained = ready!(drain.poll(cx));
                    if let Some(Work::Again(again)) = &mut self.work {
                        again.rejected = drained;
                    }
                    Stage::Ready
                }
                Stage::Ready => {
                    if let Err(error) = ready!(self.service.poll_ready(cx)) {
                        let Some(response) = self.hand_on(Recovery::ResendFailed) else {
                            return Poll::Ready(Err(error.into()));
                        };
                        let refusal = Refusal { shared: self.shared.clone(), response };
                        return Poll::Ready(refusal.instead_of(error).map(Next::Respond));
                    }
                    let now = self.shared.core.now();
                    if self.deadline.as_ref().is_some_and(|deadline| deadline.is_over(now)) {
                        return self.out_of_time();
                    }
                    // The newest token. It is never older than the token that the request waited
                    // for.
                    match self.same_token(now).or_else(|| self.shared.core.usable()) {
                        Some(token) => match self.call(&token, now) {
                            Some(next) => return Poll::Ready(next),
                            None => polled_after_completion(),
                        },
                        None => {
                            // The token expired before the service was ready: release the service, and wait again.
                            let clone = self.service.clone();
                            drop(mem::replace(&mut self.service, clone));
                            Stage::Acquire(Box::pin(
                                self.shared.core.clone().acquire(self.chain.clone()),
                            ))
                        }
                    }
                }
            };
        }
    }

    /// The token that the request must have again, if it has not expired.
    fn same_token(&self, now: Now) -> Option<AccessToken> {
        let Some(Work::Again(again)) = &self.work else { return None };
        again.same_token.clone().filter(|token| token.is_usable(now))
    }

    fn call(
        &mut self,
        token: &AccessToken,
        now: Now,
    ) -> Option<Result<Next<I, R, B, RB>, BoxError>> {
        match self.work.take()? {
            Work::First { request, replay } => Some(self.call_first(token, now, request, &replay)),
            Work::Again(again) => self.call_again(token, now, again),
        }
    }

    fn call_first(
        &mut self,
        token: &AccessToken,
        now: Now,
        mut request: Request<B>,
        replay: &R,
    ) -> Result<Next<I, R, B, RB>, BoxError> {
        if let Some(deadline) = &self.deadline {
            deadline.reduce(request.headers_mut(), now);
        }
        let config = &self.shared.config;
        let kept = config.keep(&self.service, replay, &mut request);
        self.insert_token(token, &mut request);
        let rare = Rare::first(Some(token.clone()), now, &mut request, replay)?;
        let mut sent_request = self.sent(token, now, kept, rare);
        let slot = sent_request.kept_body();
        let future = replay.send(&mut self.service, request, &config.quota, slot);
        Ok(Next::Call { future, sent_request })
    }

    fn call_again(
        &mut self,
        token: &AccessToken,
        now: Now,
        again: Again<R, B, RB>,
    ) -> Option<Result<Next<I, R, B, RB>, BoxError>> {
        let Again { head, body, before, replay, rejected, mut judged, .. } = again;
        // Only a request with headers of its own may be sent a third time.
        let may_follow = !(before.replayed && before.proved_anew);
        let (body, kept) = match replay.as_ref().filter(|_| may_follow) {
            Some(replay) => replay.again_and_keep(body?, &self.shared.config.quota),
            None => (R::again(body?), None),
        };
        let mut request = head.into_request(body);
        if let Some(deadline) = &self.deadline {
            deadline.reduce(request.headers_mut(), now);
        }
        let kept = kept.map(|body| KeptRequest {
            service: self.service.clone(),
            head: Head::keep(&request),
            body: Some(body),
        });
        self.insert_token(token, &mut request);
        let proof = match Proof::add(token, now, &mut request, replay.as_ref()) {
            Ok(proof) => proof,
            Err(error) => {
                judged.followed_by(Recovery::ResendFailed);
                let Some(response) = rejected else { return Some(Err(error.into())) };
                let refusal = Refusal { shared: self.shared.clone(), response };
                return Some(refusal.instead_of(error).map(Next::Respond));
            }
        };
        request.extensions_mut().insert(Replayed);
        // With a deadline, the body was not read. An unread body occupies a connection.
        let is_read = self.deadline.is_none();
        let rejected = rejected.filter(|it| is_read || it.body().is_end_stream());
        let future = self.service.call(request);
        judged.followed_by(Recovery::Replayed);
        let refused = |response| Refusal { shared: self.shared.clone(), response };
        let refusal = rejected.map(refused).map(Box::new);
        let rare = Some(Box::new(Rare { before, proof, refusal }));
        let sent_request = self.sent(token, now, R::Slot::new(kept), rare);
        Some(Ok(Next::Call { future, sent_request }))
    }

    fn sent(
        &self,
        token: &AccessToken,
        now: Now,
        kept: R::Slot<KeptRequest<I, R::Kept>>,
        rare: Option<Box<Rare<R, RB>>>,
    ) -> SentRequest<I, R, B, RB> {
        let (shared, generation) = (self.shared.clone(), token.generation());
        SentRequest::new(shared, generation, now, token.age(now), kept, rare)
    }

    fn insert_token<B2>(&self, token: &AccessToken, request: &mut Request<B2>) {
        let (name, value) = (&self.shared.core.header_name, token.header_value().clone());
        request.headers_mut().insert(name, value);
    }

    /// Reads the rest of the rejected response first.
    fn drain(&mut self) -> Stage<RB> {
        let Some(Work::Again(again)) = &mut self.work else { return Stage::Ready };
        if self.deadline.is_some() {
            // If the time runs out, the refusal is the answer. Only gRPC has such a deadline. It uses HTTP/2, where
            // an unread body costs no connection.
            return Stage::Ready;
        }
        let unread = again.rejected.take_if(|response| !response.body().is_end_stream());
        // Without a timer the body is not read. That costs the connection, but the request is still
        // sent again.
        let drain = unread.zip(self.shared.core.sleep(Drain::<RB>::MAX_TIME).ok());
        drain.map_or(Stage::Ready, |(response, deadline)| {
            Stage::Drain(Drain::new(response, deadline))
        })
    }

    pub(crate) fn hand_on(&mut self, recovery: Recovery) -> Option<Response<RB>> {
        match self.work.take()? {
            Work::Again(Again { rejected, mut judged, .. }) => {
                judged.followed_by(recovery);
                let mut response = rejected?;
                response.extensions_mut().insert(recovery);
                Some(response)
            }
            Work::First { .. } => None,
        }
    }

    /// The caller's deadline is over. Nothing more is sent.
    fn out_of_time(&mut self) -> Poll<Result<Next<I, R, B, RB>, BoxError>> {
        let is_first = matches!(self.work, Some(Work::First { .. }));
        match self.hand_on(Recovery::OutOfTime) {
            Some(response) => Poll::Ready(Ok(Next::Respond(response))),
            None if is_first => Poll::Ready(Err(Error::out_of_time().into())),
            None => polled_after_completion(),
        }
    }
}
