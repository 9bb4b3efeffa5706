//! The trait of a system.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use crate::credential::Credential;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::request::ExchangeRequest;
use crate::endpoint::request_context::RequestContext;
use crate::endpoint::step::Step;
use crate::exchange::error::ExchangeError;
use crate::exchange::identity::Identity;
use crate::scheme::Verdict;
use crate::scheme::response::ResponseHead;
use crate::scheme::rotation::Rotation;
use crate::scheme::value::InvalidToken;
use crate::secret::Secret;

/// How one system authenticates. See the [module](super).
///
/// Object safe: `Arc<dyn Scheme>` is a `Scheme`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how a system authenticates",
    label = "not a `Scheme`",
    note = "use a preset such as `AuthLayer::atlas(..)`, or implement `tower_outbound_auth::Scheme`"
)]
pub trait Scheme: Send + Sync + 'static {
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
    fn exchange_request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError>;

    /// Reads the endpoint's answer.
    ///
    /// # Errors
    ///
    /// If it brings no token. The kind of the error decides when the next attempt is made: say
    /// [`Refused`](crate::exchange::ExchangeErrorKind::Refused) only for a verdict that can be read
    /// in the answer.
    fn read_answer(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError>;

    /// The header that carries the credential.
    fn header_name(&self) -> &HeaderName;

    /// Makes the header's value; called once per token. The source marks it sensitive.
    ///
    /// # Errors
    ///
    /// If the token cannot stand in this header.
    fn header_value(&self, token: &Secret) -> Result<HeaderValue, InvalidToken>;

    /// Whether the API refused the credential. Asked for every response to a request that carried one,
    /// so it has to be cheap.
    ///
    /// The default is [`ResponseHead::is_refusal`]: a 401, a 403 that names an invalid token, or gRPC's
    /// `UNAUTHENTICATED`.
    #[inline(always)]
    fn judge(&self, response: ResponseHead<'_>) -> Verdict {
        if response.is_refusal() { Verdict::Refused } else { Verdict::Accepted }
    }

    /// How the API hands out successors in its responses, if it does. Default: it does not.
    ///
    /// One is adopted from a 2xx response to a request that carried a token of the last exchange or its
    /// successors, if it is newer than the current one and of the same party; see
    /// [`NotAdopted`](crate::token::NotAdopted) for what speaks against it.
    fn rotation(&self) -> Option<&Rotation> {
        None
    }

    /// Whether the signature of a token that a response handed out is right. Asked last, once for each
    /// newer token, and only of one whose algorithm is that of the exchanged token. Default: all are.
    fn is_authentic(&self, token: &Secret) -> bool {
        let _ = token;
        true
    }
}

impl<S: Scheme + ?Sized> Scheme for Arc<S> {
    fn identity(&self) -> Identity {
        S::identity(self)
    }

    fn credentials(&self) -> &[Credential] {
        S::credentials(self)
    }

    fn exchange_request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        S::exchange_request(self, cx)
    }

    fn read_answer(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        S::read_answer(self, answer)
    }

    fn header_name(&self) -> &HeaderName {
        S::header_name(self)
    }

    fn header_value(&self, token: &Secret) -> Result<HeaderValue, InvalidToken> {
        S::header_value(self, token)
    }

    fn judge(&self, response: ResponseHead<'_>) -> Verdict {
        S::judge(self, response)
    }

    fn rotation(&self) -> Option<&Rotation> {
        S::rotation(self)
    }

    fn is_authentic(&self, token: &Secret) -> bool {
        S::is_authentic(self, token)
    }
}
