//! Everything that waits: for a first token, for a successor, for readiness.
//!
//! Its order is that of promise and permit: wait for the token while holding nothing, then ask the inner
//! service for readiness, then read the token once more, because readiness may have taken long.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::attempt::{Attempt, Kept, Replayed};
use super::drain::Drain;
use crate::exchange::Chain;
use crate::layer::Config;
use crate::recovery::Recovery;
use crate::replay::{Head, Replay, Slot};
use crate::scheme::Scheme;
use crate::service::{Auth, prepare};
use crate::source::{AccessToken, Core, Generation, Renewal};
use crate::{BoxError, Error};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A request that waits.
pub(crate) struct Cold<I, S, R: Replay<B>, B, RB> {
    core: Arc<Core<S>>,
    /// Not ready.
    service: I,
    chain: Chain,
    work: Option<Work<R, B, RB>>,
    /// The token that was waited for.
    token: Option<AccessToken>,
    stage: Stage<RB>,
}

/// What is to be sent once there is a token.
enum Work<R: Replay<B>, B, RB> {
    First {
        request: Request<B>,
        config: Arc<Config>,
        replay: R,
    },
    /// `rejected` is given to the caller if there is no successor.
    Again {
        head: Head,
        body: R::Kept,
        refused: Generation,
        paid: bool,
        rejected: Option<Response<RB>>,
    },
}

enum Stage<RB> {
    Acquire(BoxFuture<Result<AccessToken, Error>>),
    Renew(BoxFuture<Renewal>),
    /// The rejected response's body is read to its end, so that its connection lives.
    Drain(Drain<RB>),
    Ready,
}

/// What follows the wait.
pub(super) enum Next<I, S, R, B, RB>
where
    R: Replay<B>,
    I: Service<Request<R::Body>>,
{
    Call { future: I::Future, attempt: Attempt<I, S, R, B> },
    Respond(Response<RB>),
}

impl<I, S: Scheme, R: Replay<B>, B, RB> Cold<I, S, R, B, RB> {
    /// There is no token that could be sent without waiting.
    pub(crate) fn first(service: I, request: Request<B>, auth: &Auth<I, S, R>) -> Self {
        let core = auth.core().clone();
        let chain = Chain::of(request.extensions());
        let (config, replay) = (auth.config().clone(), auth.replay().clone());
        Cold {
            stage: Stage::Acquire(Box::pin(core.clone().acquire(chain.clone()))),
            core,
            service,
            chain,
            work: Some(Work::First { request, config, replay }),
            token: None,
        }
    }

    /// The token of generation `refused` was refused.
    pub(super) fn again(
        core: Arc<Core<S>>,
        refused: Generation,
        kept: Kept<I, R::Kept>,
        rejected: Response<RB>,
    ) -> Self {
        let Kept { service, head, body } = kept;
        let chain = Chain::of(head.extensions());
        let rejected = Some(rejected);
        Cold {
            stage: Stage::Renew(Box::pin(core.clone().renew(refused, chain.clone()))),
            core,
            service,
            chain,
            work: Some(Work::Again { head, body, refused, paid: false, rejected }),
            token: None,
        }
    }
}

impl<I, S, R, B, RB> Cold<I, S, R, B, RB>
where
    I: Service<Request<R::Body>, Response = Response<RB>> + Clone,
    I::Error: Into<BoxError>,
    S: Scheme,
    R: Replay<B>,
    RB: Body,
{
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Next<I, S, R, B, RB>, BoxError>> {
        loop {
            self.stage = match &mut self.stage {
                Stage::Acquire(acquire) => {
                    self.token = Some(ready!(acquire.as_mut().poll(cx))?);
                    Stage::Ready
                }
                Stage::Renew(renew) => match ready!(renew.as_mut().poll(cx)) {
                    Renewal::Token { token, paid } => {
                        self.token = Some(token);
                        self.after_renewal(paid)
                    }
                    Renewal::HandOn(recovery) => match self.hand_on(recovery) {
                        Some(response) => return Poll::Ready(Ok(Next::Respond(response))),
                        None => return Poll::Pending, // polled after its end
                    },
                },
                Stage::Drain(drain) => {
                    ready!(drain.poll(cx));
                    Stage::Ready
                }
                Stage::Ready => {
                    ready!(self.service.poll_ready(cx)).map_err(Into::into)?;
                    match self.token_to_send() {
                        Some(token) => match self.call(&token) {
                            Some(next) => return Poll::Ready(Ok(next)),
                            None => return Poll::Pending, // polled after its end
                        },
                        None => {
                            // Readiness took longer than the token lived: give it back and wait again.
                            let clone = self.service.clone();
                            drop(mem::replace(&mut self.service, clone));
                            Stage::Acquire(Box::pin(self.core.clone().acquire(self.chain.clone())))
                        }
                    }
                }
            };
        }
    }

    /// The newest token, if it is not the refused one; else the one that was waited for.
    fn token_to_send(&self) -> Option<AccessToken> {
        let refused = match &self.work {
            Some(Work::Again { refused, .. }) => Some(*refused),
            _ => None,
        };
        let newest = self.core.usable().filter(|token| Some(token.generation()) > refused);
        newest.or_else(|| self.token.clone().filter(|token| token.is_usable(self.core.now())))
    }

    fn call(&mut self, token: &AccessToken) -> Option<Next<I, S, R, B, RB>> {
        let (value, generation) = (token.header_value(), token.generation());
        let now = self.core.now();
        let (future, attempt) = match self.work.take()? {
            Work::First { request, config, replay } => {
                let (request, kept) = prepare(&self.core, &config, &replay, request, value);
                let future = self.service.call(request);
                let service = self.service.clone();
                let kept = kept.map(|(head, body)| Kept { service, head, body });
                let kept = R::Slot::new(kept);
                (future, Attempt::new(self.core.clone(), generation, now, kept))
            }
            Work::Again { head, body, paid, .. } => {
                let mut request = head.into_request(R::again(body));
                request.headers_mut().insert(self.core.scheme().header_name(), value.clone());
                request.extensions_mut().insert(Replayed);
                let kept = R::Slot::new(None);
                let attempt = Attempt::new(self.core.clone(), generation, now, kept);
                (self.service.call(request), attempt.replayed_with(paid))
            }
        };
        Some(Next::Call { future, attempt })
    }

    fn after_renewal(&mut self, now_paid: bool) -> Stage<RB> {
        match &mut self.work {
            Some(Work::Again { paid, rejected, .. }) => {
                *paid = now_paid;
                let body = rejected.take().map(Response::into_body);
                body.map_or(Stage::Ready, |body| Stage::Drain(Drain::new(body, self.core.clock())))
            }
            _ => Stage::Ready,
        }
    }

    fn hand_on(&mut self, recovery: Recovery) -> Option<Response<RB>> {
        match self.work.take()? {
            Work::Again { rejected, .. } => {
                let mut response = rejected?;
                response.extensions_mut().insert(recovery);
                Some(response)
            }
            Work::First { .. } => None,
        }
    }
}
