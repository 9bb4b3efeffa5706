//! The head of a request, kept for a possible second sending.
//!
//! Of everything that this crate does to a request that is not sent again, keeping the head costs most. So it
//! is stored flat, in recycled memory: a `HeaderMap` would cost two allocations, and a hash per header, which
//! only a second sending needs. The type has the size of a pointer, because a future that contains it moves.
//! The remaining cost is clones: free for static names and values, a reference count for shared ones, one
//! allocation inside `bytes` for the first clone of a name or value made at run time, and two or three for
//! extensions that are not empty.

use std::cell::RefCell;

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};

/// The most heads that each thread recycles.
const MAX_RECYCLED: usize = 64;
/// A head with room for more headers is not recycled. One header takes 72 bytes.
const MAX_HEADERS: usize = 64;

thread_local! {
    // Boxed, so that the contents do not move.
    #[allow(clippy::vec_box)]
    static RECYCLED: RefCell<Vec<Box<Snapshot>>> = const { RefCell::new(Vec::new()) };
}

/// `None` only after its end.
pub(crate) struct Head(Option<Box<Snapshot>>);

#[derive(Default)]
struct Snapshot {
    /// None while unused, so that nothing of a request is kept after its end.
    line: Option<Line>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

struct Line {
    method: Method,
    uri: Uri,
    version: Version,
    extensions: Extensions,
}

impl Head {
    /// Keeps the head of `request`.
    pub(crate) fn keep<B>(request: &Request<B>) -> Head {
        let mut snapshot = recycled();
        snapshot.line = Some(Line {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            extensions: request.extensions().clone(),
        });
        let headers = request.headers().iter();
        snapshot.headers.extend(headers.map(|(name, value)| (name.clone(), value.clone())));
        Head(Some(snapshot))
    }

    /// The request's method.
    pub(crate) fn method(&self) -> Option<&Method> {
        self.0.as_ref()?.line.as_ref().map(|line| &line.method)
    }

    /// The request's extensions.
    pub(crate) fn extensions(&self) -> Option<&Extensions> {
        self.0.as_ref()?.line.as_ref().map(|line| &line.extensions)
    }

    /// The first value of a header.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&HeaderValue> {
        let mut headers = self.0.as_ref()?.headers.iter();
        headers.find(|(its_name, _)| its_name == name).map(|(_, value)| value)
    }

    /// The request for the second sending.
    pub(crate) fn into_request<B>(mut self, body: B) -> Request<B> {
        let mut request = Request::new(body);
        let Some(snapshot) = &mut self.0 else { return request };
        if let Some(Line { method, uri, version, extensions }) = snapshot.line.take() {
            *request.method_mut() = method;
            *request.uri_mut() = uri;
            *request.version_mut() = version;
            *request.extensions_mut() = extensions;
        }
        let mut headers = HeaderMap::with_capacity(snapshot.headers.len() + 1);
        for (name, value) in snapshot.headers.drain(..) {
            headers.append(name, value);
        }
        *request.headers_mut() = headers;
        request
    }
}

/// Empties the memory and recycles it. If the thread is ending, frees it instead. Never panics.
impl Drop for Head {
    fn drop(&mut self) {
        let Some(mut snapshot) = self.0.take() else { return };
        snapshot.line = None;
        snapshot.headers.clear();
        if snapshot.headers.capacity() > MAX_HEADERS {
            return;
        }
        let _ = RECYCLED.try_with(|recycled| {
            if let Ok(mut recycled) = recycled.try_borrow_mut()
                && recycled.len() < MAX_RECYCLED
            {
                recycled.push(snapshot);
            }
        });
    }
}

fn recycled() -> Box<Snapshot> {
    let snapshot = RECYCLED.try_with(|recycled| recycled.try_borrow_mut().ok()?.pop());
    snapshot.ok().flatten().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_head_gives_the_same_request_again() {
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
        for _ in 0..3 {
            let again = Head::keep(&request).into_request("body");
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
    fn a_kept_head_has_the_extensions_and_the_first_value_of_a_header() {
        let request = Request::get("/").header("a", "1").header("b", "2").header("b", "3");
        let head = Head::keep(&request.extension(7_u8).body(()).unwrap());
        let header = |name| head.header(&HeaderName::from_static(name));
        assert_eq!(header("a"), Some(&HeaderValue::from_static("1")));
        assert_eq!(header("b"), Some(&HeaderValue::from_static("2")));
        assert_eq!(header("c"), None);
        assert_eq!(head.extensions().and_then(Extensions::get), Some(&7_u8));
    }

    #[test]
    fn memory_is_recycled_within_bounds_and_empty() {
        let with = |count: usize| {
            let mut request = Request::get("/").body(()).unwrap();
            for n in 0..count {
                let name = HeaderName::try_from(format!("x-{n}")).unwrap();
                request.headers_mut().insert(name, HeaderValue::from_static("value"));
            }
            request
        };
        let (small, large) = (with(4), with(500));
        drop((0..200).map(|_| Head::keep(&small)).collect::<Vec<_>>());
        assert_eq!(RECYCLED.with_borrow(Vec::len), MAX_RECYCLED);
        drop(Head::keep(&large));
        RECYCLED.with_borrow(|recycled| {
            assert_eq!(recycled.len(), MAX_RECYCLED - 1, "the large one is not recycled");
            assert!(recycled.iter().all(|it| it.line.is_none() && it.headers.is_empty()));
            assert!(recycled.iter().all(|it| it.headers.capacity() <= MAX_HEADERS));
        });
        RECYCLED.with_borrow_mut(Vec::clear);
        let place = |head: &Head| std::ptr::from_ref(&**head.0.as_ref().unwrap());
        for (quota, again) in [(1, true), (MAX_HEADERS, true), (MAX_HEADERS + 1, false)] {
            let headers = Vec::with_capacity(quota);
            let head = Head(Some(Box::new(Snapshot { line: None, headers })));
            let first = place(&head);
            drop(head);
            assert_eq!(RECYCLED.with_borrow(Vec::len), usize::from(again), "{quota}");
            if again {
                assert_eq!(place(&Head::keep(&with(0))), first, "the memory is used again");
            }
            RECYCLED.with_borrow_mut(Vec::clear);
        }
    }
}
