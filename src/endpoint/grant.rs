//! Builds the requests to a token endpoint and reads its answers.

use std::sync::Arc;

use crate::credential::Credential;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::request::ExchangeRequest;
use crate::endpoint::request_context::RequestContext;
use crate::endpoint::step::Step;
use crate::exchange::error::ExchangeError;
use crate::exchange::identity::Identity;

/// Builds requests to a token endpoint, and reads its answers. It does no I/O.
///
/// Object safe: `Arc<dyn Grant>` is a `Grant`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how a token endpoint is asked",
    label = "not a `Grant`",
    note = "use a preset such as `AuthLayer::atlas(..)`, or implement `tower_outbound_auth::endpoint::Grant`; a token that \
            comes from elsewhere needs an `Exchange` and no `Grant`: `TokenSource::new(presentation, exchange)`"
)]
pub trait Grant: Send + Sync + 'static {
    /// What the tokens are for. Two grants with the same identity get tokens that can replace each other. The
    /// identity's name appears in logs.
    fn identity(&self) -> Identity;

    /// The credentials that an exchange needs. Credentials that may change are read before each exchange. Their
    /// values are in the [context](RequestContext::credential) of each request. Default: none.
    fn credentials(&self) -> &[Credential] {
        &[]
    }

    /// The credential that has the first refresh token of a login; see
    /// [`Exchange::seed`](crate::exchange::Exchange::seed). Default: none.
    fn seed(&self) -> Option<&Credential> {
        None
    }

    /// Builds a request to the token endpoint: the one that opens an exchange, or the one that
    /// [`Step::Again`] asks for ([`RequestContext::step`] tells which).
    ///
    /// # Errors
    ///
    /// If the request cannot be built. The exchange then fails.
    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError>;

    /// Reads the endpoint's answer.
    ///
    /// # Errors
    ///
    /// If the answer has no token. The kind of the error decides when the next attempt is made. Use
    /// [`Refused`](crate::exchange::ExchangeErrorKind::Refused) only if the answer says that the credentials are
    /// wrong.
    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError>;

    /// What follows if a request could not be sent, or if its answer did not come. `request_name` is the
    /// [name](super::ExchangeRequest::named) of the request. Default: the exchange fails with `error`. If
    /// the grant asks for another request, [`RequestContext::answer`] is then an empty answer.
    ///
    /// # Errors
    ///
    /// `error`, unless the grant can go on without the answer.
    fn failed(&self, request_name: &str, error: ExchangeError) -> Result<Step, ExchangeError> {
        let _ = request_name;
        Err(error)
    }
}

impl<G: Grant + ?Sized> Grant for Arc<G> {
    fn identity(&self) -> Identity {
        G::identity(self)
    }

    fn credentials(&self) -> &[Credential] {
        G::credentials(self)
    }

    fn seed(&self) -> Option<&Credential> {
        G::seed(self)
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        G::request(self, cx)
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        G::read(self, answer)
    }

    fn failed(&self, request_name: &str, error: ExchangeError) -> Result<Step, ExchangeError> {
        G::failed(self, request_name, error)
    }
}
