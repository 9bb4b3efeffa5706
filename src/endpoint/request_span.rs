//! The span of one request to a token endpoint, with the attributes of OpenTelemetry's conventions for HTTP clients.
//!
//! It has no header, no body, no query and no user information. A segment of the path that may have a credential is
//! `REDACTED`, the word of these conventions.

use http::{Method, Uri};
use percent_encoding::percent_decode_str;
use tracing::Span;
use tracing::field::Empty;

use crate::basics::TARGET;
use crate::basics::span::failed;
use crate::credential::shown::Shown;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::quotes::is_quoted_in_segment;
use crate::endpoint::request::ExchangeRequest;
use crate::exchange::context::ExchangeContext;
use crate::exchange::error::ExchangeError;
use crate::origin::parts::scheme;

/// The methods that the conventions know. Another one could be any text.
const METHODS: [Method; 9] = [
    Method::CONNECT,
    Method::DELETE,
    Method::GET,
    Method::HEAD,
    Method::OPTIONS,
    Method::PATCH,
    Method::POST,
    Method::PUT,
    Method::TRACE,
];

/// The span of a request. If it is dropped before its end, the request was cancelled: by the deadline of the exchange, mostly.
pub(crate) struct RequestSpan {
    span: Span,
    has_ended: bool,
}

impl RequestSpan {
    pub(crate) fn begin(
        request: &ExchangeRequest,
        cx: &ExchangeContext,
        secrets: impl FnOnce() -> Shown,
    ) -> RequestSpan {
        let span = tracing::info_span!(
            target: TARGET, "token_request",
            otel.kind = "CLIENT", otel.name = Empty, otel.status_code = Empty, "error.type" = Empty,
            http.request.method = Empty, http.request.resend_count = Empty,
            http.response.status_code = Empty,
            server.address = Empty, server.port = Empty, url.full = Empty, url.path = Empty,
        );
        // What follows costs allocations.
        if !span.is_disabled() {
            describe(&span, request, cx, &secrets());
        }
        RequestSpan { span, has_ended: false }
    }

    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    pub(crate) fn end(mut self, answer: &Result<ExchangeAnswer, ExchangeError>) {
        self.has_ended = true;
        let status = answer.as_ref().map_or_else(ExchangeError::status, |it| Some(it.status()));
        if let Some(status) = status {
            self.span.record("http.response.status_code", i64::from(status.as_u16()));
        }
        match (answer, status) {
            (_, Some(status)) if status.as_u16() >= 400 => failed(&self.span, status.as_str()),
            (Err(error), _) => failed(&self.span, error.kind().as_str()),
            (Ok(_), _) => {}
        }
    }
}

impl Drop for RequestSpan {
    fn drop(&mut self) {
        if !self.has_ended {
            failed(&self.span, "cancelled");
        }
    }
}

fn describe(span: &Span, request: &ExchangeRequest, cx: &ExchangeContext, secrets: &Shown) {
    let method = METHODS.iter().find(|it| *it == request.method());
    span.record("otel.name", method.map_or("HTTP", Method::as_str));
    let method = method.map_or("_OTHER", Method::as_str);
    span.record("http.request.method", method);

    let uri = request.uri();
    let host = uri.host().unwrap_or_default();
    span.record("server.address", host.trim_matches(['[', ']']));
    if let Some(port) = port(uri) {
        span.record("server.port", i64::from(port));
    }
    let (base, path) = request.shown_url();
    let segment = |segment: &str| match has_a_secret(segment, secrets) {
        true => "REDACTED".to_owned(),
        false => segment.to_owned(),
    };
    let path = path.split('/').map(segment).collect::<Vec<_>>().join("/");
    let url = format!("{base}{path}");
    span.record("url.path", &*path);
    span.record("url.full", &*url);

    let before = cx.count_like(format!("{method} {url}"));
    if before > 0 {
        span.record("http.request.resend_count", before);
    }
}

fn port(uri: &Uri) -> Option<u16> {
    let default = |is_https| if is_https { 443 } else { 80 };
    uri.port_u16().or_else(|| scheme(uri).map(default))
}

/// Whether a segment of a path contains a credential, or may be one.
fn has_a_secret(segment: &str, secrets: &Shown) -> bool {
    let decoded = percent_decode_str(segment).decode_utf8_lossy();
    is_quoted_in_segment(segment, secrets) || is_quoted_in_segment(&decoded, secrets)
}
