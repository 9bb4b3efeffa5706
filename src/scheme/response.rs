//! The head of a response, and what it says about the credential of its request.

use std::fmt;

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use crate::basics::headers::find;
use crate::scheme::challenge;
use crate::scheme::excerpt::Excerpt;

static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// A response without its body. If [`InspectBodyLayer`](crate::InspectBodyLayer) has read the beginning of the body,
/// that beginning belongs to it.
///
/// Its `Debug` shows the status and the names of the headers. A value may be a token.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ResponseHead<'a> {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> ResponseHead<'a> {
    /// The head of `response`.
    #[inline]
    pub fn of<B>(response: &'a http::Response<B>) -> ResponseHead<'a> {
        ResponseHead {
            status: response.status(),
            headers: response.headers(),
            extensions: response.extensions(),
        }
    }

    /// The first bytes of the body: at most 4 KiB, in the default set-up. They may end anywhere. None if
    /// [`InspectBodyLayer`](crate::InspectBodyLayer) has not read the body, or if no byte came in time.
    #[must_use]
    pub fn body_excerpt(self) -> Option<&'a [u8]> {
        self.extensions.get().map(Excerpt::bytes)
    }

    /// A member of the JSON in the body: `response.body_member("/error/code")`. `pointer` is a JSON pointer (RFC
    /// 6901).
    ///
    /// None if there is no such member or no [excerpt](ResponseHead::body_excerpt), and if the excerpt is not a whole
    /// JSON object or list. So of a body that is longer than the excerpt, no member is found.
    ///
    /// ```
    /// use tower_outbound_auth::scheme::{Judge, Verdict};
    ///
    /// let judge = Judge::new(|response| match response.body_member("/error/code") {
    ///     Some(code) if code == "session_expired" || code == 190 => Verdict::Refused,
    ///     _ if response.is_refusal() => Verdict::Refused,
    ///     _ => Verdict::Accepted,
    /// });
    /// # let _ = judge;
    /// ```
    #[must_use]
    pub fn body_member(self, pointer: &str) -> Option<Value> {
        self.extensions.get::<Excerpt>()?.member(pointer)
    }

    /// Whether a server refused the credential, by the rules of HTTP and gRPC.
    /// [`Judge::standard`](super::Judge::standard) uses this.
    ///
    /// A refusal is a 401 (RFC 9110 section 15.5.2), with or without a challenge, or
    /// [`is_grpc_unauthenticated`](ResponseHead::is_grpc_unauthenticated). If `WWW-Authenticate` gives another reason,
    /// `insufficient_scope` or `invalid_request` (RFC 6750 section 3.1), `insufficient_user_authentication` (RFC 9470), or
    /// `insufficient_claims`, it is no refusal; see
    /// [`Insufficient`](super::Insufficient).
    ///
    /// After a 403, or gRPC's `PERMISSION_DENIED`, another token would not help. But a 403 whose challenge says
    /// `error="invalid_token"` is a refusal: some gateways send it when a token has expired.
    ///
    /// A judge of your own that knows one more refusal:
    ///
    /// ```
    /// use tower_outbound_auth::scheme::{ResponseHead, Verdict};
    ///
    /// fn judge(response: ResponseHead<'_>) -> Verdict {
    ///     match response.status == 419 || response.is_refusal() {
    ///         true => Verdict::Refused,
    ///         false => Verdict::Accepted,
    ///     }
    /// }
    /// # let response = http::Response::builder().status(401).body(())?;
    /// # assert_eq!(judge(ResponseHead::of(&response)), Verdict::Refused);
    /// # Ok::<_, http::Error>(())
    /// ```
    #[must_use]
    #[inline(always)]
    pub fn is_refusal(self) -> bool {
        match self.status {
            StatusCode::UNAUTHORIZED => challenge::is_about_the_token(self.headers),
            StatusCode::FORBIDDEN => challenge::names_an_invalid_token(self.headers),
            _ => self.is_grpc_unauthenticated() && challenge::is_about_the_token(self.headers),
        }
    }

    /// Whether a gRPC server refused the call before any other answer: `grpc-status: 16` among the
    /// *headers* of a 200. With this, tonic, grpcio and Envoy say `UNAUTHENTICATED` at once (a response
    /// that is [Trailers-Only]).
    ///
    /// The same status in real trailers comes after the response began. The server may have done some of the work by
    /// then. This function does not see it, and the layer does nothing.
    ///
    /// [Trailers-Only]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses
    #[must_use]
    #[inline(always)]
    pub fn is_grpc_unauthenticated(self) -> bool {
        self.status == StatusCode::OK && self.grpc_status().is_some_and(|status| status == "16")
    }

    /// Whether the request succeeded: the status is a 2xx, and there is no `grpc-status` of an error in place
    /// of a response.
    pub(crate) fn is_success(self) -> bool {
        self.status.is_success() && self.grpc_status().is_none_or(|status| status == "0")
    }

    /// Whether this is an overload or an outage. It says nothing about the credential, which perhaps was
    /// not checked.
    pub(crate) fn is_outage(self) -> bool {
        // UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE, DATA_LOSS
        let grpc = |status: &HeaderValue| {
            ["2", "4", "8", "13", "14", "15"].iter().any(|outage| status == outage)
        };
        self.status.is_server_error()
            || self.status == StatusCode::TOO_MANY_REQUESTS
            || self.grpc_status().is_some_and(grpc)
    }

    /// The `grpc-status` of a response that has nothing else.
    #[inline(always)]
    fn grpc_status(self) -> Option<&'a HeaderValue> {
        find(self.headers, &GRPC_STATUS)
    }
}

impl fmt::Debug for ResponseHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseHead")
            .field("status", &self.status)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_response_shows_status_and_header_names() {
        let response = http::Response::builder().status(404).header("set-cookie", "hunter2");
        let response = response.body(()).unwrap();
        let shown = r#"ResponseHead { status: 404, headers: ["set-cookie"] }"#;
        assert_eq!(format!("{:?}", ResponseHead::of(&response)), shown);
    }

    #[test]
    fn a_response_is_judged_by_the_status_of_http_and_of_grpc() {
        // HTTP's status, gRPC's status, and whether it is a success, an outage, a refusal.
        for (status, grpc, says) in [
            (200, None, (true, false, false)),
            (204, None, (true, false, false)),
            (404, None, (false, false, false)),
            (401, None, (false, false, true)),
            (429, None, (false, true, false)),
            (503, None, (false, true, false)),
            (200, Some("0"), (true, false, false)),
            (200, Some("5"), (false, false, false)),
            (200, Some("7"), (false, false, false)),
            (200, Some("8"), (false, true, false)),
            (200, Some("14"), (false, true, false)),
            (200, Some("16"), (false, false, true)),
            (401, Some("16"), (false, false, true)),
            (404, Some("16"), (false, false, false)),
        ] {
            let mut response = http::Response::builder().status(status);
            if let Some(grpc) = grpc {
                response = response.header("grpc-status", grpc);
            }
            let response = response.body(()).unwrap();
            let head = ResponseHead::of(&response);
            let said = (head.is_success(), head.is_outage(), head.is_refusal());
            assert_eq!(said, says, "{status} {grpc:?}");
        }
    }
}
