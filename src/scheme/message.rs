//! The request and the answer of an exchange, in types whose `Debug` is safe.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, Request, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::Secret;
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
pub struct ExchangeRequest {
    request: Box<Request<Bytes>>,
    name: &'static str,
}

impl ExchangeRequest {
    /// Wraps a request.
    #[must_use]
    pub fn new(request: Request<Bytes>) -> ExchangeRequest {
        ExchangeRequest { request: Box::new(request), name: "" }
    }

    /// Gives it a name, which its answer will have too: a scheme that sends several kinds of requests
    /// tells their answers apart by [`ExchangeAnswer::request_name`]. Default: the empty text.
    #[must_use]
    pub fn named(self, name: &'static str) -> ExchangeRequest {
        ExchangeRequest { name, ..self }
    }

    /// The name that it was given.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The request itself, credentials and all.
    #[must_use]
    pub fn into_http(self) -> Request<Bytes> {
        *self.request
    }
}

impl fmt::Debug for ExchangeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = self.request.uri();
        write!(f, "ExchangeRequest({} ", self.request.method())?;
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
pub struct ExchangeAnswer {
    answer: Response<Bytes>,
    request_name: &'static str,
}

impl ExchangeAnswer {
    /// Wraps an answer.
    #[must_use]
    pub fn new(answer: Response<Bytes>) -> ExchangeAnswer {
        ExchangeAnswer { answer, request_name: "" }
    }

    /// As the answer to a request of this name; an exchange sees to that by itself.
    #[must_use]
    pub fn to_request(self, request_name: &'static str) -> ExchangeAnswer {
        ExchangeAnswer { request_name, ..self }
    }

    /// The [name](ExchangeRequest::named) of the request that this answers.
    #[must_use]
    pub fn request_name(&self) -> &'static str {
        self.request_name
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.answer.status()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.answer.headers()
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        self.answer.body()
    }

    /// The body as JSON, whatever its content type says.
    ///
    /// # Errors
    ///
    /// [`Malformed`](ExchangeErrorKind::Malformed) if it is not JSON of this shape. The error says
    /// where, and quotes nothing: serde's own text would show the values it met.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ExchangeError> {
        serde_json::from_slice(self.answer.body()).map_err(|error| {
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

    /// The same of a JSON object: a list of the right length would do for serde, and is no such answer.
    pub(super) fn json_object<T: DeserializeOwned>(&self) -> Result<T, ExchangeError> {
        if self.body().trim_ascii_start().first() == Some(&b'[') {
            let message = "the token endpoint's answer is a list and no object";
            let error = ExchangeError::new(ExchangeErrorKind::Malformed, message);
            return Err(error.with_status(self.status()));
        }
        self.json()
    }

    /// The body as text, without the white space around it.
    ///
    /// # Errors
    ///
    /// [`Malformed`](ExchangeErrorKind::Malformed) if it is empty or no UTF-8.
    pub fn text(&self) -> Result<&str, ExchangeError> {
        match std::str::from_utf8(self.answer.body()).map(str::trim) {
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

    /// The text of the `error` in a JSON object, which is how many APIs say no. It may hold anything, so it
    /// is for comparing only.
    pub(super) fn error_code(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Refusal {
            error: String,
        }
        self.json_object().ok().map(|Refusal { error }| error)
    }

    /// The same, to be shown; withheld if it quotes the secret, in whatever form that was sent.
    pub(super) fn error_text(&self, secret: &Secret) -> Option<String> {
        let (error, secret) = (self.error_code()?, secret.expose());
        let quotes = error.contains(secret)
            || error.replace('+', " ").contains(secret) // as in a form
            || error.contains(ENCODED)
            || has_a_credential(&error);
        Some(if quotes { "withheld".to_owned() } else { error })
    }

    fn failure(&self, kind: ExchangeErrorKind, message: &'static str) -> ExchangeError {
        let error = ExchangeError::new(kind, message).with_status(self.status());
        match self.retry_after() {
            Some(retry_after) => error.with_retry_after(retry_after),
            None => error,
        }
    }

    /// `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date, which is compared with the answer's
    /// own `Date`, since that comes from the same clock; one in the past is zero. Anything else counts
    /// as absent.
    fn retry_after(&self) -> Option<Duration> {
        let text = |name| self.headers().get(name)?.to_str().ok().map(str::trim);
        let retry_after = text(RETRY_AFTER)?;
        if !retry_after.is_empty() && retry_after.bytes().all(|byte| byte.is_ascii_digit()) {
            // More digits than a number holds are a long time, too.
            return Some(Duration::from_secs(retry_after.parse().unwrap_or(u64::MAX)));
        }
        let until = httpdate::parse_http_date(retry_after).ok()?;
        let now = httpdate::parse_http_date(text(DATE)?).ok()?;
        Some(until.duration_since(now).unwrap_or_default())
    }
}

impl fmt::Debug for ExchangeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangeAnswer")
            .field("status", &self.status())
            .field("body_length", &self.answer.body().len())
            .finish()
    }
}

/// What stands in a text that was encoded for a URL, for JSON or for HTML, and in no error code.
const ENCODED: [char; 3] = ['%', '\\', '&'];

/// Whether a text has something in it that is as long as an encoded credential or a token is, and as dense:
/// a server may quote what it was sent.
fn has_a_credential(text: &str) -> bool {
    let dense = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    text.split(|c| !dense(c)).any(|run| run.len() >= 24)
}

/// A JSON object of such texts, in memory that is wiped after use.
pub(super) fn json_body(members: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    let length = |(name, value): &(&str, &str)| 6 * (name.len() + value.len()) + 6;
    // Sized at once: a buffer that grew would leave parts of a secret behind.
    let mut body =
        Zeroizing::new(Vec::with_capacity(members.iter().map(length).sum::<usize>() + 2));
    body.push(b'{');
    for (name, value) in members {
        if body.len() > 1 {
            body.push(b',');
        }
        // A text is always JSON, and a vector takes all that is written into it.
        let _ = serde_json::to_writer(&mut *body, name);
        body.push(b':');
        let _ = serde_json::to_writer(&mut *body, value);
    }
    body.push(b'}');
    body
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

#[cfg(test)]
mod tests;
