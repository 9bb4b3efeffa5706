//! What a layer, its services and their futures share.

use std::fmt;
use std::sync::Arc;

use http::{Extensions, HeaderValue, Request, Response, Uri};

use crate::guard::Guard;
use crate::replay::{Head, Replay, ReplayMethods, Room};
use crate::scheme::Scheme;
use crate::source::Core;

/// One allocation for a service and all its clones and futures.
pub(crate) struct Shared<S> {
    pub(crate) core: Arc<Core<S>>,
    pub(crate) config: Config,
}

/// A layer's options, those of its source aside.
#[derive(Clone, Default)]
pub(crate) struct Config {
    pub(crate) guard: Guard,
    pub(crate) methods: ReplayMethods,
    pub(crate) response_uri: Option<ResponseUri>,
    /// What bodies keep for a second sending.
    pub(crate) room: Room,
}

/// Finds the URI that a response is really from.
type ResponseUri = Arc<dyn Fn(&Extensions) -> Option<Uri> + Send + Sync>;

/// In the extensions of a replayed request, for the layers below: they must not replay it once more.
#[derive(Clone, Copy)]
pub(crate) struct Replayed;

impl Config {
    /// Whether a response is known to be from an origin that is not ours.
    #[inline]
    pub(crate) fn is_foreign<RB>(&self, response: &Response<RB>) -> bool {
        let Some(find) = &self.response_uri else { return false };
        find(response.extensions()).is_some_and(|uri| !self.guard.is_ours(&uri))
    }
}

impl Config {
    /// Whether a request can be sent again as a whole, as far as that is known beforehand.
    pub(crate) fn can_replay<R: Replay<B>, B>(&self, replay: &R, request: &Request<B>) -> bool {
        self.methods.allow(request.method()) && replay.covers(request.body())
    }
}

impl<S: Scheme> Shared<S> {
    /// Puts the credential into a request, and keeps what it takes to send it again if that is allowed:
    /// once in all, however many layers of this kind are stacked.
    pub(crate) fn prepare<R: Replay<B>, B>(
        &self,
        replay: &R,
        request: Request<B>,
        value: HeaderValue,
    ) -> (Request<R::Body>, Option<(Head, R::Kept)>) {
        let replayable = self.config.methods.allow(request.method())
            && request.extensions().get::<Replayed>().is_none();
        let (mut head, body) = request.into_parts();
        let (body, kept) = match replayable {
            true => replay.keep(body, &self.config.room),
            false => (replay.pass(body), None),
        };
        let kept = kept.map(|body| (Head::keep(&head), body));
        head.headers.insert(self.core.scheme().header_name(), value);
        (Request::from_parts(head, body), kept)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("guard", &self.guard)
            .field("methods", &self.methods)
            .field("response_uri", &self.response_uri.as_ref().map(|_| "…"))
            .finish()
    }
}
