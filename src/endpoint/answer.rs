//! The answer of an exchange, in a type whose `Debug` is safe.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderMap, Response, StatusCode, Uri};
use serde::de::DeserializeOwned;

use crate::basics::headers::age;
use crate::clock::Now;
use crate::credential::Credential;
use crate::credential::shown::Shown;
use crate::endpoint::failure::Failure;
use crate::endpoint::members::described;
use crate::endpoint::pacing;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::origin::Origin;
use crate::secret::Secret;

/// An origin that is longer is not shown: it would fill the log.
const MAX_ORIGIN: usize = 100;

/// A token endpoint's answer, its body complete and at most 256 KiB long.
///
/// Its `Debug` shows the status and the length of the body only.
#[derive(Clone)]
pub struct ExchangeAnswer {
    answer: Response<Bytes>,
    request_name: &'static str,
    /// When it came, where that is known.
    received: Option<Now>,
    /// The credentials that its request showed.
    shown: Shown,
}

impl ExchangeAnswer {
    /// Wraps an answer.
    #[must_use]
    pub fn new(answer: Response<Bytes>) -> ExchangeAnswer {
        ExchangeAnswer { answer, request_name: "", received: None, shown: Shown::default() }
    }

    pub(crate) fn received_at(self, now: Now) -> ExchangeAnswer {
        ExchangeAnswer { received: Some(now), ..self }
    }

    pub(crate) fn received(&self) -> Option<Now> {
        self.received
    }

    pub(crate) fn with_shown(self, shown: &Shown) -> ExchangeAnswer {
        ExchangeAnswer { shown: shown.clone(), ..self }
    }

    /// The value that the request showed.
    pub(crate) fn credential(&self, credential: &Credential) -> Result<Secret, ExchangeError> {
        self.shown.value(credential)
    }

    /// As the answer to a request of this name; an exchange sees to that by itself.
    #[must_use]
    pub fn to_request(self, request_name: &'static str) -> ExchangeAnswer {
        ExchangeAnswer { request_name, ..self }
    }

    /// The [name](super::ExchangeRequest::named) of the request that this answers.
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

