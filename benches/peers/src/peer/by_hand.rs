//! Hand-written: a token behind an async lock, and a boxed future that formats the header for each
//! request.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use tokio::sync::{Mutex, RwLock};
use tower::Service;

use super::{LIFE, row};
use crate::common::{Api, Body, token};
use crate::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("by hand, tokio RwLock", || {
            let token = Arc::new(RwLock::new(Token::new()));
            ByHand {
                inner: Api,
                header: move || {
                    let token = token.clone();
                    async move { token.read().await.header() }
                },
            }
        }),
        row("by hand, tokio Mutex", || {
            let token = Arc::new(Mutex::new(Token::new()));
            ByHand {
                inner: Api,
                header: move || {
                    let token = token.clone();
                    async move { token.lock().await.header() }
                },
            }
        }),
    ]
}

struct Token {
    value: String,
    ends: Instant,
}

impl Token {
    fn new() -> Token {
        Token { value: token(), ends: Instant::now() + LIFE }
    }

    fn header(&self) -> HeaderValue {
        assert!(Instant::now() < self.ends, "here it would be renewed");
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.value)).unwrap();
        value.set_sensitive(true);
        value
    }
}

#[derive(Clone)]
struct ByHand<S, F> {
    inner: S,
    header: F,
}

impl<S, F, H> Service<Request<Body>> for ByHand<S, F>
where
    S: Service<Request<Body>> + Clone + Send + 'static,
    S::Future: Send,
    F: Fn() -> H,
    H: Future<Output = HeaderValue> + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // The service that was polled ready must be the one that is called.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let header = (self.header)();
        Box::pin(async move {
            request.headers_mut().insert(AUTHORIZATION, header.await);
            inner.call(request).await
        })
    }
}
