//! reqwest's client as a service of `http`'s types.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Extensions, Uri};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use reqwest::{ResponseBuilderExt, Url};
use tower_service::Service;

use crate::BoxError;
use crate::future::polled_after_completion;

/// A reqwest client as a `Service<http::Request<B>>`, for any body that reqwest takes, so that layers of
/// tower and tower-http go around it.
///
/// `C` is a [`reqwest::Client`] or anything else that is a service of its types, such as a
/// `ClientWithMiddleware`. Give it a client that follows no redirects, and put tower-http's `FollowRedirect`
/// above [`AuthLayer`](crate::AuthLayer), which then judges every hop; the [module](super) has an example. If the
/// client does follow redirects, [`response_uri`] tells the layer where an answer is from, once the
/// credential has gone there.
///
/// Method, URI, version, headers, extensions and the timeout of a request are carried over; a timeout is
/// counted anew for a request that is sent again. [`into_reqwest`] makes a whole response of reqwest's from
/// one of this service's.
///
/// # Errors
///
/// The client's own, unwrapped, and those of a request that reqwest cannot make its own.
///
/// # Cancel safety
///
/// A call may be dropped at any time.
#[derive(Clone, Debug)]
pub struct HttpService<C> {
    client: C,
}

impl<C> HttpService<C> {
    /// A service over `client`.
    #[must_use]
    pub fn new(client: C) -> HttpService<C> {
        HttpService { client }
    }

    /// The client.
    pub fn get_ref(&self) -> &C {
        &self.client
    }

    /// The client.
    pub fn into_inner(self) -> C {
        self.client
    }

    /// Sends a request; one that could not be made is an error.
    pub(super) fn send(
        &mut self,
        request: Result<reqwest::Request, reqwest::Error>,
    ) -> HttpFuture<C::Future>
    where
        C: Service<reqwest::Request>,
    {
        let state = match request {
            Ok(request) => {
                let sent_to = request.url().clone();
                State::Calling { future: self.client.call(request), sent_to }
            }
            Err(error) => State::Failed { error: Some(error) },
        };
        HttpFuture { state }
    }
}

impl<C, B> Service<http::Request<B>> for HttpService<C>
where
    C: Service<reqwest::Request, Response = reqwest::Response>,
    C::Error: Into<BoxError>,
    B: Into<reqwest::Body>,
{
    type Response = http::Response<ResponseBody>;
    type Error = BoxError;
    type Future = HttpFuture<C::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.client.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        self.send(request.try_into())
    }
}

pin_project! {
    /// The response of [`HttpService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct HttpFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Calling { #[pin] future: F, sent_to: Url },
        Failed { error: Option<reqwest::Error> },
    }
}

impl<F, E> Future for HttpFuture<F>
where
    F: Future<Output = Result<reqwest::Response, E>>,
    E: Into<BoxError>,
{
    type Output = Result<http::Response<ResponseBody>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Calling { future, sent_to } => {
                let response = ready!(future.poll(cx)).map_err(Into::into)?;
                Poll::Ready(Ok(from_reqwest(response, sent_to)))
            }
            StateProj::Failed { error } => {
                let error = error.take().unwrap_or_else(|| polled_after_completion());
                Poll::Ready(Err(error.into()))
            }
        }
    }
}

impl<F> fmt::Debug for HttpFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpFuture(…)")
    }
}

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

/// The head moves to where the layers look; the rest stays what it was.
fn from_reqwest(mut response: reqwest::Response, sent_to: &Url) -> http::Response<ResponseBody> {
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
    let url = response.url().clone();
    http::Response::from_parts(head, ResponseBody { inner: Inner::Unread(response), url })
}

/// Makes a response of [`HttpService`] reqwest's own again: final URL, remote address, timeouts and all.
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

/// Where a response of [`HttpService`] is from, if the client followed redirects to another origin; for
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