    /// The body as JSON, whatever its content type says. A byte order mark before it is skipped.
    ///
    /// # Errors
    ///
    /// [`Malformed`](ExchangeErrorKind::Malformed) if it is not JSON of this shape. The error says
    /// where, and quotes nothing: serde's own text would show the values it met. If the status is no 2xx, the error
    /// is that of [`unavailable`](ExchangeAnswer::unavailable), with the pause that the answer asks for.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ExchangeError> {
        serde_json::from_slice(self.text_bytes()).map_err(|error| {
            if !self.status().is_success() {
                return self.unavailable();
            }
            let wrong = match error.classify() {
                serde_json::error::Category::Data => {
                    "has a member that is missing or of another type"
                }
                _ => "is no JSON",
            };
            let (line, column) = (error.line(), error.column());
            self.malformed(&format!("{wrong} (line {line}, column {column})"))
        })
    }

    /// The body as text, without the white space around it and without a byte order mark.
    ///
    /// # Errors
    ///
    /// [`Malformed`](ExchangeErrorKind::Malformed) if it is empty or no UTF-8; that of
    /// [`unavailable`](ExchangeAnswer::unavailable) if the status is no 2xx.
    pub fn text(&self) -> Result<&str, ExchangeError> {
        match std::str::from_utf8(self.text_bytes()).map(str::trim) {
            Ok(text) if !text.is_empty() => Ok(text),
            _ if !self.status().is_success() => Err(self.unavailable()),
            _ => Err(self.malformed("is empty or no text")),
        }
    }

    /// The body without a byte order mark.
    pub(crate) fn text_bytes(&self) -> &[u8] {
        let body = &**self.answer.body();
        body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body)
    }

    /// The code of a failure, wherever servers put it: under `error` (RFC 6749 section 5.2), `error.code`,
    /// `errors[0].code` or `errorCode`, in a JSON object or in a form. None if there is none, if it is empty, or if
    /// it is given twice with different values.
    ///
    /// It is as the server wrote it, who may quote what it was sent: compare it, and show it only if it is one
    /// that you know.
    ///
    /// ```
    /// use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
    /// use tower_outbound_auth::endpoint::ExchangeAnswer;
    ///
    /// fn failure(answer: &ExchangeAnswer) -> ExchangeError {
    ///     match answer.error_code().as_deref() {
    ///         Some(code @ ("LOCKED" | "WRONG_PASSWORD")) => answer.refused(code),
    ///         _ => answer.unavailable(),
    ///     }
    /// }
    /// # let answer = http::Response::builder().status(400).body(r#"{"errors":[{"code":"LOCKED"}]}"#.into())?;
    /// # let error = failure(&ExchangeAnswer::new(answer));
    /// # assert_eq!((error.kind(), error.code()), (ExchangeErrorKind::Refused, Some("LOCKED")));
    /// # Ok::<_, http::Error>(())
    /// ```
    #[must_use]
    pub fn error_code(&self) -> Option<String> {
        Failure::in_body(self)?.code
    }

    /// This answer as a failure that says nothing of the credentials: an outage, an overload, or
    /// something in between that answered in the endpoint's place.
    ///
    /// A 4xx other than 407, 408, 425 and 429 is in doubt: a gateway may have answered, or the endpoint may
    /// have refused the credentials in words that nobody understands. From the third such answer in a row on,
    /// the next attempt waits as long as after a refusal.
    #[must_use]
    pub fn unavailable(&self) -> ExchangeError {
        use StatusCode as Is;
        let status = self.status();
        let message = match status {
            _ if status.is_redirection() => {
                let to = self
                    .redirects_to()
                    .map_or_else(String::new, |to| format!(", and points to {to}"));
                format!("something in between (a proxy, a captive portal) answered in the token endpoint's place{to}").into()
            }
            Is::PROXY_AUTHENTICATION_REQUIRED | Is::NETWORK_AUTHENTICATION_REQUIRED => {
                Cow::Borrowed(
                    "something in between (a proxy, a captive portal) answered in the token endpoint's place",
                )
            }
            Is::NOT_FOUND | Is::METHOD_NOT_ALLOWED | Is::GONE => {
                Cow::Borrowed("there is no token endpoint at this address")
            }
            _ => Cow::Borrowed("the token endpoint gave no token"),
        };
        let passing = matches!(
            status,
            Is::PROXY_AUTHENTICATION_REQUIRED
                | Is::REQUEST_TIMEOUT
                | Is::TOO_EARLY
                | Is::TOO_MANY_REQUESTS
        );
        let error = self.failure(ExchangeErrorKind::Unavailable, message);
        if status.is_client_error() && !passing { error.in_doubt() } else { error }
    }

    /// This answer as the endpoint's verdict on the credentials; `code` is its reason. It is written into logs: one
    /// that quotes a part of the scheme's [`credentials`](super::Grant::credentials) is withheld.
    #[must_use]
    pub fn refused(&self, code: &str) -> ExchangeError {
        let message = "the token endpoint refuses the credentials";
        self.failure(ExchangeErrorKind::Refused, message).with_code(code)
    }

    /// This answer as the endpoint's own failure; `code` is its reason.
    pub(crate) fn failed(&self, code: &str) -> ExchangeError {
        let message = "the token endpoint gave no token";
        self.failure(ExchangeErrorKind::Unavailable, message).with_code(code)
    }

    /// This answer as one that cannot be used; `wrong` is what it is or has.
    pub(crate) fn malformed(&self, wrong: &str) -> ExchangeError {
        let message = format!("the token endpoint's answer {wrong} ({})", described(self));
        ExchangeError::new(ExchangeErrorKind::Malformed, message).with_status(self.status())
    }

    fn failure(
        &self,
        kind: ExchangeErrorKind,
        message: impl Into<Cow<'static, str>>,
    ) -> ExchangeError {
        let error = ExchangeError::new(kind, message).with_status(self.status());
        let ours = self.received.map(Now::since_epoch);
        match pacing::pause(self.status(), self.headers(), ours) {
            Some(pause) => error.with_retry_after(pause),
            None => error,
        }
    }

    /// The origin of `Location`: the rest may hold anything.
    fn redirects_to(&self) -> Option<Origin> {
        let location = self.headers().get(LOCATION)?.to_str().ok()?;
        let origin = Origin::of_uri(&location.parse::<Uri>().ok()?)?;
        (origin.to_string().len() <= MAX_ORIGIN).then_some(origin)
    }

    /// The server's clock when it made this answer, since the epoch: its `Date`, and the time that the answer
    /// has spent in a cache since then (RFC 9111 section 4.2.3).
    pub(crate) fn issuers_clock(&self) -> Option<Duration> {
        pacing::date(self.headers()).map(|date| date.saturating_add(self.age()))
    }

    /// The time that the answer has spent in a cache (RFC 9111 section 5.1).
    pub(crate) fn age(&self) -> Duration {
        age(self.headers())
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

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> ExchangeAnswer {
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        ExchangeAnswer::new(answer.body(Bytes::from(body.to_owned())).unwrap())
    }

    #[test]
    fn an_answer_shows_neither_its_headers_nor_its_body() {
        let answer = answer(201, &[("x", "y")], "hunter2");
        assert_eq!(answer.request_name(), "");
        let answer = answer.to_request("first");
        assert_eq!(answer.request_name(), "first");
        assert_eq!(format!("{answer:?}"), "ExchangeAnswer { status: 201, body_length: 7 }");
        assert_eq!(answer.headers()["x"], "y");
        assert_eq!(answer.body(), "hunter2");
    }

    #[test]
    fn what_cannot_be_read_as_json_says_where_and_quotes_nothing() {
        #[derive(Debug, Deserialize)]
        struct Token {
            #[allow(dead_code)]
            access_token: String,
        }
        for (body, wrong) in [
            ("<html>hunter2", "is no JSON (line 1, column 1) (no content type, 13 bytes)"),
            ("", "is no JSON (line 1, column 0) (no content type, 0 bytes)"),
            (
                "{\"a\":\"hunter2\"}",
                "has a member that is missing or of another type (line 1, column 15) (no content type, 15 bytes)",
            ),
        ] {
            let error = answer(200, &[], body).json::<Token>().unwrap_err();
            assert_eq!(error.kind(), ExchangeErrorKind::Malformed);
            assert_eq!(
                error.to_string(),
                format!("the token endpoint's answer {wrong} (status 200)")
            );
        }
        let busy = answer(429, &[("retry-after", "7")], "").json::<Token>().unwrap_err();
        assert_eq!(busy.kind(), ExchangeErrorKind::Unavailable);
        assert_eq!(busy.retry_after(), Some(Duration::from_secs(7)));
        assert!(answer(401, &[], "").text().unwrap_err().is_in_doubt());
        assert!(answer(200, &[], "\u{feff} {\"access_token\":\"[\"}").json::<Token>().is_ok());
    }

    #[test]
    fn a_text_is_what_stands_between_white_space() {
        for body in [" abc\r\n", "\u{feff}abc"] {
            assert_eq!(answer(200, &[], body).text().unwrap(), "abc");
        }
        for empty in ["", " \n"] {
            assert_eq!(
                answer(200, &[], empty).text().unwrap_err().kind(),
                ExchangeErrorKind::Malformed
            );
        }
        let no_text = ExchangeAnswer::new(Response::new(Bytes::from_static(b"\xff")));
        assert!(no_text.text().is_err());
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_by_the_answers_own_clock() {
        const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        let secs = |secs| Some(Duration::from_secs(secs));
        for (retry_after, date, read) in [
            ("7", None, secs(7)),
            (" 7 ", None, secs(7)),
            ("0", None, Some(Duration::ZERO)),
            ("99999999999999999999999", None, secs(300)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(DATE), secs(60)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", Some(DATE), Some(Duration::ZERO)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", None, None),
            ("", Some(DATE), None),
            ("-7", Some(DATE), None),
            ("7.5", Some(DATE), Some(Duration::from_millis(7_500))),
            ("soon", Some(DATE), None),
        ] {
            let mut headers = vec![("retry-after", retry_after)];
            headers.extend(date.map(|date| ("date", date)));
            let error = answer(503, &headers, "").unavailable();
            assert_eq!(error.retry_after(), read, "{retry_after:?} {date:?}");
            assert_eq!(error.to_string(), "the token endpoint gave no token (status 503)");
        }
        let refused = answer(401, &[], "").refused("invalid_client");
        assert_eq!(
            (refused.kind(), refused.code()),
            (ExchangeErrorKind::Refused, Some("invalid_client"))
        );
    }
}
