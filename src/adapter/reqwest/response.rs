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

use crate::error::{Error, ErrorKind};
use crate::origin::Origin;
use crate::origin::parts::is_localhost;

/// The body of a response, and the other parts that `http::Response` cannot have.
pub struct ResponseBody {
    inner: Inner,
    url: Url,
}

enum Inner {
    Unread(reqwest::Response),
    /// It is read as a body.
    Read(reqwest::Body),
}

/// In a response's extensions: the request, and perhaps its credential, was sent elsewhere.
#[derive(Clone)]
pub(crate) enum Astray {
    /// The client followed a redirect to another origin.
    Redirected(Uri),
    /// It was for a loopback or link-local address, and went through a proxy.
    Proxied,
}

impl Astray {
    pub(crate) fn of(extensions: &Extensions) -> Option<&Astray> {
        extensions.get()
    }

    /// The result for the caller of a request with a credential.
    pub(crate) fn to_error(&self) -> Error {
        let message = match self {
            Astray::Redirected(uri) => {
                let origin = Origin::of_uri(uri);
                let origin = origin.map_or_else(|| "another origin".to_owned(), |it| it.to_string());
                format!(
                    "the client followed a redirect to {origin} and may have carried the credential there: \
                     rotate it, and build the client by AuthLayer::reqwest, or with \
                     AuthLayer::reqwest_redirects, which follow redirects to the layer's own origins only (for HttpService: by \
                     HttpService::build, which follows none)"
                )
            }
            Astray::Proxied => "the client sent a request to a loopback or link-local address through a proxy, which \
                 may have seen the credential: rotate it, and build the client by AuthLayer::reqwest, or with \
                 ClientBuilder::no_proxy, or set NO_PROXY=127.0.0.1,::1,169.254.169.254"
                .to_owned(),
        };
        Error::new(ErrorKind::SentElsewhere, message)
    }
}

/// Moves the head to where layers read it. The rest stays reqwest's.
pub(crate) fn from_reqwest(
    mut response: reqwest::Response,
    sent_to: &Url,
) -> http::Response<ResponseBody> {
    let astray = astray(&response, sent_to);
    let mut head = http::Response::new(()).into_parts().0;
    head.status = response.status();
    head.version = response.version();
    head.headers = mem::take(response.headers_mut());
    head.extensions = mem::take(response.extensions_mut());
    if let Some(astray) = astray {
        head.extensions.insert(astray);
    }
    let url = response.url().clone();
    http::Response::from_parts(head, ResponseBody { inner: Inner::Unread(response), url })
}

/// A redirect to another origin of the layer is allowed, and a proxy never is. So the proxy is reported first.
fn astray(response: &reqwest::Response, sent_to: &Url) -> Option<Astray> {
    if response.remote_addr().is_some_and(|peer| is_proxied(peer, response.url())) {
        return Some(Astray::Proxied);
    }
    if is_same_origin(response.url(), sent_to) {
        return None;
    }
    // A URL that cannot be parsed counts as another origin.
    let unknown = |_| Uri::from_static("http://unknown.invalid");
    Some(Astray::Redirected(response.url().as_str().parse().unwrap_or_else(unknown)))
}

/// Turns a response of [`HttpService`](super::HttpService) into one of reqwest's, with final URL, remote address and timeouts.
///
/// Status, headers and extensions are as the layers above have left them. If a layer has read a part of the body, that part is
/// gone.
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

/// Whether the response of a loopback or link-local URL came from another address. `localhost` is one, too (RFC 6761 section
/// 6.3).
fn is_proxied(peer: SocketAddr, url: &Url) -> bool {
    let Some(host) = url.host_str().map(|host| host.trim_matches(['[', ']'])) else { return false };
    let is_other_address = match host.parse::<IpAddr>() {
        Ok(address) if address.is_loopback() => address != peer.ip(),
        Ok(IpAddr::V4(address)) if address.is_link_local() => peer.ip() != address,
        Err(_) if is_localhost(host) => !peer.ip().is_loopback(),
        _ => return false,
    };
    is_other_address || url.port_or_known_default() != Some(peer.port())
}

pub(crate) fn is_same_origin(one: &Url, other: &Url) -> bool {
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
        // After its end the body is not polled again: reqwest's would check its timeout once more.
        if !matches!(polled, Poll::Ready(None)) {
            self.inner = Inner::Read(body);
        }
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

/// A response's body can be the body of another request.
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
    fn a_response_from_this_machine_comes_from_the_address_of_its_url_or_came_through_a_proxy() {
        for (url, peer, proxied) in [
            ("http://127.0.0.1:8080/", "127.0.0.1:8080", false),
            ("http://127.0.0.1:8080/", "127.0.0.1:3128", true),
            ("http://127.0.0.1:8080/", "10.0.0.1:8080", true),
            ("http://127.0.0.1/", "127.0.0.1:80", false),
            ("https://[::1]/", "[::1]:443", false),
            ("https://[::1]/", "[::1]:3128", true),
            ("http://localhost:8080/", "[::1]:8080", false),
            ("http://localhost:8080/", "127.0.0.1:8080", false),
            ("http://localhost:8080/", "127.0.0.1:3128", true),
            ("http://a.localhost:8080/", "10.0.0.1:8080", true),
            ("http://169.254.169.254/a", "127.0.0.1:3128", true),
            ("http://169.254.169.254/a", "169.254.169.254:3128", true),
            ("http://169.254.169.254/a", "169.254.169.254:80", false),
            // Any other host may be reached through a proxy.
            ("https://10.0.0.1/", "10.0.0.2:3128", false),
            ("https://api.example/", "127.0.0.1:3128", false),
        ] {
            let was = is_proxied(peer.parse().unwrap(), &url.parse().unwrap());
            assert_eq!(was, proxied, "{url} from {peer}");
        }
    }

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
