//! The answer of a token endpoint. Its `Debug` shows no secret.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Response, StatusCode, Uri};
use serde::de::DeserializeOwned;

use crate::basics::headers::{age, servers_clock};
use crate::clock::Now;
use crate::credential::Credential;
use crate::credential::shown::Shown;
#[cfg(feature = "client")]
use crate::endpoint::certificate::shown::ShownCertificate;
use crate::endpoint::content_type::media_type;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::secret::Secret;

/// The answer of a token endpoint, with its whole body of at most 256 KiB.
///
/// Its `Debug` shows the status and the length of the body only.
#[derive(Clone)]
pub struct ExchangeAnswer {
    answer: Response<Bytes>,
    request_name: &'static str,
    /// The URI of the request that it answers, if known.
    asked: Option<Uri>,
    /// What the grant noted at the request that it answers.
    notes: Extensions,
    /// The time of its arrival, if known.
    received: Option<Now>,
    /// The credentials that the request contained.
    shown: Shown,
    /// The answer that asked for the request.
    before: Option<Arc<ExchangeAnswer>>,
}

impl ExchangeAnswer {
    /// Wraps an answer.
    #[must_use]
    pub fn new(answer: Response<Bytes>) -> ExchangeAnswer {
        ExchangeAnswer {
            answer,
            request_name: "",
            asked: None,
            notes: Extensions::new(),
            received: None,
            shown: Shown::default(),
            before: None,
        }
    }

    pub(crate) fn of_request_to(self, uri: Uri) -> ExchangeAnswer {
        ExchangeAnswer { asked: Some(uri), ..self }
    }

    pub(crate) fn asked(&self) -> Option<&Uri> {
        self.asked.as_ref()
    }

    /// `notes` are the extensions of the request.
    pub(crate) fn with_notes(self, notes: Extensions) -> ExchangeAnswer {
        ExchangeAnswer { notes, ..self }
    }

    /// What the grant noted at the request that this answers.
    #[cfg_attr(not(feature = "oauth"), allow(dead_code))]
    pub(crate) fn note<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.notes.get()
    }

    /// The certificate of the connection, if the built-in client has shown one.
    #[cfg(feature = "client")]
    pub(crate) fn shown_certificate(&self) -> Option<&ShownCertificate> {
        self.answer.extensions().get()
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

    pub(crate) fn after(self, before: Option<&ExchangeAnswer>) -> ExchangeAnswer {
        ExchangeAnswer { before: before.cloned().map(Arc::new), ..self }
    }

    /// The answer that asked for the request of this one. None for the first request of an exchange.
    pub(crate) fn before(&self) -> Option<&ExchangeAnswer> {
        self.before.as_deref()
    }

    /// The credentials that the request contained.
    pub(crate) fn shown(&self) -> &Shown {
        &self.shown
    }

    /// The value that the request contained.
    pub(crate) fn credential(&self, credential: &Credential) -> Result<Secret, ExchangeError> {
        Ok(self.shown.value(credential)?)
    }

    /// Sets the name of the request that this answers. Only tests need this: an exchange sets it.
    #[must_use]
    pub fn with_request_name(self, request_name: &'static str) -> ExchangeAnswer {
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
    /// [`Malformed`](ExchangeErrorKind::Malformed) if it is not JSON of this shape. The error names the line and
    /// column, and quotes nothing, because serde's text would show values. If the status is not 2xx, the error is
    /// that of [`unavailable`](ExchangeAnswer::unavailable), with the pause that the answer asks for.
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
            self.malformed(&format!("{wrong}, as line {line}, column {column} shows"))
        })
    }

    /// The body as text, without the white space around it and without a byte order mark.
    ///
    /// # Errors
    ///
    /// [`Malformed`](ExchangeErrorKind::Malformed) if it is empty or not UTF-8. If the status is
    /// not 2xx, the error is that of [`unavailable`](ExchangeAnswer::unavailable).
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

    /// The error for an answer that cannot be used. `wrong` completes the sentence "the token
    /// endpoint's answer …".
    pub(crate) fn malformed(&self, wrong: &str) -> ExchangeError {
        let is_empty = self.text_bytes().trim_ascii().is_empty();
        let wrong = if is_empty && wrong.starts_with("is no JSON") { "is empty" } else { wrong };
        let page = match media_type(self.headers()) {
            Some("text/html" | "application/xhtml+xml") => {
                ". A page of HTML is a login page, or something in between (a proxy, a captive portal) answered: \
                 check the address"
            }
            _ => "",
        };
        let described = self.described();
        let message = format!("the token endpoint's answer {wrong}: {described}{page}");
        ExchangeError::new(ExchangeErrorKind::Malformed, message).with_status(self.status())
    }

    /// Describes the body without quoting it.
    pub(crate) fn described(&self) -> String {
        let kind = media_type(self.headers()).unwrap_or("no content type");
        match self.body().len() {
            1 => format!("{kind}, 1 byte"),
            length => format!("{kind}, {length} bytes"),
        }
    }

    /// The server's clock when it made this answer, since the epoch: its `Date` plus the time that the answer
    /// has spent in a cache (RFC 9111 section 4.2.3).
    pub(crate) fn issuers_clock(&self) -> Option<Duration> {
        servers_clock(self.headers())
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
    fn an_answer_knows_the_value_that_its_request_had() {
        let secret = Credential::from("the newest");
        let shown = Shown::default().with(&secret, "the one that was sent".into());
        let answer = answer(200, &[], "").with_shown(&shown);
        assert_eq!(answer.credential(&secret).unwrap().expose(), "the one that was sent");
    }

    #[test]
    fn debug_of_an_answer_shows_neither_headers_nor_body() {
        let answer = answer(201, &[("x", "y")], "hunter2");
        assert_eq!(answer.request_name(), "");
        let answer = answer.with_request_name("first");
        assert_eq!(answer.request_name(), "first");
        assert_eq!(format!("{answer:?}"), "ExchangeAnswer { status: 201, body_length: 7 }");
        assert_eq!(answer.headers()["x"], "y");
        assert_eq!(answer.body(), "hunter2");
    }

    #[test]
    fn an_error_about_json_names_the_place_and_quotes_nothing() {
        #[derive(Debug, Deserialize)]
        struct Token {
            #[allow(dead_code)]
            access_token: String,
        }
        for (body, wrong) in [
            ("<html>hunter2", "is no JSON, as line 1, column 1 shows: no content type, 13 bytes"),
            ("", "is empty: no content type, 0 bytes"),
            (
                "{\"a\":\"hunter2\"}",
                "has a member that is missing or of another type, as line 1, column 15 shows: no content type, 15 bytes",
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
    fn white_space_around_a_text_is_removed() {
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
    fn retry_after_is_seconds_or_a_date_compared_with_the_answers_date() {
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
            assert_eq!(error.to_string(), "the token endpoint failed on its own side (status 503)");
        }
        let refused = answer(401, &[], "").refused("invalid_client");
        assert_eq!(
            (refused.kind(), refused.code()),
            (ExchangeErrorKind::Refused, Some("invalid_client"))
        );
    }
}
