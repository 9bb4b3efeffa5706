//! How a token endpoint is asked.

use std::sync::Arc;

use crate::credential::Credential;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::request::ExchangeRequest;
use crate::endpoint::request_context::RequestContext;
use crate::endpoint::step::Step;
use crate::exchange::error::ExchangeError;
use crate::exchange::identity::Identity;

/// How a token endpoint is asked: builds requests and reads answers. It does no I/O.
///
/// Object safe: `Arc<dyn Grant>` is a `Grant`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how a token endpoint is asked",
    label = "not a `Grant`",
    note = "use a preset such as `AuthLayer::atlas(..)`, or implement `tower_outbound_auth::endpoint::Grant`; a token that \
            comes from elsewhere needs an `Exchange` and no `Grant`: `TokenSource::new(presentation, exchange)`"
)]
pub trait Grant: Send + Sync + 'static {
    /// What the tokens belong to: everything that makes one token unfit to stand for another. Its name
    /// stands in logs.
    fn identity(&self) -> Identity;

    /// The credentials that an exchange needs; those that may change are read before each one. Their values
    /// are in the [context](RequestContext::credential) of each request. Default: none.
    fn credentials(&self) -> &[Credential] {
        &[]
    }

    /// Builds a request to the token endpoint: the one that opens an exchange, or the one that
    /// [`Step::Again`] asks for ([`RequestContext::step`] tells which).
    ///
    /// # Errors
    ///
    /// If none can be built; the attempt has then failed.
    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError>;

    /// Reads the endpoint's answer.
    ///
    /// # Errors
    ///
    /// If it brings no token. The kind of the error decides when the next attempt is made: say
    /// [`Refused`](crate::exchange::ExchangeErrorKind::Refused) only for a verdict that can be read
    /// in the answer.
    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError>;
}

impl<G: Grant + ?Sized> Grant for Arc<G> {
    fn identity(&self) -> Identity {
        G::identity(self)
    }

    fn credentials(&self) -> &[Credential] {
        G::credentials(self)
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        G::request(self, cx)
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        G::read(self, answer)
    }
}
