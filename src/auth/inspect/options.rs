//! Which responses are inspected, and how far.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body::Body;

use crate::scheme::response::ResponseHead;

/// The options of a layer, which its services and their futures share.
#[derive(Clone)]
pub(crate) struct Options {
    /// In bytes.
    pub(crate) limit: usize,
    pub(crate) wait: Duration,
    predicate: Arc<Predicate>,
}

type Predicate = dyn Fn(ResponseHead<'_>) -> bool + Send + Sync;

/// Bodies that stream: they may pause for as long as they like.
const STREAMS: [&[u8]; 2] = [b"text/event-stream", b"application/grpc"];

impl Options {
    /// Enough for the body of an error.
    const LIMIT: usize = 4 * 1024;

    /// Each inspected response may hold this much memory.
    const MAX_LIMIT: usize = 64 * 1024;

    /// The rest of a short body follows its head within this time. A stream is not delayed noticeably.
    const WAIT: Duration = Duration::from_millis(50);

    pub(crate) fn new(predicate: Arc<Predicate>) -> Options {
        Options { limit: Options::LIMIT, wait: Options::WAIT, predicate }
    }

    /// A larger limit counts as [`MAX_LIMIT`](Options::MAX_LIMIT).
    pub(crate) fn set_limit(&mut self, bytes: usize) {
        self.limit = bytes.min(Options::MAX_LIMIT);
    }

    /// Whether the body of a response is to be read.
    #[inline]
    pub(crate) fn applies_to<RB: Body>(&self, response: &Response<RB>) -> bool {
        (self.predicate)(ResponseHead::of(response))
            && !response.body().is_end_stream()
            && is_readable(response.headers())
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { limit, wait, predicate: _ } = self;
        f.debug_struct("Options").field("limit", limit).field("wait", wait).finish_non_exhaustive()
    }
}

/// Whether a body is plain text or data in one piece.
fn is_readable(headers: &HeaderMap) -> bool {
    let values = |name: HeaderName| headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    let is_stream = |value: &[u8]| {
        let begins_as = |stream: &[u8]| {
            value.get(..stream.len()).is_some_and(|it| it.eq_ignore_ascii_case(stream))
        };
        STREAMS.into_iter().any(begins_as)
    };
    let is_plain = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"identity");
    !values(CONTENT_TYPE).any(is_stream) && values(CONTENT_ENCODING).all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_streams_grpc_and_encoded_bodies_are_not_read() {
        for (name, value, is_read) in [
            ("content-type", "application/json", true),
            ("content-type", "text/event-stream", false),
            ("content-type", "Text/Event-Stream; charset=utf-8", false),
            ("content-type", "application/grpc", false),
            ("content-type", "application/grpc-web+proto", false),
            ("content-type", "application/gr", true),
            ("content-type", "", true),
            ("content-encoding", "gzip", false),
            ("content-encoding", "Identity", true),
            ("content-encoding", "identity, br", false),
            ("x-other", "gzip", true),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
            assert_eq!(is_readable(&headers), is_read, "{name}: {value}");
            headers.append(CONTENT_ENCODING, "br".parse().unwrap());
            assert!(!is_readable(&headers), "{name}: {value}, and another encoding");
        }
        assert!(is_readable(&HeaderMap::new()));
    }

    #[test]
    fn a_limit_is_64_kib_at_most() {
        for (limit, bounded) in [(0, 0), (65_536, 65_536), (65_537, 65_536), (usize::MAX, 65_536)] {
            let mut options = Options::new(Arc::new(|_| true));
            options.set_limit(limit);
            assert_eq!(options.limit, bounded);
        }
    }
}
