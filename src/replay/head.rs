//! The head of a request, kept for a possible replay.
//!
//! Keeping it is the dearest thing that this crate does to a request that needs no replay, so it is kept
//! flat, and in a recycled buffer: a `HeaderMap` of its own would cost two allocations and a hash per
//! header, and only a replay pays for that. What is left are the clones: free for static names and
//! values, a reference count for shared ones, one allocation inside `bytes` for the first clone of a name
//! or value that was made at run time, and two or three for extensions that are not empty.

use std::cell::RefCell;
use std::mem;

use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};

type Headers = Vec<(HeaderName, HeaderValue)>;

/// Per thread, this many buffers are kept, …
const MAX_BUFFERS: usize = 64;
/// … none of them for more headers than this (one entry takes 72 bytes).
const MAX_HEADERS: usize = 64;

thread_local! {
    static BUFFERS: RefCell<Vec<Headers>> = const { RefCell::new(Vec::new()) };
}

pub(crate) struct Head {
    method: Method,
    uri: Uri,
    version: Version,
    extensions: Extensions,
    headers: Headers,
}

impl Head {
    /// Keeps the head of `request`.
    pub(crate) fn keep(request: &Parts) -> Head {
        let mut headers = recycled();
        headers.extend(request.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        Head {
            method: request.method.clone(),
            uri: request.uri.clone(),
            version: request.version,
            extensions: request.extensions.clone(),
            headers,
        }
    }

    pub(crate) fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The request once more.
    pub(crate) fn into_request<B>(mut self, body: B) -> Request<B> {
        let mut request = Request::new(body);
        *request.method_mut() = mem::take(&mut self.method);
        *request.uri_mut() = mem::take(&mut self.uri);
        *request.version_mut() = self.version;
        *request.extensions_mut() = mem::take(&mut self.extensions);
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 1);
        for (name, value) in self.headers.drain(..) {
            headers.append(name, value);
        }
        *request.headers_mut() = headers;
        request
    }
}

/// Gives the buffer back, empty. Never panics: where the thread is ending, the buffer ends too.
impl Drop for Head {
    fn drop(&mut self) {
        let mut headers = mem::take(&mut self.headers);
        headers.clear();
        if headers.capacity() == 0 || headers.capacity() > MAX_HEADERS {
            return;
        }
        let _ = BUFFERS.try_with(|buffers| {
            if let Ok(mut buffers) = buffers.try_borrow_mut()
                && buffers.len() < MAX_BUFFERS
            {
                buffers.push(headers);
            }
        });
    }
}

fn recycled() -> Headers {
    let buffer = BUFFERS.try_with(|buffers| buffers.try_borrow_mut().ok()?.pop());
    buffer.ok().flatten().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_head_gives_the_same_request_once_more() {
        let mut request = Request::put("https://api.example/x?y=1")
            .version(Version::HTTP_2)
            .header("a", "1")
            .header("b", "2")
            .header("a", "3")
            .extension(7_u8)
            .body(())
            .unwrap();
        let mut secret = HeaderValue::from_static("secret");
        secret.set_sensitive(true);
        request.headers_mut().insert("s", secret);
        let (parts, ()) = request.clone().into_parts();
        for _ in 0..3 {
            let again = Head::keep(&parts).into_request("body");
            assert_eq!(again.headers(), request.headers());
            assert!(again.headers()["s"].is_sensitive());
            assert_eq!(again.method(), request.method());
            assert_eq!(again.uri(), request.uri());
            assert_eq!(again.version(), request.version());
            assert_eq!(again.extensions().get(), Some(&7_u8));
            assert_eq!(*again.body(), "body");
        }
    }

    #[test]
    fn buffers_are_kept_within_bounds_and_empty() {
        let with = |count: usize| {
            let mut request = Request::get("/").body(()).unwrap();
            for n in 0..count {
                let name = HeaderName::try_from(format!("x-{n}")).unwrap();
                request.headers_mut().insert(name, HeaderValue::from_static("value"));
            }
            request.into_parts().0
        };
        let (small, large) = (with(4), with(500));
        drop((0..200).map(|_| Head::keep(&small)).collect::<Vec<_>>());
        drop(Head::keep(&large));
        BUFFERS.with_borrow(|buffers| {
            assert!(!buffers.is_empty() && buffers.len() <= MAX_BUFFERS);
            assert!(buffers.iter().all(|it| it.is_empty() && it.capacity() <= MAX_HEADERS));
        });
    }
}
