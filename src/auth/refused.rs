//! What a response objects to, and what follows.

use std::sync::Arc;

use http::{Request, Response};

use crate::auth::config::Shared;
use crate::auth::kept_request::KeptRequest;
use crate::auth::proof::Proof;
use crate::basics::TARGET;
use crate::clock::Now;
use crate::error::recovery::Recovery;
use crate::error::{BoxError, Error, ErrorKind, root_cause};
use crate::replay::Replay;
use crate::token::machine::events::{Complaint, Generation};
use crate::token::published::AccessToken;

/// Why a request was sent before.
#[derive(Clone, Copy, Default)]
pub(crate) struct Before {
    /// Its token was refused or doubted.
    pub(crate) replayed: bool,
    /// It then waited for a renewal. If the request is accepted, the renewal has helped.
    pub(crate) waited: bool,
    /// Its own headers were refused.
    pub(crate) proved_anew: bool,
}

/// What few requests have: those that are sent again, and those with headers of their own. Each of their responses is looked
/// at closely.
pub(crate) struct Rare<R, RB> {
    pub(crate) before: Before,
    /// The headers that were made for this sending.
    pub(crate) proof: Option<Proof<R>>,
    /// The refusal before this sending. The caller gets it if this sending has no response.
    pub(crate) refusal: Option<Box<Refusal<RB>>>,
}

impl<R: Clone, RB> Rare<R, RB> {
    /// Adds headers of its own to a request that is about to be sent with `token` for the first time. None if the token needs none.
    ///
    /// # Errors
    ///
    /// As [`Proof::add`].
    #[cold]
    #[inline(never)]
    pub(crate) fn first<B>(
        token: Option<AccessToken>,
        now: Now,
        request: &mut Request<B>,
        replay: &R,
    ) -> Result<Option<Box<Rare<R, RB>>>, Error> {
        let Some(token) = token else { return Ok(None) };
        let proof = Proof::add(&token, now, request, Some(replay))?;
        let rare = |proof| Rare { before: Before::default(), proof: Some(proof), refusal: None };
        Ok(proof.map(rare).map(Box::new))
    }
}

/// What a response objects to.
#[derive(Clone, Copy)]
pub(crate) enum Objection {
    Token(Complaint),
    /// The request's own headers. New ones may help.
    Proof {
        may_help: bool,
    },
}

/// What is done before a request is sent again.
pub(crate) enum Remedy {
    /// Another token replaces this one.
    Renewal { complaint: Complaint, refused: Generation },
    /// The same token is sent with new headers.
    NewProof(AccessToken),
}

/// What follows a response.
pub(crate) enum Answered<I, R: Replay<B>, B, RB> {
    /// It goes to the caller.
    Done(Response<RB>),
    /// The request is sent again.
    Refused(Box<Refused<I, R, B, RB>>),
}

/// A request that was refused and can be sent again.
pub(crate) struct Refused<I, R: Replay<B>, B, RB> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) remedy: Remedy,
    pub(crate) before: Before,
    pub(crate) sent: Now,
    pub(crate) kept: KeptRequest<I, R::Kept>,
    /// Set if the request had headers of its own. It may then be sent a third time.
    pub(crate) replay: Option<R>,
    pub(crate) response: Response<RB>,
}

/// A refused response. It is the answer if the request cannot be sent again.
pub(crate) struct Refusal<RB> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) response: Response<RB>,
}

impl<RB> Refusal<RB> {
    /// The refusal, for the caller. The client's `error` is only logged.
    ///
    /// # Errors
    ///
    /// The client's error, if it says that the credential was sent to another origin.
    #[cold]
    pub(crate) fn instead_of(
        mut self,
        error: impl Into<BoxError>,
    ) -> Result<Response<RB>, BoxError> {
        let error = error.into();
        if Error::find(&*error).is_some_and(|it| it.kind() == ErrorKind::SentElsewhere) {
            return Err(error);
        }
        // The text of reqwest's errors has the whole URL, and its query may have a secret.
        #[cfg(feature = "reqwest")]
        let error = crate::error::without_url::without_url(error);
        let (system, cause) = (self.shared.core.system, root_cause(&*error));
        tracing::debug!(target: TARGET, system, cause, "a request could not be sent again");
        self.response.extensions_mut().insert(Recovery::ResendFailed);
        Ok(self.response)
    }
}
