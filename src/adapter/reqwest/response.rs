//! A response of reqwest's as one of `http`'s, and back.

use std::fmt;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Extensions, Uri};
use http_body::{Body, Frame, SizeHint};
use reqwest::{ResponseBuilderExt, Url};

/// The body of a response, and all else of it that `http::Response` has no place for.
pub struct ResponseBody {
    inner: Inner,
    url: Url,
}

enum Inner {
    Unread(reqwest::Response),
    /// Somebody reads it as a body.
    Read(reqwest::Body),
}

/// In a response's extensions: redirects led it to another origin.
#[derive(Clone)]
struct RedirectedTo(Uri);

/// In a response's extensions: it is from a loopback address, and came through a proxy.
#[derive(Clone)]
struct Proxied;

/// The head moves to where the layers look; the rest stays what it was.
pub(super) fn from_reqwest(
    mut response: reqwest::Response,
    sent_to: &Url,
) -> http::Response<ResponseBody> {
    let is_proxied = response.remote_addr().is_some_and(|peer| is_another(peer, response.url()));
    let mut head = http::Response::new(()).into_parts().0;
    head.status = response.status();
    head.version = response.version();
    head.headers = mem::take(response.headers_mut());
    head.extensions = mem::take(response.extensions_mut());
    if !is_same_origin(response.url(), sent_to) {
        // What cannot be parsed is nobody's origin.
        let unknown = |_| Uri::from_static("http://unknown.invalid");
        let uri = response.url().as_str().parse().unwrap_or_else(unknown);
        head.extensions.insert(RedirectedTo(uri));
    }
    if is_proxied {
        head.extensions.insert(Proxied);
    }
    let url = response.url().clone();
    http::Response::from_parts(head, ResponseBody { inner: Inner::Unread(response), url })
}

/// Makes a response of [`HttpService`](super::HttpService) reqwest's own again: final URL, remote address, timeouts and all.
///
/// What a layer did to the status, the headers and the extensions stays, and what it has read of the body is
/// read.
#[must_use]
pub fn into_reqwest(response: http::Response<ResponseBody>) -> reqwest::Response {
    let (mut head, body) = response.into_parts();
    match body.inner {
        Inner::Unread(mut response) if response.status() == head.status => {
            *response.headers_mut() = head.headers;
            *response.extensions_mut() = head.extensions;
            response
        }
        inner => {
            let mut url = http::response::Builder::new().url(body.url);
            head.extensions.extend(url.extensions_mut().map(mem::take).unwrap_or_default());
            http::Response::from_parts(head, reqwest::Body::from(inner)).into()
        }
    }
}

/// Where a response of [`HttpService`](super::HttpService) is from, if the client followed redirects to another origin; for
/// [`AuthLayer::with_response_uri`](crate::AuthLayer::with_response_uri).
///
/// ```
/// use tower_outbound_auth::adapter::reqwest::response_uri;
/// # use tower_outbound_auth::{AuthLayer, TokenSource, scheme::HeaderScheme};
/// # let layer = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc")?);
///
/// let layer = layer.with_response_uri(response_uri);
/// # let _ = layer;
/// # Ok::<_, tower_outbound_auth::Error>(())
/// ```
#[must_use]
pub fn response_uri(extensions: &Extensions) -> Option<Uri> {
    extensions.get().map(|RedirectedTo(uri)| uri.clone())
}

/// Whether a response of [`HttpService`](super::HttpService) is from a loopback address, and came through a proxy all the same.
pub(crate) fn is_proxied(extensions: &Extensions) -> bool {
    extensions.get::<Proxied>().is_some()
}

/// Whether a loopback URL has another address than the one that its response came from.
fn is_another(peer: SocketAddr, url: &Url) -> bool {
    let host = url.host_str().map(|host| host.trim_matches(['[', ']']));
    let address = host.and_then(|host| host.parse::<IpAddr>().ok());
    let here = address.filter(IpAddr::is_loopback).zip(url.port_or_known_default());
    here.is_some_and(|here| SocketAddr::from(here) != peer)
}

pub(super) fn is_same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
}

impl ResponseBody {
    /// The final URL of the response.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        let body = mem::replace(&mut self.inner, Inner::Read(reqwest::Body::default()));
        let mut body = reqwest::Body::from(body);
        let polled = Pin::new(&mut body).poll_frame(cx);
        self.inner = Inner::Read(body);
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Read(body) => body.is_end_stream(),
            Inner::Unread(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Read(body) => body.size_hint(),
            Inner::Unread(response) => {
                response.content_length().map_or_else(SizeHint::new, SizeHint::with_exact)
            }
        }
    }
}

impl From<Inner> for reqwest::Body {
    fn from(inner: Inner) -> reqwest::Body {
        match inner {
            Inner::Unread(response) => response.into(),
            Inner::Read(body) => body,
        }
    }
}

/// So that it can be the body of another request.
impl From<ResponseBody> for reqwest::Body {
    fn from(body: ResponseBody) -> reqwest::Body {
        body.inner.into()
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseBody(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same =
            |one: &str, other: &str| is_same_origin(&one.parse().unwrap(), &other.parse().unwrap());
        assert!(same("https://api.example/a?b", "https://API.example:443/c#d"));
        for other in ["http://api.example:443", "https://api.example:444", "https://api.test"] {
            assert!(!same("https://api.example", other), "{other}");
        }
    }
}
