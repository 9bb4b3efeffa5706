//! An API that sends a token with each response, and this crate's layer for it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request, Response};
use serde_json::json;
use sha2::Sha256;
use tower::{Service, service_fn};
use tower_outbound_auth::clock::{Clock, SystemClock};
use tower_outbound_auth::endpoint::{ExchangeAnswer, ExchangeRequest, Grant, RequestContext, Step};
use tower_outbound_auth::exchange::{ExchangeError, Identity};
use tower_outbound_auth::scheme::{Adopt, InvalidToken, Presentation, Rotation};
use tower_outbound_auth::system::Rotating;
use tower_outbound_auth::{AuthLayer, BoxError, Credential, Secret, TokenSource};

use super::{Body, ours};

const SECRET: &str = "a-client-secret-of-some-length";

/// Like `Api`, but also sends a token.
#[derive(Clone)]
pub(crate) struct HandsOut {
    tokens: &'static [HeaderValue],
    /// How many tokens were sent.
    newest: &'static Lineage,
    every: usize,
    served: usize,
}

/// In cache lines of its own, so that two threads do not slow down the data beside it.
#[derive(Default)]
#[repr(align(128))]
struct Lineage(AtomicUsize);

impl HandsOut {
    /// The same token in each response.
    pub(crate) fn always(token: &str) -> HandsOut {
        HandsOut::one_in(usize::MAX, &[token.to_owned()])
    }

    /// A newer token after this many requests through a clone of the service.
    pub(crate) fn one_in(every: usize, tokens: &[String]) -> HandsOut {
        // Static, because a reference count shared by all responses would cost more than what is
        // measured.
        let value = |token: &String| HeaderValue::from_static(format!("Bearer {token}").leak());
        let tokens = tokens.iter().map(value).collect::<Vec<_>>().leak();
        HandsOut { tokens, newest: Box::leak(Box::default()), every, served: 0 }
    }

    /// How many different tokens were sent.
    pub(crate) fn handed_out(&self) -> usize {
        self.newest.0.load(Ordering::Relaxed) + 1
    }
}

impl Service<Request<Body>> for HandsOut {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline(never)]
    fn call(&mut self, request: Request<Body>) -> Self::Future {
        drop(std::hint::black_box(request));
        self.served += 1;
        if self.served.is_multiple_of(self.every) {
            self.newest.0.fetch_add(1, Ordering::Relaxed);
        }
        let token = &self.tokens[self.newest.0.load(Ordering::Relaxed) % self.tokens.len()];
        let mut response = Response::new(Body::default());
        response.headers_mut().insert(AUTHORIZATION, token.clone());
        ready(Ok(response))
    }
}

/// The preset's scheme. It counts the signatures that it checks.
pub(crate) struct Counting {
    scheme: Rotating,
    pub(crate) verified: AtomicUsize,
}

impl Grant for Counting {
    fn identity(&self) -> Identity {
        self.scheme.identity()
    }

    fn credentials(&self) -> &[Credential] {
        self.scheme.credentials()
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        self.scheme.request(cx)
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        self.scheme.read(answer)
    }
}

impl Presentation for Counting {
    fn header_name(&self) -> &HeaderName {
        self.scheme.header_name()
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        self.scheme.header_value(token, None)
    }

    fn rotation(&self) -> Option<&Rotation> {
        self.scheme.rotation()
    }

    fn is_authentic(&self, token: &Secret) -> bool {
        self.verified.fetch_add(1, Ordering::Relaxed);
        self.scheme.is_authentic(token)
    }
}

pub(crate) fn scheme() -> Rotating {
    Rotating::new("https://api.example", "key", SECRET).unwrap()
}

/// A layer whose exchange has brought `first`.
pub(crate) fn layer(adopt: Adopt, clock: impl Clock, first: String) -> AuthLayer<Counting> {
    let endpoint = service_fn(move |_: Request<Body>| {
        let body = Bytes::from(json!(first).to_string());
        async { Ok::<_, BoxError>(Response::new(Body::new(body))) }
    });
    let scheme = Counting { scheme: scheme().adopt(adopt), verified: AtomicUsize::new(0) };
    let layer = ours::over(TokenSource::over_http(scheme, endpoint))
        .rebuild_source(|source| source.clock(clock));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(layer.source().token()).unwrap();
    layer
}

/// A token that was issued now, lives for an hour, and has about this length.
pub(crate) fn jwt(number: usize, length: usize) -> String {
    let iat = SystemClock::new().now().since_epoch().as_secs();
    let padding = "p".repeat((length * 3 / 4).saturating_sub(160));
    let claims = json!({
        "iss": "issuer", "sub": "subject", "aud": "api",
        "iat": iat, "exp": iat + 3_600, "jti": number.to_string(), "padding": padding,
    });
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", part(r#"{"alg":"HS256"}"#), part(&claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}
