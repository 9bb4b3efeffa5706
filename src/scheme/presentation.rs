//! How a request carries its token.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use crate::scheme::judge::Judge;
use crate::scheme::key_binding::KeyBinding;
use crate::scheme::per_request::PerRequest;
use crate::scheme::rotation::Rotation;
use crate::scheme::value::InvalidToken;
use crate::secret::Secret;

/// How a request carries its token, and how a response of the API is read.
///
/// A [`TokenSource`](crate::TokenSource) calls `header_name`, `judge` and `rotation` once, when it is made.
///
/// Object safe: `Arc<dyn Presentation>` is a `Presentation`.
///
/// ```
/// use http::{HeaderName, HeaderValue};
/// use tower_outbound_auth::scheme::{InvalidToken, Judge, Presentation, Verdict, plain_value};
/// use tower_outbound_auth::Secret;
///
/// static SESSION: HeaderName = HeaderName::from_static("x-session");
///
/// struct Session;
///
/// impl Presentation for Session {
///     fn header_name(&self) -> &HeaderName {
///         &SESSION
///     }
///     fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
///         plain_value(token)
///     }
///     fn judge(&self) -> Judge {
///         Judge::new(|response| match response.is_refusal() || response.status == 419 {
///             true => Verdict::Refused,
///             false => Verdict::Accepted,
///         })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how a token travels",
    label = "not a `Presentation`",
    note = "use `system::HeaderScheme::bearer()`, or implement `tower_outbound_auth::scheme::Presentation`"
)]
pub trait Presentation: Send + Sync + 'static {
    /// The header that carries the credential.
    fn header_name(&self) -> &HeaderName;

    /// Makes the header's value; called once per token. The source marks it sensitive.
    ///
    /// `token_type` is the issuer's name for the kind of token
    /// ([`Issued::with_token_type`](crate::exchange::Issued::with_token_type)), in lower case; none if the issuer
    /// gives none. Most presentations ignore it. A presentation for DPoP writes `DPoP` before a token of type `dpop`,
    /// and `Bearer` before other tokens. A token from a response has the type of the last exchanged token.
    ///
    /// # Errors
    ///
    /// If the token cannot be in this header.
    fn header_value(
        &self,
        token: &Secret,
        token_type: Option<&str>,
    ) -> Result<HeaderValue, InvalidToken>;

    /// Which responses refuse the credential. Default: [`Judge::standard`].
    fn judge(&self) -> Judge {
        Judge::standard()
    }

    /// Where the responses of the API bring new tokens. Default: nowhere.
    ///
    /// A token is adopted from a 2xx response, if the request carried the token of the last exchange or one of its
    /// successors, and if the new token is newer than the current one and has the same issuer, subject and audience.
    /// [`NotAdopted`](crate::token::NotAdopted) has all reasons against it.
    fn rotation(&self) -> Option<&Rotation> {
        None
    }

    /// Whether the signature of a token from a response is right. It is called once for each newer token that has
    /// passed all other checks. Its algorithm is that of the exchanged token. Default: every signature is right.
    fn is_authentic(&self, token: &Secret) -> bool {
        let _ = token;
        true
    }

    /// Makes headers for each single request: a DPoP proof (RFC 9449), or a signature of its method and path.
    ///
    /// The source calls this once for each `token` that an exchange brings. It keeps the maker with that token, and
    /// with the new tokens that responses bring later. This maker signs every request that is sent with one of these
    /// tokens, so a maker with its own key is never used with another token. If your key changes at other times, the
    /// maker must find the current key for each request. Default: none.
    fn per_request(&self, token: &Secret) -> Option<Arc<dyn PerRequest>> {
        let _ = token;
        None
    }

    /// The keys that tokens are bound to, for a store. Only systems of this crate have some.
    #[doc(hidden)]
    fn key_binding(&self) -> Option<&dyn KeyBinding> {
        None
    }
}

impl<P: Presentation + ?Sized> Presentation for Arc<P> {
    fn header_name(&self) -> &HeaderName {
        P::header_name(self)
    }

    fn header_value(
        &self,
        token: &Secret,
        token_type: Option<&str>,
    ) -> Result<HeaderValue, InvalidToken> {
        P::header_value(self, token, token_type)
    }

    fn judge(&self) -> Judge {
        P::judge(self)
    }

    fn rotation(&self) -> Option<&Rotation> {
        P::rotation(self)
    }

    fn is_authentic(&self, token: &Secret) -> bool {
        P::is_authentic(self, token)
    }

    fn per_request(&self, token: &Secret) -> Option<Arc<dyn PerRequest>> {
        P::per_request(self, token)
    }

    fn key_binding(&self) -> Option<&dyn KeyBinding> {
        P::key_binding(self)
    }
}
