//! The layer, and its service.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Response;
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::auth::inspect::future::InspectFuture;
use crate::auth::inspect::options::Options;
use crate::auth::inspect::peeked::Peeked;
use crate::scheme::response::ResponseHead;

/// Lets a [`Judge`](crate::scheme::Judge) see the beginning of a response's body, for APIs that say only there that a
/// token has expired. It stands *below* [`AuthLayer`](crate::AuthLayer).
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::{BodyExt, Full};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
/// use tower_outbound_auth::exchange::{self, Issued};
/// use tower_outbound_auth::scheme::{Judge, Verdict};
/// use tower_outbound_auth::system::HeaderScheme;
/// use tower_outbound_auth::{AuthLayer, BoxError, InspectBodyLayer, Origin, TokenSource};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// // Tokens are numbers. The API does not know the first token any more, and says so in a 200.
/// let numbers = std::sync::atomic::AtomicU32::new(1);
/// let next = move || numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
/// let tokens = exchange::from_fn(move || std::future::ready(Ok(Issued::new(next()))));
/// let api = service_fn(|request: Request<Full<Bytes>>| async move {
///     let body = match request.headers()["authorization"] == "Bearer 1" {
///         true => r#"{"error":"invalid_session"}"#,
///         false => r#"{"orders":[]}"#,
///     };
///     Ok::<_, BoxError>(Response::new(Full::new(Bytes::from(body))))
/// });
///
/// let judge = Judge::new(|response| {
///     let error = response.body_member("/error");
///     match response.is_refusal() || error.is_some_and(|code| code == "invalid_session") {
///         true => Verdict::Refused,
///         false => Verdict::Accepted,
///     }
/// });
/// let auth = AuthLayer::new(TokenSource::new(HeaderScheme::bearer(), tokens))
///     .with_origin(Origin::parse("https://api.example")?)
///     .with_judge(judge);
/// let client = ServiceBuilder::new()
///     .layer(auth)
///     .layer(InspectBodyLayer::new(|response| response.status == 200))
///     .service(api);
///
/// let request = Request::get("https://api.example/orders").body(Full::default())?;
/// let response = client.oneshot(request).await?;
/// assert_eq!(response.into_body().collect().await?.to_bytes(), r#"{"orders":[]}"#);
/// # Ok::<_, BoxError>(()) })?;
/// # Ok::<_, BoxError>(())
/// ```
///
/// # What it does
///
/// - The predicate of [`new`](InspectBodyLayer::new) chooses responses by their head. Other responses pass at once:
///   no timer, no allocation.
/// - Of a chosen response it reads at most 4 KiB of the body, and waits at most 50 ms for them. A judge gets what was
///   read by [`ResponseHead::body_excerpt`] and [`ResponseHead::body_member`].
/// - The caller gets the whole body: its type is [`Peeked`], and it continues to stream. If the body fails while it is
///   read here, the caller gets the response, and that error when it reads the body.
///
/// These responses are never read, so they have no excerpt:
///
/// | response | because |
/// |---|---|
/// | an event stream (`text/event-stream`), gRPC | it may pause at any time |
/// | one with a `Content-Encoding` | a judge cannot read it. Put this layer *above* decompression |
/// | one whose body is known to be empty | there is nothing to read |
///
/// Any other body that pauses delays its response by 50 ms at most. So choose few responses: by their status, say.
///
/// # Where it is possible
///
/// Below this layer is a service from `http::Request` to `http::Response`, such as hyper's clients. The excerpt is
/// for all layers above that have a judge. For reqwest, put it over `adapter::reqwest::HttpService`; the clients of
/// `AuthLayer::reqwest` and `AuthMiddleware` have no room for a layer below, and their judges get no excerpt. For
/// tonic it has no use: gRPC says `UNAUTHENTICATED` in the head.
///
/// The body of a response must be [`Unpin`], as for [`Auth`](crate::Auth).
///
/// # Secrets
///
/// The excerpt stays in the extensions of the response, in a private type. Its `Debug` shows its length alone. It has
/// nothing that the caller does not get in the body.
#[derive(Clone)]
pub struct InspectBodyLayer {
    options: Options,
}

impl InspectBodyLayer {
    /// Inspects the responses for which `predicate` returns true. It is called for every response, and must not
    /// panic.
    #[must_use]
    pub fn new(
        predicate: impl Fn(ResponseHead<'_>) -> bool + Send + Sync + 'static,
    ) -> InspectBodyLayer {
        InspectBodyLayer { options: Options::new(Arc::new(predicate)) }
    }

    /// How many bytes of a body are read. Default: 4 KiB, enough for the body of an error. At most 64 KiB, because
    /// each inspected response may hold this much memory; a larger limit counts as 64 KiB.
    #[must_use]
    pub fn with_limit(mut self, bytes: usize) -> InspectBodyLayer {
        self.options.set_limit(bytes);
        self
    }

    /// How long a body is waited for, from the first pause after the head. Default: 50 ms. The rest of a short body
    /// comes sooner, and a stream is not delayed noticeably. With zero, only what is there at once is read.
    ///
    /// The wait uses tokio's timer. In a runtime without a timer, nothing is waited for.
    #[must_use]
    pub fn with_wait(mut self, wait: Duration) -> InspectBodyLayer {
        self.options.wait = wait;
        self
    }
}

impl<I> Layer<I> for InspectBodyLayer {
    type Service = InspectBody<I>;

    fn layer(&self, inner: I) -> InspectBody<I> {
        InspectBody { inner, options: Arc::new(self.options.clone()) }
    }
}

impl fmt::Debug for InspectBodyLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InspectBodyLayer").field(&self.options).finish()
    }
}

/// Reads the beginning of some bodies. [`InspectBodyLayer`] makes it.
///
/// # Errors
///
/// Those of the inner service, unwrapped.
///
/// # Cancel safety
///
/// A call may be dropped at any time. A response whose body is being read is dropped with it.
#[derive(Clone)]
pub struct InspectBody<I> {
    inner: I,
    options: Arc<Options>,
}

impl<I, Q, RB> Service<Q> for InspectBody<I>
where
    I: Service<Q, Response = Response<RB>>,
    RB: Body + Unpin,
{
    type Response = Response<Peeked<RB>>;
    type Error = I::Error;
    type Future = InspectFuture<I::Future, RB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), I::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Q) -> Self::Future {
        InspectFuture::new(self.inner.call(request), self.options.clone())
    }
}

impl<I: fmt::Debug> fmt::Debug for InspectBody<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InspectBody")
            .field("inner", &self.inner)
            .field("options", &self.options)
            .finish()
    }
}
