//! Common hand-written solutions.

use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use tokio::sync::RwLock;
use tower::Service;
use tower_outbound_auth::Secret;
use tower_outbound_auth::scheme::Presentation;
use tower_outbound_auth::system::Rotating;

use super::{Body, token};

type Boxed<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// A token behind a `tokio::sync::RwLock`, formatted as a header value for each request. Something else
/// renews it.
#[derive(Clone)]
pub(crate) struct Formatting<I> {
    inner: I,
    token: Arc<RwLock<String>>,
}

impl<I> Formatting<I> {
    pub(crate) fn new(inner: I) -> Formatting<I> {
        Formatting { inner, token: Arc::new(RwLock::new(token())) }
    }
}

impl<I> Service<Request<Body>> for Formatting<I>
where
    I: Service<Request<Body>, Future: Send, Error: Send> + Clone + Send + 'static,
{
    type Response = I::Response;
    type Error = I::Error;
    type Future = Boxed<I::Response, I::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), I::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let (clone, token) = (self.inner.clone(), self.token.clone());
        let mut ready = mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let value = bearer(&token.read().await);
            request.headers_mut().insert(AUTHORIZATION, value);
            ready.call(request).await
        })
    }
}

/// A token in a `Mutex`, replaced by the token of each response.
#[derive(Clone)]
pub(crate) struct Rotated<I> {
    inner: I,
    token: Arc<Mutex<String>>,
    /// Verifies the response's token, if it is another one.
    verifier: Option<Arc<Rotating>>,
}

impl<I> Rotated<I> {
    pub(crate) fn new(inner: I, token: String) -> Rotated<I> {
        Rotated { inner, token: Arc::new(Mutex::new(token)), verifier: None }
    }

    pub(crate) fn verifying(self, scheme: Rotating) -> Rotated<I> {
        Rotated { verifier: Some(Arc::new(scheme)), ..self }
    }
}

impl<I, RB> Service<Request<Body>> for Rotated<I>
where
    I: Service<Request<Body>, Response = Response<RB>, Future: Send + 'static>,
{
    type Response = Response<RB>;
    type Error = I::Error;
    type Future = Boxed<Response<RB>, I::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), I::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let (token, verifier) = (self.token.clone(), self.verifier.clone());
        let value = bearer(&token.lock().unwrap());
        request.headers_mut().insert(AUTHORIZATION, value);
        let response = self.inner.call(request);
        Box::pin(async move {
            let response = response.await?;
            let value = response.headers().get(AUTHORIZATION);
            if let Some(text) = value.and_then(|value| value.to_str().ok()) {
                let text = text.strip_prefix("Bearer ").unwrap_or(text).to_owned();
                let authentic = |scheme: Arc<Rotating>| scheme.is_authentic(&Secret::from(&*text));
                if verifier.is_none_or(|it| *token.lock().unwrap() == text || authentic(it)) {
                    *token.lock().unwrap() = text;
                }
            }
            Ok(response)
        })
    }
}

fn bearer(token: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("Bearer {token}")).unwrap()
}
