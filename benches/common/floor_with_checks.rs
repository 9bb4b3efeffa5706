//! A hand-written layer with the same checks as ours: the least that these checks cost.
//!
//! Its hot path checks the request's origin and `Host`, takes a token that may change (one `try_lock`), checks by
//! both clocks whether it has expired, and checks the response for a refusal of HTTP or gRPC. It panics where our
//! layer would wait, renew or send again.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http::header::{AUTHORIZATION, CONNECTION, HOST};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower::Service;
use tower_outbound_auth::BoxError;
use tower_outbound_auth::clock::{Clock, SystemClock};

use super::{Body, token};

static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Up to this many headers are compared one by one.
const FEW: usize = 8;

struct Token {
    value: HeaderValue,
    ends_at: u64,
    generation: u64,
}

struct Shared {
    https: bool,
    authority: String,
    token: Mutex<Token>,
    /// The generation of the refused token.
    suspect: AtomicU64,
}

#[derive(Clone)]
struct Checked<I> {
    inner: I,
    shared: Arc<Shared>,
    /// The monotonic clock and the wall clock.
    now: fn() -> (u64, u64),
}

/// The layer for the API of all benches, with clocks that do not move.
pub(crate) fn checked<I, RB>(inner: I) -> impl Service<Request<Body>> + Clone
where
    I: Service<Request<Body>, Response = Response<RB>, Error: Into<BoxError>> + Clone,
{
    layer(inner, true, "api.example".into(), || (1, 1))
}

/// The layer for a server of this machine, with the machine's clocks.
pub(crate) fn checked_at<I, RB>(
    address: SocketAddr,
    inner: I,
) -> impl Service<Request<Body>, Response = Response<RB>, Error = BoxError> + Clone
where
    I: Service<Request<Body>, Response = Response<RB>, Error: Into<BoxError>> + Clone,
{
    layer(inner, false, address.to_string(), || {
        let now = SystemClock::new().now();
        (now.monotonic().as_nanos() as u64, now.since_epoch().as_nanos() as u64)
    })
}

fn layer<I>(inner: I, https: bool, authority: String, now: fn() -> (u64, u64)) -> Checked<I> {
    let value = HeaderValue::try_from(format!("Bearer {}", token())).unwrap();
    let token = Mutex::new(Token { value, ends_at: u64::MAX, generation: 1 });
    let shared = Shared { https, authority, token, suspect: AtomicU64::new(0) };
    Checked { inner, shared: Arc::new(shared), now }
}

impl<I, RB> Service<Request<Body>> for Checked<I>
where
    I: Service<Request<Body>, Response = Response<RB>, Error: Into<BoxError>>,
{
    type Response = Response<RB>;
    type Error = BoxError;
    type Future = Checking<I::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let Shared { https, authority, token, .. } = &*self.shared;
        let headers = request.headers();
        let is_ours = !matches!(*request.method(), Method::TRACE | Method::CONNECT)
            && request.extensions().is_empty()
            && match *https {
                true => request.uri().scheme_str() == Some("https"),
                false => request.uri().scheme_str() == Some("http"),
            }
            && request.uri().authority().is_some_and(|it| is_same(it.as_str(), authority))
            && headers.len() <= FEW
            && !headers.keys().any(|name| *name == HOST || *name == CONNECTION);
        if !is_ours {
            not_the_hot_path();
        }
        let (mono, wall) = (self.now)();
        let Ok(token) = token.try_lock() else { not_the_hot_path() };
        if mono >= token.ends_at || wall >= token.ends_at {
            not_the_hot_path();
        }
        let (value, generation) = (token.value.clone(), token.generation);
        drop(token);
        let shared = Some(self.shared.clone());
        request.headers_mut().insert(AUTHORIZATION, value);
        Checking { inner: self.inner.call(request), shared, generation, sent: mono }
    }
}

pin_project! {
    struct Checking<F> {
        #[pin]
        inner: F,
        shared: Option<Arc<Shared>>,
        generation: u64,
        sent: u64,
    }
}

impl<F, RB, E> Future for Checking<F>
where
    F: Future<Output = Result<Response<RB>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<RB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.inner.poll(cx) {
            Poll::Ready(Ok(response)) => {
                let headers = response.headers();
                let refused = match response.status() {
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => true,
                    StatusCode::OK => {
                        headers.len() > FEW || headers.keys().any(|name| *name == GRPC_STATUS)
                    }
                    _ => false,
                };
                let shared = this.shared.take();
                let is_suspect = |shared: Arc<Shared>| {
                    shared.suspect.load(Ordering::Relaxed) == *this.generation
                };
                if refused || shared.is_some_and(is_suspect) {
                    not_the_hot_path();
                }
                Poll::Ready(Ok(response))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[inline(always)]
fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    one.len() == other.len()
        && match one.len() {
            8..=16 => {
                one.first_chunk::<8>() == other.first_chunk::<8>()
                    && one.last_chunk::<8>() == other.last_chunk::<8>()
            }
            _ => one == other,
        }
}

#[cold]
#[inline(never)]
fn not_the_hot_path() -> ! {
    panic!("the bench has left the hot path");
}
