//! A request without its body, for predicates and makers of proofs.

use std::fmt;

use http::{Extensions, HeaderMap, Method, Request, Uri};

/// A request without its body.
///
/// Its `Debug` shows the method, the path and the names of the headers. The rest may contain a caller's
/// secret.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The URI.
    pub uri: &'a Uri,
    /// The headers. A predicate sees them as the caller made them. A maker of proofs also sees the credential's
    /// header.
    pub headers: &'a HeaderMap,
    /// The extensions.
    pub extensions: &'a Extensions,
}

impl<'a> RequestHead<'a> {
    /// The head of `request`.
    pub fn of<B>(request: &'a Request<B>) -> RequestHead<'a> {
        RequestHead {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}

impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", &self.method)
            .field("path", &self.uri.path())
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_request_shows_method_path_and_header_names() {
        let request = Request::put("https://api.example/x?key=hunter2")
            .header("cookie", "hunter2")
            .body(())
            .unwrap();
        let shown = r#"RequestHead { method: PUT, path: "/x", headers: ["cookie"], .. }"#;
        assert_eq!(format!("{:?}", RequestHead::of(&request)), shown);
    }
}
