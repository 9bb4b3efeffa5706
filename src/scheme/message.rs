//! The request and the answer of an exchange, in types whose `Debug` is safe.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Request, Response, StatusCode};
use serde::de::DeserializeOwned;

use crate::exchange::{ExchangeError, ExchangeErrorKind};

/// A request to a token endpoint.
///
/// `http::Request` prints its headers and its body in `Debug`, which here are the credentials; this
/// type prints neither, nor the query.
///
/// ```
/// use tower_outbound_auth::scheme::ExchangeRequest;
///
/// let request = http::Request::post("https://auth.example/token?tenant=7")
///     .header("Client-Secret", "hunter2")
///     .body(bytes::Bytes::from("password=hunter2"))?;
/// let shown = format!("{:?}", ExchangeRequest::new(request));
/// assert_eq!(shown, "ExchangeRequest(POST https://auth.example/token)");
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone)]
pub struct ExchangeRequest(Box<Request<Bytes>>);

impl ExchangeRequest {
    /// Wraps a request.
    #[must_use]
    pub fn new(request: Request<Bytes>) -> ExchangeRequest {
        ExchangeRequest(Box::new(request))
    }

    /// The request itself, credentials and all.
    #[must_use]
    pub fn into_http(self) -> Request<Bytes> {
        *self.0
    }
}

impl fmt::Debug for ExchangeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = self.0.uri();
        write!(f, "ExchangeRequest({} ", self.0.method())?;
        if let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) {
            write!(f, "{scheme}://{host}")?;
            if let Some(port) = uri.port() {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "{})", uri.path())
    }
}

/// A token endpoint's answer, its body complete and at most 256 KiB long.
///
/// Its `Debug` shows the status and the length of the body only.
#[derive(Clone)]
pub struct ExchangeAnswer(Response<Bytes>);

impl ExchangeAnswer {
    /// Wraps an answer.
    #[must_use]
    pub fn new(answer: Response<Bytes>) -> ExchangeAnswer {
        ExchangeAnswer(answer)
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        self.0.body()
    }

    /// The body as JSON, whatever its content type says.
    ///
    /// # Errors
    ///
    /// [`Malformed`](ExchangeErrorKind::Malformed) if it is not JSON of this shape. The error says
    /// where, and quotes nothing: serde's own text would show the values it met.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ExchangeError> {
        serde_json::from_slice(self.0.body()).map_err(|error| {
            let wrong = match error.classify() {
                serde_json::error::Category::Data => {
                    "has a member that is missing or of another type"
                }
                _ => "is no JSON",
            };
            let (line, column) = (error.line(), error.column());
            ExchangeError::new(
                ExchangeErrorKind::Malformed,
                format!("the token endpoint's answer {wrong} (line {line}, column {column})"),
            )
            .with_status(self.status())
        })
    }

    /// The body as text, without the white space around it.
    ///
    /// # Errors
    ///
    /// [`Malformed`](ExchangeErrorKind::Malformed) if it is empty or no UTF-8.
    pub fn text(&self) -> Result<&str, ExchangeError> {
        match std::str::from_utf8(self.0.body()).map(str::trim) {
            Ok(text) if !text.is_empty() => Ok(text),
            _ => {
                let message = "the token endpoint's answer is empty or no text";
                let error = ExchangeError::new(ExchangeErrorKind::Malformed, message);
                Err(error.with_status(self.status()))
            }
        }
    }

    /// This answer as a failure that says nothing of the credentials: an outage, an overload, or
    /// something in between that answered in the endpoint's place.
    #[must_use]
    pub fn unavailable(&self) -> ExchangeError {
        self.failure(ExchangeErrorKind::Unavailable, "the token endpoint gave no token")
    }

    /// This answer as the endpoint's verdict on the credentials; `code` is its reason.
    #[must_use]
    pub fn refused(&self, code: &str) -> ExchangeError {
        let message = "the token endpoint refuses the credentials";
        self.failure(ExchangeErrorKind::Refused, message).with_code(code)
    }

    fn failure(&self, kind: ExchangeErrorKind, message: &'static str) -> ExchangeError {
        let error = ExchangeError::new(kind, message).with_status(self.status());
        match self.retry_after() {
            Some(retry_after) => error.with_retry_after(retry_after),
            None => error,
        }
    }

    /// `Retry-After` in seconds (RFC 9110 section 10.2.3); anything else counts as absent.
    fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
        seconds.parse().ok().map(Duration::from_secs)
    }
}

impl fmt::Debug for ExchangeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangeAnswer")
            .field("status", &self.status())
            .field("body_length", &self.0.body().len())
            .finish()
    }
}

/// So that a scheme can build its request with `?`. It hides the cause, which may quote a value.
impl From<http::Error> for ExchangeError {
    fn from(_: http::Error) -> ExchangeError {
        ExchangeError::new(
            ExchangeErrorKind::Configuration,
            "the exchange request cannot be built: a credential or the endpoint has characters that \
             HTTP does not allow",
        )
    }
}
