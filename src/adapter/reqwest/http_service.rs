//! reqwest's client as a service of `http`'s types.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::FutureExt;
use http_body::Body;
use http_body_util::{BodyExt, Full};
use pin_project_lite::pin_project;
use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, Url};
use tower_service::Service;

use crate::adapter::reqwest::redirect::built;
use crate::adapter::reqwest::response::{Astray, ResponseBody, from_reqwest};
use crate::auth::completed::polled_after_completion;
use crate::error::{BoxError, Error};

/// A reqwest client as a `Service<http::Request<B>>`, for any body of bytes. Layers of tower and tower-http can wrap it, and it
/// can be the client of a [token endpoint](crate::TokenSource::over_http).
///
/// `C` is a [`reqwest::Client`] or anything else that is a service of reqwest's types, such as a
/// `ClientWithMiddleware`. Give it a client that follows no redirects, and put tower-http's `FollowRedirect`
/// above [`AuthLayer`](crate::AuthLayer), which then sees every hop. The [module](super) has an example.
///
/// Method, URI, version, headers, extensions and the timeout of a request are kept. If a request is sent again, its timeout
/// starts again. [`into_reqwest`](super::into_reqwest) turns a response of this service into one of reqwest's.
///
/// # Errors
///
/// - The client's own errors, unwrapped.
/// - reqwest's error for a request that it cannot convert.
/// - [`ErrorKind::SentElsewhere`](crate::ErrorKind::SentElsewhere) if the client followed a redirect to another origin, or used
///   a proxy for a loopback address. The request may have shown a credential there.
///
/// # Cancel safety
///
/// A call may be dropped at any time.
#[derive(Clone, Debug)]
pub struct HttpService<C> {
    client: C,
}

impl<C> HttpService<C> {
    /// A service over `client`, which must not follow redirects. If it follows one to another origin, the call fails,
    /// but the credential may have been sent there already. [`build`](HttpService::build) makes a client that follows
    /// none.
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

    pub(crate) fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>>
    where
        C: Service<reqwest::Request>,
        C::Error: Into<BoxError>,
    {
        self.client.poll_ready(cx).map_err(Into::into)
    }

    /// Sends a request. If the request could not be converted, the future is that error.
    pub(crate) fn send(
        &mut self,
        request: Result<reqwest::Request, reqwest::Error>,
        strict: bool,
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
        HttpFuture { state, strict }
    }
}

impl HttpService<reqwest::Client> {
    /// Builds a client that follows no redirects, whatever policy the builder has. It uses the builder's proxies. For a loopback
    /// address, use `builder.no_proxy()`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if reqwest cannot build the client.
    ///
    /// ```
    /// use tower_outbound_auth::TokenSource;
    /// use tower_outbound_auth::adapter::reqwest::HttpService;
    /// use tower_outbound_auth::system::ClientCredentials;
    ///
    /// # let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    /// # let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    /// # let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    /// # let builder = reqwest::Client::builder().tls_backend_preconfigured(tls);
    /// let client = HttpService::build(builder)?; // builder: a `reqwest::ClientBuilder`
    /// let scheme = ClientCredentials::new("https://auth.example/token", "id", "secret")?;
    /// let source = TokenSource::over_http(scheme, client);
    /// # let _ = source;
    /// # Ok::<_, tower_outbound_auth::BoxError>(())
    /// ```
    pub fn build(builder: ClientBuilder) -> Result<HttpService<reqwest::Client>, Error> {
        built(builder.redirect(Policy::none())).map(HttpService::new)
    }
}

impl<C, B> Service<http::Request<B>> for HttpService<C>
where
    C: Service<reqwest::Request, Response = reqwest::Response>,
    C::Error: Into<BoxError>,
    B: Body + Send + Sync + 'static,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = http::Response<ResponseBody>;
    type Error = BoxError;
    type Future = HttpFuture<C::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.poll_client(cx)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        self.send(request.map(into_body).try_into(), true)
    }
}

pin_project! {
    /// The response of [`HttpService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct HttpFuture<F> {
        #[pin]
        state: State<F>,
        // A response from another origin is an error.
        strict: bool,
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
        let this = self.project();
        match this.state.project() {
            StateProj::Calling { future, sent_to } => {
                let response = ready!(future.poll(cx)).map_err(Into::into)?;
                let response = from_reqwest(response, sent_to);
                let astray = Astray::of(response.extensions()).filter(|_| *this.strict);
                let error = astray.map(Astray::to_error);
                Poll::Ready(error.map_or(Ok(response), |error| Err(error.into())))
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

/// A body in memory stays in memory, so that reqwest can send it again by itself.
fn into_body<B>(body: B) -> reqwest::Body
where
    B: Body + Send + Sync + 'static,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    let mut body = Some(body);
    let any: &mut dyn Any = &mut body;
    if let Some(body) = any.downcast_mut::<Option<reqwest::Body>>().and_then(Option::take) {
        return body;
    }
    if let Some(text) = any.downcast_mut::<Option<String>>().and_then(Option::take) {
        return text.into();
    }
    if let Some(full) = any.downcast_mut::<Option<Full<Bytes>>>().and_then(Option::take) {
        return match full.collect().now_or_never() {
            Some(Ok(whole)) => whole.to_bytes().into(),
            // It is always ready, and never fails.
            _ => reqwest::Body::default(),
        };
    }
    body.take().map_or_else(reqwest::Body::default, reqwest::Body::wrap)
}
