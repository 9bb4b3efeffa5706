//! A request to a token endpoint. Its `Debug` shows no secret.

use std::fmt;

use bytes::Bytes;
use http::Request;
use serde::Serializer;
use zeroize::Zeroizing;

use crate::exchange::error::{ExchangeError, ExchangeErrorKind};

/// A request to a token endpoint.
///
/// The `Debug` of `http::Request` shows the headers and the body, which here contain the
/// credentials. The `Debug` of this type shows neither of them, and no query.
///
/// ```
/// use tower_outbound_auth::endpoint::ExchangeRequest;
///
/// let request = http::Request::post("https://auth.example/token?tenant=7")
///     .header("Client-Secret", "hunter2")
///     .body(bytes::Bytes::from("password=hunter2"))?;
/// let shown = format!("{:?}", ExchangeRequest::new(request));
/// assert_eq!(shown, "ExchangeRequest(POST https://auth.example/token)");
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone)]
pub struct ExchangeRequest {
    request: Box<Request<Bytes>>,
    name: &'static str,
    /// The URL for `Debug`, if its path may have a credential.
    shown: Option<Box<str>>,
    without_refresh_token: bool,
}

impl ExchangeRequest {
    /// Wraps a request.
    #[must_use]
    pub fn new(request: Request<Bytes>) -> ExchangeRequest {
        ExchangeRequest {
            request: Box::new(request),
            name: "",
            shown: None,
            without_refresh_token: false,
        }
    }

    /// The request has no refresh token, although the exchange has one.
    pub(crate) fn without_refresh_token(self) -> ExchangeRequest {
        ExchangeRequest { without_refresh_token: true, ..self }
    }

    pub(crate) fn is_without_refresh_token(&self) -> bool {
        self.without_refresh_token
    }

    /// Names the request. Its answer has the same name, so a grant that sends several kinds of requests can tell their
    /// answers apart by [`ExchangeAnswer::request_name`](super::ExchangeAnswer::request_name). Default: the empty text.
    #[must_use]
    pub fn named(self, name: &'static str) -> ExchangeRequest {
        ExchangeRequest { name, ..self }
    }

    /// Sets the URL that `Debug` shows.
    #[cfg(feature = "login")]
    pub(crate) fn shown_as(self, url: String) -> ExchangeRequest {
        ExchangeRequest { shown: Some(url.into()), ..self }
    }

    /// The name of the request.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The request itself, with the credentials.
    #[must_use]
    pub fn into_http(self) -> Request<Bytes> {
        *self.request
    }
}

impl fmt::Debug for ExchangeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = self.request.uri();
        write!(f, "ExchangeRequest({} ", self.request.method())?;
        if let Some(url) = &self.shown {
            return write!(f, "{url})");
        }
        if let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) {
            write!(f, "{scheme}://{host}")?;
            if let Some(port) = uri.port() {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "{})", uri.path())
    }
}

/// A JSON object of texts, in memory that is wiped after use.
pub(crate) fn json_body(members: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    let length = |(name, value): &(&str, &str)| 6 * (name.len() + value.len()) + 6;
    // Allocated at full size: growing would copy a secret and leave the old buffer unwiped.
    let mut body =
        Zeroizing::new(Vec::with_capacity(members.iter().map(length).sum::<usize>() + 2));
    // This cannot fail: every text can be JSON, and a vector accepts every write.
    let _ = serde_json::Serializer::new(&mut *body).collect_map(members.iter().copied());
    body
}

/// Lets a scheme build its request with `?`. Hides the cause, which may quote a value.
impl From<http::Error> for ExchangeError {
    fn from(_: http::Error) -> ExchangeError {
        ExchangeError::new(
            ExchangeErrorKind::Configuration,
            "the exchange request cannot be built: a credential or the endpoint has characters that \
             HTTP does not allow",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_request_shows_no_headers_no_body_and_no_query() {
        let request = Request::post("https://auth.example:8443/token?tenant=7")
            .header("client-secret", "hunter2")
            .body(Bytes::from("hunter2"))
            .unwrap();
        let request = ExchangeRequest::new(request);
        assert_eq!(request.name(), "");
        let request = request.named("first");
        assert_eq!(request.name(), "first");
        assert_eq!(format!("{request:?}"), "ExchangeRequest(POST https://auth.example:8443/token)");
        assert_eq!(request.into_http().body(), "hunter2");
    }

    #[test]
    fn the_buffer_of_a_json_body_never_grows() {
        let body = json_body(&[("id", "a\"b"), ("secret", "c")]);
        assert_eq!(*body, br#"{"id":"a\"b","secret":"c"}"#);
        assert_eq!(*json_body(&[]), b"{}");
        // JSON writes each of these characters with six bytes, which is the most for any character.
        let widest = "\u{1}".repeat(1_000);
        for members in [&[("\u{2}", &*widest)][..], &[(&*widest, ""), ("", &*widest)]] {
            let body = json_body(members);
            assert_eq!(body.capacity(), body.len() + 1);
        }
    }
}
