//! What is particular to one system: how its credentials are exchanged and how its tokens travel.
//!
//! A [`Scheme`] does no I/O, and keeps no state but what it has learned of its server (which encoding it
//! understands, say). It builds requests and reads answers; when they are
//! sent, and how often, is the business of a [`TokenSource`](crate::TokenSource). That makes a scheme
//! short, and its test a table of answers.
//!
//! | scheme | the token travels as | the exchange |
//! |---|---|---|
//! | [`Atlas`] | `Token: <token>` | `POST` with `Client-Id` and `Client-Secret` headers |
//! | [`ClientCredentials`] | `Authorization: Bearer <token>` | OAuth 2.0, RFC 6749 section 4.4 |
//! | [`Rotating`] (feature `rotating`) | `Authorization: Bearer <jwt>`, renewed by every response | `POST` of a JSON object |
//! | [`HeaderScheme`] | a header and prefix of your choice | none: pair it with an [`Exchange`] |
//!
//! [`Exchange`]: crate::exchange::Exchange
//!
//! A scheme of your own:
//!
//! ```
//! use http::{header, HeaderName, HeaderValue, StatusCode};
//! use tower_outbound_auth::exchange::*;
//! use tower_outbound_auth::scheme::*;
//! use tower_outbound_auth::{Credential, Secret};
//!
//! static SESSION: HeaderName = HeaderName::from_static("x-session");
//!
//! struct Sessions { password: Credential }
//!
//! impl Scheme for Sessions {
//!     fn identity(&self) -> Identity {
//!         Identity::new("sessions").with("endpoint", "https://api.example/login")
//!     }
//!     fn credentials(&self) -> &[Credential] {
//!         std::slice::from_ref(&self.password)
//!     }
//!     fn exchange_request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
//!         let body = cx.credential(&self.password)?.expose().to_owned().into();
//!         Ok(ExchangeRequest::new(http::Request::post("https://api.example/login").body(body)?))
//!     }
//!     fn read_answer(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
//!         match answer.status() {
//!             StatusCode::OK => Ok(Step::Issued(Issued::new(answer.text()?))),
//!             _ => Err(answer.unavailable()),
//!         }
//!     }
//!     fn header_name(&self) -> &HeaderName {
//!         &SESSION
//!     }
//!     fn header_value(&self, token: &Secret) -> Result<HeaderValue, InvalidToken> {
//!         plain_value(token)
//!     }
//! }
//! ```

mod answer;
mod atlas;
mod challenge;
mod client_auth;
mod client_credentials;
mod endpoint;
mod failure;
mod header;
mod hint;
#[cfg(feature = "rotating")]
mod hmac;
mod identity;
pub(crate) mod jwt;
mod members;
mod moment;
mod pacing;
mod quotes;
mod refresh;
mod request;
mod request_context;
mod response;
#[cfg(feature = "rotating")]
mod rotating;
mod rotation;
mod token_answer;
mod value;

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

pub use self::answer::ExchangeAnswer;
pub use self::atlas::Atlas;
pub use self::client_auth::{BasicEncoding, ClientAuth};
pub use self::client_credentials::ClientCredentials;
pub use self::endpoint::Endpoint;
pub use self::header::HeaderScheme;
pub use self::identity::Identity;
pub(crate) use self::quotes::withheld;
pub use self::refresh::RefreshTokenIn;
pub use self::request::ExchangeRequest;
pub use self::request_context::RequestContext;
pub use self::response::ResponseHead;
#[cfg(feature = "rotating")]
pub use self::rotating::Rotating;
pub use self::rotation::{Adopt, Rotation};
pub use self::value::{InvalidToken, bearer_value, plain_value, prefixed_value};
use crate::exchange::{ExchangeError, Issued};
use crate::{Credential, Secret};

/// How one system authenticates. See the [module](self).
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
    /// [`NotAdopted`](crate::source::NotAdopted) for what speaks against it.
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

/// What follows an answer of the token endpoint.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step {
    /// The exchange has succeeded.
    Issued(Issued),
    /// One more request is needed (an answer to a challenge, say). [`exchange_request`](Scheme::exchange_request)
    /// builds it: [`RequestContext::step`] is this name, and [`RequestContext::answer`] the answer that was just
    /// read. The next answer has the same name ([`ExchangeAnswer::request_name`]), unless the request was
    /// [named](ExchangeRequest::named) otherwise. Up to four requests make an exchange.
    ///
    /// ```
    /// # use http::Request;
    /// # use tower_outbound_auth::exchange::*;
    /// # use tower_outbound_auth::scheme::*;
    /// # const URL: &str = "https://auth.example/login";
    /// fn exchange_request(cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
    ///     let challenge = cx.answer().and_then(|answer| answer.headers().get("x-challenge"));
    ///     let body = challenge.map(|it| it.as_bytes().to_vec()).unwrap_or_default();
    ///     Ok(ExchangeRequest::new(Request::post(URL).body(body.into())?))
    /// }
    ///
    /// fn read_answer(answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
    ///     match (answer.status().as_u16(), answer.request_name()) {
    ///         (200, _) => Ok(Step::Issued(Issued::new(answer.text()?))),
    ///         (401, "") => Ok(Step::Again("challenge")), // the first one
    ///         _ => Err(answer.unavailable()),
    ///     }
    /// }
    /// # let _ = (exchange_request, read_answer);
    /// ```
    Again(&'static str),
}

/// What a response says of the credential that its request carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing against it.
    Accepted,
    /// It was refused: renew it, and send the request again.
    Refused,
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
