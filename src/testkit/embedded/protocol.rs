//! The differences between the embedded servers.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, StatusCode};
use serde_json::json;

use super::issuer::Issuer;
use crate::testkit::mint::random_key;
use crate::testkit::server::{Answer, json};

/// A protocol that an [`EmbeddedServer`](super::EmbeddedServer) speaks.
///
/// This trait is sealed: only this crate can implement it.
pub trait EmbeddedProtocol: Protocol {}

impl<P: Protocol> EmbeddedProtocol for P {}

/// The methods of a protocol. Its value holds the switches that only this protocol has.
///
/// It is `pub` because [`EmbeddedProtocol`] needs it, but nobody outside of the test kit can name
/// it.
pub trait Protocol: Default + Send + 'static {
    /// The server's name in its `Debug`.
    const NAME: &'static str;
    /// The default client id.
    const CLIENT_ID: &'static str;
    /// The default client secret.
    const CLIENT_SECRET: &'static str;
    /// The path of the token endpoint.
    const ENDPOINT: &'static str;

    /// The key that signs tokens. By default each server has another one.
    fn key(_secret: &str) -> Vec<u8> {
        random_key()
    }

    /// Whether a path is a token endpoint's. All other paths are the API's.
    fn is_exchange(path: &str) -> bool;

    /// Whether an exchange should have a refresh token.
    fn is_refresh(_request: &Request<Bytes>) -> bool {
        false
    }

    /// The member of a JSON answer that holds the token.
    fn member(&self) -> &str {
        "access_token"
    }

    /// Answers a `POST` to the token endpoint if no switch prevents it.
    fn exchange(&mut self, issuer: &mut Issuer, request: &Request<Bytes>) -> Answer;

    /// The token in a request to the API.
    fn token(headers: &HeaderMap) -> Option<&str>;

    /// Whether a token is valid now.
    fn accepts(&self, issuer: &Issuer, token: &str) -> bool {
        issuer.accepts(token)
    }

    /// Answers a request to the API without a valid token. `sent` tells whether it had any token.
    fn refusal(sent: bool) -> Answer;

    /// Adds to an answer of the API. `good_token` is the valid token of the request.
    fn finish(&mut self, _issuer: &mut Issuer, _good_token: Option<&str>, _answer: &mut Answer) {}
}

/// A protocol that has refresh tokens. It is sealed, like [`EmbeddedProtocol`].
pub trait RefreshProtocol: EmbeddedProtocol {
    /// The path of the refresh endpoint.
    #[doc(hidden)]
    const REFRESH_ENDPOINT: &'static str;
}

/// The token of the `Authorization` header, if there is one such header and its scheme is `Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = only_value(headers, AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// An answer that names the error in a word or two.
pub(super) fn error(status: StatusCode, error: &str) -> Answer {
    json(status, &json!({"error": error}))
}

/// The value of a header that occurs exactly once.
pub(super) fn only_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}
