//! The service between [`Auth`](crate::Auth) and the client. It keeps the parts of a request that `http`'s types cannot have.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use reqwest::Url;
use tower_service::Service;

use crate::adapter::reqwest::http_service::{HttpFuture, HttpService};
use crate::adapter::reqwest::response::{Astray, ResponseBody};
use crate::auth::config::Shared;
use crate::clock::Now;
use crate::error::{BoxError, Error};

/// The client, for one request. The request may be sent twice, and has one URL and one timeout for both.
///
/// If redirects have led to another origin than the credential's, the result is [`CrossOriginRedirect`]. Then the response is
/// not inspected: no token is renewed or adopted because of it.
pub(crate) struct SameOriginClient<C> {
    client: HttpService<C>,
    shared: Arc<Shared>,
    url: Url,
    deadline: Option<Deadline>,
}

/// When the request's own timeout ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Now);

impl Deadline {
    pub(crate) fn left(self, now: Now) -> Duration {
        self.0.since(now)
    }
}

impl<C> SameOriginClient<C> {
    pub(crate) fn new(
        client: C,
        shared: Arc<Shared>,
        request: &reqwest::Request,
    ) -> SameOriginClient<C> {
        let deadline = request.timeout().map(|timeout| Deadline(shared.core.now() + *timeout));
        SameOriginClient {
            client: HttpService::new(client),
            shared,
            url: request.url().clone(),
            deadline,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }
}

impl<C, B> Service<http::Request<B>> for SameOriginClient<C>
where
    C: Service<reqwest::Request, Response = reqwest::Response>,
    C::Error: Into<BoxError>,
    B: Into<reqwest::Body>,
{
    type Response = http::Response<ResponseBody>;
    type Error = BoxError;
    type Future = SameOriginFuture<C::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.client.poll_client(cx)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let request = reqwest::Request::try_from(request).map(|mut request| {
            // The URL has its fragment. The URI has none.
            request.url_mut().clone_from(&self.url);
            if let Some(deadline) = self.deadline {
                *request.timeout_mut() = Some(deadline.left(self.shared.core.now()));
            }
            request
        });
        SameOriginFuture { future: self.client.send(request, false), shared: self.shared.clone() }
    }
}

impl<C: Clone> Clone for SameOriginClient<C> {
    fn clone(&self) -> SameOriginClient<C> {
        SameOriginClient {
            client: self.client.clone(),
            shared: self.shared.clone(),
            url: self.url.clone(),
            deadline: self.deadline,
        }
    }
}

pin_project! {
    /// The response of [`SameOriginClient`].
    pub(crate) struct SameOriginFuture<F> {
        #[pin]
        future: HttpFuture<F>,
        shared: Arc<Shared>,
    }
}

impl<F, E> Future for SameOriginFuture<F>
where
    F: Future<Output = Result<reqwest::Response, E>>,
    E: Into<BoxError>,
{
    type Output = Result<http::Response<ResponseBody>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.future.poll(cx))?;
        let is_ours = |uri| this.shared.config.guard.is_ours(uri);
        Poll::Ready(match Astray::of(response.extensions()) {
            None => Ok(response),
            Some(Astray::Redirected(uri)) if is_ours(uri) => Ok(response),
            Some(astray) => {
                let error = astray.to_error();
                Err(CrossOriginRedirect { response, error }.into())
            }
        })
    }
}

/// A response from another origin or through a proxy. As an error it passes [`Auth`](crate::Auth) without inspection.
pub(crate) struct CrossOriginRedirect {
    pub(crate) response: http::Response<ResponseBody>,
    /// The result for the caller of a request with a credential.
    pub(crate) error: Error,
}

impl std::error::Error for CrossOriginRedirect {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl fmt::Display for CrossOriginRedirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redirected to another origin, or sent through a proxy")
    }
}

impl fmt::Debug for CrossOriginRedirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CrossOriginRedirect(…)")
    }
}
