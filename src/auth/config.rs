//! The options of a layer, which its services and their futures share.

use std::fmt;
use std::sync::Arc;

use http::{Extensions, Request, Response, Uri};

use crate::auth::kept_request::KeptRequest;
use crate::auth::policy::Guard;
use crate::replay::body::prefix::BufferQuota;
use crate::replay::head::Head;
use crate::replay::{Replay, ReplayMethods, Slot};
use crate::scheme::judge::Judge;
use crate::token::shared::Core;

/// What a service, its clones and their futures share. One allocation.
pub(crate) struct Shared {
    pub(crate) core: Arc<Core>,
    pub(crate) config: Config,
    /// The judge of the layer, or else of the source's presentation.
    pub(crate) judge: Judge,
}

/// The options of a layer. Those of its source are in the source.
#[derive(Clone, Default)]
pub(crate) struct Config {
    pub(crate) guard: Guard,
    pub(crate) methods: ReplayMethods,
    pub(crate) response_uri: Option<ResponseUri>,
    pub(crate) judge: Option<Judge>,
    /// How many bytes of bodies all requests together may keep for a second sending.
    pub(crate) quota: BufferQuota,
    /// What is known about the redirects that a reqwest client below follows.
    #[cfg(feature = "reqwest")]
    pub(crate) redirects: crate::auth::client_redirects::ClientRedirects,
}

/// Finds the URI that a response came from, after redirects.
type ResponseUri = Arc<dyn Fn(&Extensions) -> Option<Uri> + Send + Sync>;

/// Marks the second sending of a request, in its extensions. A layer of this kind below must not send it a third time.
#[derive(Clone, Copy)]
pub(crate) struct Replayed;

impl Config {
    /// Whether a response is known to come from an origin that is not bound.
    #[inline]
    pub(crate) fn is_foreign<RB>(&self, response: &Response<RB>) -> bool {
        let Some(find) = &self.response_uri else { return false };
        find(response.extensions()).is_some_and(|uri| !self.guard.is_ours(&uri))
    }
}

impl Config {
    /// Whether a request can be sent again, as far as this is known before it is sent.
    pub(crate) fn can_replay<R: Replay<B>, B>(&self, replay: &R, request: &Request<B>) -> bool {
        self.methods.allow(request.method()) && replay.covers(request.body())
    }
}

impl Config {
    /// Keeps the head of a request, if the request may be sent again. Where several layers of this kind are stacked, one of
    /// them keeps it.
    #[inline(always)]
    pub(crate) fn keep<I: Clone, R: Replay<B>, B>(
        &self,
        inner: &I,
        replay: &R,
        request: &mut Request<B>,
    ) -> R::Slot<KeptRequest<I, R::Kept>> {
        let replayable = R::KEEPS
            && self.methods.allow(request.method())
            && request.extensions().get::<Replayed>().is_none();
        R::Slot::new(replayable.then(|| KeptRequest {
            service: inner.clone(), // not ready: the second sending waits for readiness first
            head: Head::keep(request),
            body: replay.keep(request.body_mut(), &self.quota),
        }))
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("guard", &self.guard)
            .field("judge", &self.judge)
            .field("methods", &self.methods)
            .field("response_uri", &self.response_uri.as_ref().map(|_| "…"))
            .finish()
    }
}
