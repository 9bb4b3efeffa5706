//! The floors: other layers that our costs are compared with.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower::retry::{Policy, Retry};
use tower::{Layer, Service};
use tower_http::auth::AddAuthorizationLayer;

use super::{Body, token};

/// Row `c1`.
pub(crate) fn c1<I>(
    inner: I,
) -> impl Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync
where
    I: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync,
{
    AddAuthorizationLayer::bearer(&token()).layer(inner)
}

/// Row `c2`.
pub(crate) fn c2<I>(
    inner: I,
) -> impl Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync
where
    I: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync,
{
    Look(c1(inner))
}

/// Row `c3`.
pub(crate) fn c3<I>(
    inner: I,
) -> impl Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync
where
    I: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync,
{
    Retry::new(Once, inner)
}

#[derive(Clone, Copy)]
struct Look<I>(I);

impl<I: Service<Request<Body>, Response = Response<Body>>> Service<Request<Body>> for Look<I> {
    type Response = Response<Body>;
    type Error = I::Error;
    type Future = Looking<I::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), I::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Looking { inner: self.0.call(request), refused: false }
    }
}

pin_project! {
    struct Looking<F> {
        #[pin]
        inner: F,
        refused: bool,
    }
}

impl<F: Future<Output = Result<Response<Body>, E>>, E> Future for Looking<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        match this.inner.poll(cx) {
            Poll::Ready(Ok(response)) if response.status() == StatusCode::UNAUTHORIZED => {
                *this.refused = true;
                Poll::Ready(Ok(response))
            }
            other => other,
        }
    }
}

/// Retries a refused request once.
#[derive(Clone, Copy)]
struct Once;

impl<E> Policy<Request<Body>, Response<Body>, E> for Once {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<Body>,
        result: &mut Result<Response<Body>, E>,
    ) -> Option<Ready<()>> {
        let refused =
            result.as_ref().is_ok_and(|answer| answer.status() == StatusCode::UNAUTHORIZED);
        refused.then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        Some(request.clone())
    }
}
