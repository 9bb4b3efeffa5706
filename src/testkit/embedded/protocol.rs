//! What the embedded servers differ in.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, StatusCode};
use serde_json::json;

use super::issuer::Issuer;
use crate::testkit::mint::random_key;
use crate::testkit::server::{Answer, json};

/// A protocol that an [`EmbeddedServer`](super::EmbeddedServer) speaks.
///
/// It is sealed: its methods are the crate's own business.
pub trait EmbeddedProtocol: Protocol {}

impl<P: Protocol> EmbeddedProtocol for P {}

/// What a protocol has to say. Its value holds switches that no other protocol has.
///
/// It is `pub` for the sake of [`EmbeddedProtocol`], and nobody outside the test kit can name it.
pub trait Protocol: Default + Send + 'static {
    /// The server's name in its `Debug`.
    const NAME: &'static str;
    /// The client that is known by default.
    const CLIENT_ID: &'static str;
    /// The secret of that client.
    const CLIENT_SECRET: &'static str;
    /// The path of the token endpoint.
    const ENDPOINT: &'static str;

    /// The key that tokens are signed with. By default, what one server signed is worth nothing to another.
    fn key(_secret: &str) -> Vec<u8> {
        random_key()
    }

    /// Whether a path is a token endpoint's; all others are the API's.
    fn is_exchange(path: &str) -> bool;

    /// Whether an exchange is one for a refresh token.
    fn is_refresh(_request: &Request<Bytes>) -> bool {
        false
    }

    /// The member of a JSON answer that holds the token.
    fn member(&self) -> &str {
        "access_token"
    }

    /// Answers a `POST` to the token endpoint that no switch stands in the way of.
    fn exchange(&mut self, issuer: &mut Issuer, request: &Request<Bytes>) -> Answer;

    /// The token of a request to the API.
    fn token(headers: &HeaderMap) -> Option<&str>;

    /// Whether a token is good now.
    fn accepts(&self, issuer: &Issuer, token: &str) -> bool {
        issuer.accepts(token)
    }

    /// Answers a request to the API that has no good token; `sent` says whether it had any.
    fn refusal(sent: bool) -> Answer;

    /// Adds to an answer of the API; `good_token` is the one that its request had.
    fn finish(&mut self, _issuer: &mut Issuer, _good_token: Option<&str>, _answer: &mut Answer) {}
}

/// A protocol that has refresh tokens. It is sealed, like [`EmbeddedProtocol`].
pub trait RefreshProtocol: EmbeddedProtocol {
    /// The path of the refresh endpoint.
    #[doc(hidden)]
    const REFRESH_ENDPOINT: &'static str;
}

/// The token of the one `Authorization` header, if that is of the scheme `Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = only_value(headers, AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// An answer that says in a word or two what is wrong.
pub(super) fn error(status: StatusCode, error: &str) -> Answer {
    json(status, &json!({"error": error}))
}

/// The value of a header that is there once: two are as good as none.
pub(super) fn only_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}
