//! Requests as a server received them.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};

/// The most requests that an embedded server remembers.
const MAX_REQUESTS: usize = 1_000;

/// A request as an embedded server received it.
///
/// Its `Debug` shows the names of the headers and the length of the body, because the rest may be secret.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReceivedRequest {
    /// The method.
    pub method: Method,
    /// The path and the query.
    pub path: String,
    /// The headers, including credentials.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl fmt::Debug for ReceivedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body_length", &self.body.len())
            .finish()
    }
}

/// The last requests, oldest first.
#[derive(Debug, Default)]
pub(super) struct Record(VecDeque<ReceivedRequest>);

impl Record {
    pub(super) fn add(&mut self, request: &Request<Bytes>) {
        if self.0.len() == MAX_REQUESTS {
            self.0.pop_front();
        }
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        self.0.push_back(ReceivedRequest {
            method: request.method().clone(),
            path: path.to_owned(),
            headers: request.headers().clone(),
            body: request.body().clone(),
        });
    }

    pub(super) fn requests(&self) -> Vec<ReceivedRequest> {
        self.0.iter().cloned().collect()
    }
}
