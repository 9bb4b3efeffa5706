//! A request to a token endpoint. Its `Debug` shows no secret.

use std::fmt;

use bytes::Bytes;
use http::{Method, Request, Uri};
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
    /// The URL for `Debug` and for traces, if its path may have a credential.
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

    /// Sets the URL that `Debug` and traces show.
    #[cfg(feature = "login")]
    pub(crate) fn shown_as(self, url: String) -> ExchangeRequest {
        ExchangeRequest { shown: Some(url.into()), ..self }
    }

    /// The name of the request.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn method(&self) -> &Method {
        self.request.method()
    }

    pub(crate) fn uri(&self) -> &Uri {
        self.request.uri()
    }

    /// The URL that may be shown, as its origin and its path.
    pub(crate) fn shown_url(&self) -> (String, String) {
        if let Some(url) = &self.shown {
            let host = url.find("://").map_or(0, |at| at + 3);
            let path = url[host..].find('/').map_or(url.len(), |at| host + at);
            return (url[..path].to_owned(), url[path..].to_owned());
        }
        let uri = self.request.uri();
        let origin = match (uri.scheme_str(), uri.host()) {
            (Some(scheme), Some(host)) => {
                let port = uri.port().map_or_else(String::new, |port| format!(":{port}"));
                format!("{scheme}://{host}{port}")
            }
            _ => String::new(),
        };
        (origin, uri.path().to_owned())
    }

    /// The request itself, with the credentials.
    #[must_use]
    pub fn into_http(self) -> Request<Bytes> {
        *self.request
    }
}

impl fmt::Debug for ExchangeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (origin, path) = self.shown_url();
        write!(f, "ExchangeRequest({} {origin}{path})", self.request.method())
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
