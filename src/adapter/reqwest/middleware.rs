//! The layer in a chain of `reqwest_middleware`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Extensions;
use reqwest::{Body, Request, Response};
use reqwest_middleware::{ClientWithMiddleware, Error, Middleware, Next, Result};
use tokio::sync::Mutex;
use tower_layer::Layer;
use tower_service::Service;

use crate::auth::layer::AuthLayer;
use crate::auth::policy::Exempt;
use crate::auth::service::Auth;
use crate::error::BoxError;
use crate::replay::Replay;
use crate::replay::strategies::{Off, Same};
use crate::scheme::presentation::Presentation;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An [`AuthLayer`] as a middleware of `reqwest_middleware`. The layer's promises hold for the part of the chain below it.
///
/// Put retries, traces and caches above it, which in a `ClientBuilder` means before it. A middleware below it sees the
/// credential, and sees two requests if a refused one is sent again. Build the `reqwest::Client` with the policy of
/// [`AuthLayer::reqwest_redirects`]. A client whose redirects are unknown is an error
/// ([`ErrorKind::Configuration`](crate::ErrorKind::Configuration)).
///
/// A request is exempt if it is sent `with_extension(Exempt)`. The strategies [`Same`] and [`Off`] can be used.
///
/// ```
/// use tower_outbound_auth::adapter::reqwest::AuthMiddleware;
/// # use tower_outbound_auth::{AuthLayer, BoxError, Origin, TokenSource};
/// # use tower_outbound_auth::system::HeaderScheme;
/// # let source = TokenSource::fixed(HeaderScheme::bearer(), "abc")?;
/// # let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
/// # let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
/// # let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
/// # let builder = reqwest::Client::builder().tls_backend_preconfigured(tls);
/// let auth = AuthLayer::new(source).with_origin(Origin::parse("https://api.example")?);
/// let client = builder.redirect(auth.reqwest_redirects()).build()?;
/// let client = reqwest_middleware::ClientBuilder::new(client)
///     // .with(retries and other middlewares)
///     .with(AuthMiddleware::new(&auth))
///     .build();
/// # let _ = client;
/// # Ok::<_, BoxError>(())
/// ```
///
/// # Errors
///
/// The errors of the chain below and of reqwest are not changed. Those of this crate are an
/// [`Error`](crate::Error) in `reqwest_middleware::Error::Middleware`, where
/// [`Error::find`](crate::Error::find) finds them.
///
/// # Cancel safety
///
/// A call may be dropped at any time. An exchange that it has started goes on.
#[derive(Clone, Debug)]
pub struct AuthMiddleware<R = Same> {
    auth: Auth<(), R>,
}

impl<R: Clone> AuthMiddleware<R> {
    /// A middleware that shares its source with `layer`, and with the services of that layer.
    #[must_use]
    pub fn new<P: Presentation + ?Sized>(layer: &AuthLayer<P, R>) -> AuthMiddleware<R> {
        AuthMiddleware { auth: layer.layer(()) }
    }

    /// Sends one request through the layer and the rest of the chain.
    async fn run(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response>
    where
        R: Replay<Body>,
        R::Body: Into<Body>,
    {
        if extensions.get::<Exempt>().is_some() {
            return next.run(request, extensions).await;
        }
        let extensions = Mutex::new(extensions);
        let chain = Chain { next, extensions: &extensions };
        let (shared, replay) = (self.auth.shared.clone(), self.auth.replay.clone());
        Auth::new(chain, shared, replay).call(request).await.map_err(into_error)
    }
}

impl<P: Presentation + ?Sized, R: Clone> AuthLayer<P, R>
where
    AuthMiddleware<R>: Middleware,
{
    /// (Feature `reqwest-middleware`.) A client to write with as with reqwest's own: `client.get(url).send()` has the
    /// credential.
    ///
    /// It has no other middleware. The builder is treated as by [`reqwest`](AuthLayer::reqwest): redirects send the credential to
    /// the layer's origins only. There is no way to reach the client below it, so no request goes out without the credential
    /// by accident. For other middlewares, see [`AuthMiddleware`]: those that
    /// [`ClientBuilder::from_client`](reqwest_middleware::ClientBuilder::from_client) adds would be below this one, and see the
    /// credential.
    ///
    #[cfg_attr(all(feature = "client", feature = "test-util"), doc = "```")]
    #[cfg_attr(not(all(feature = "client", feature = "test-util")), doc = "```ignore")]
    /// use tower_outbound_auth::AuthLayer;
    /// use tower_outbound_auth::testkit::AtlasServer;
    ///
    /// # let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    /// # let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    /// # let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    /// # let builder = reqwest::Client::builder().tls_backend_preconfigured(tls);
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let server = AtlasServer::start().await?;
    /// let auth = AuthLayer::atlas(server.endpoint(), server.client_id(), server.client_secret())?;
    /// let api = auth.reqwest_client(builder)?; // builder: a `reqwest::ClientBuilder`
    ///
    /// let response = api.post(server.url("/orders")).body("two chairs").send().await?;
    /// assert_eq!(response.error_for_status()?.status(), 200);
    /// # Ok::<_, tower_outbound_auth::BoxError>(()) })?;
    /// # Ok::<_, tower_outbound_auth::BoxError>(())
    /// ```
    ///
    /// `.json()`, `.query()`, `.form()` and `.multipart()` are features of the crate reqwest-middleware. To switch them on, make
    /// it a dependency of your own:
    ///
    /// ```toml
    /// reqwest-middleware = { version = "0.5", features = ["json"] }
    /// ```
    ///
    /// A redirect to another origin is not followed: the response is the 3xx, and `error_for_status` takes it as a success.
    /// [`Foreign::SendUnauthenticated`](crate::Foreign::SendUnauthenticated) does not change this.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if reqwest cannot build the client.
    ///
    /// The error of `send()` is a [`reqwest_middleware::Error`], where [`Error::find`](crate::Error::find) finds ours. Print it
    /// with `{}`: with `{:?}`, ours may have several lines, and has a backtrace if `RUST_BACKTRACE` is set.
    pub fn reqwest_client(
        &self,
        builder: reqwest::ClientBuilder,
    ) -> std::result::Result<ClientWithMiddleware, crate::error::Error> {
        let client = self.safe_client(builder)?;
        Ok(reqwest_middleware::ClientBuilder::new(client).with(AuthMiddleware::new(self)).build())
    }
}

/// One implementation for each strategy, because a bound cannot say that the futures of all strategies are `Send`.
macro_rules! middleware {
    ($replay:ty) => {
        impl Middleware for AuthMiddleware<$replay> {
            fn handle<'life0, 'life1, 'life2, 'async_trait>(
                &'life0 self,
                request: Request,
                extensions: &'life1 mut Extensions,
                next: Next<'life2>,
            ) -> BoxFuture<'async_trait, Result<Response>>
            where
                Self: 'async_trait,
                'life0: 'async_trait,
                'life1: 'async_trait,
                'life2: 'async_trait,
            {
                Box::pin(self.run(request, extensions, next))
            }
        }
    };
}

middleware!(Same);
middleware!(Off);

/// The rest of the chain, as a client. It is called twice if a request is sent again, and both calls use the same extensions.
/// The calls are never at the same time, so nobody waits for the lock.
#[derive(Clone)]
struct Chain<'a, 'e> {
    next: Next<'a>,
    extensions: &'a Mutex<&'e mut Extensions>,
}

impl<'a, 'e> Service<Request> for Chain<'a, 'e> {
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'a, Result<Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Chain { next, extensions } = self.clone();
        Box::pin(async move {
            let mut extensions = extensions.lock().await;
            next.run(request, &mut extensions).await
        })
    }
}

/// The chain's own errors are not changed.
fn into_error(error: BoxError) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(error) => return *error,
        Err(error) => error,
    };
    let error = match error.downcast::<reqwest::Error>() {
        Ok(error) => return Error::Reqwest(*error),
        Err(error) => error,
    };
    match error.downcast::<crate::error::Error>() {
        Ok(ours) => Error::middleware(*ours),
        Err(error) => Error::middleware(io::Error::other(error)),
    }
}
