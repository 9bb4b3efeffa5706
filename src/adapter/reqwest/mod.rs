//! reqwest and `reqwest_middleware`, which have their own types of requests and responses.
//!
//! | | what it is | when to use it |
//! |---|---|---|
//! | `AuthLayer::reqwest_client` (feature `reqwest-middleware`) | a client to write with as with reqwest's own: `api.get(url).send()` | the code uses no tower |
//! | [`AuthLayer::reqwest`] | builds a client from a `ClientBuilder`, and puts the layer over it | whenever possible: redirects cannot send the credential to another origin |
//! | `layer.layer(client)` | the layer over a [`reqwest::Client`], a `ClientWithMiddleware`, or layers of tower around them | the client is made elsewhere, or there is more between layer and client; give the builder [`AuthLayer::reqwest_redirects`] |
//! | `AuthMiddleware` (feature `reqwest-middleware`) | the layer as a middleware | the callers hold a `ClientWithMiddleware` |
//! | [`HttpService`] | a client as a service of `http`'s types, for the layer and layers of tower-http, or for a token endpoint | the stack uses tower and tower-http; or [`TokenSource::over_http`](crate::TokenSource::over_http) shall use reqwest |
//!
//! The second and the third are a `tower::Service` of [`reqwest::Request`]. Make a request with the client, up to `build()`, and send it
//! with the service. A request that the client itself sends, by `send()`, has no credential.
//!
#![cfg_attr(all(feature = "client", feature = "test-util"), doc = "```")]
#![cfg_attr(not(all(feature = "client", feature = "test-util")), doc = "```ignore")]
//! use tower::{Service, ServiceExt};
//! use tower_outbound_auth::testkit::AtlasServer;
//! use tower_outbound_auth::{AuthLayer, Recovery};
//!
//! # let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
//! # let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
//! # let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
//! # let builder = reqwest::Client::builder().tls_backend_preconfigured(tls);
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let server = AtlasServer::start().await?;
//! let auth = AuthLayer::atlas(server.endpoint(), server.client_id(), server.client_secret())?;
//! let mut api = auth.reqwest(builder)?; // builder: a `reqwest::ClientBuilder`
//!
//! for revoked in [false, true] {
//!     if revoked {
//!         server.revoke_tokens();
//!     }
//!     let request = api.get_ref().post(server.url("/v1/documents")).body("a document").build()?;
//!     let response: reqwest::Response = api.ready().await?.call(request).await?;
//!     assert_eq!(response.status(), 200);
//!     assert_eq!(response.extensions().get() == Some(&Recovery::Replayed), revoked);
//! }
//! assert_eq!(auth.source().status().counters.exchanges(), 2);
//! # Ok::<_, tower_outbound_auth::BoxError>(()) })?;
//! # Ok::<_, tower_outbound_auth::BoxError>(())
//! ```
//!
//! # Redirects
//!
//! A reqwest client follows redirects by itself, below the layer, to any origin. If the origin changes, it removes
//! `Authorization` and no other header: a `Token`, an `X-Api-Key` or a `DPoP` is sent there.
//!
//! 1. A client with the policy of [`AuthLayer::reqwest_redirects`] follows a redirect only to the origin that it
//!    came from, and only if that is one of the layer's. Otherwise the caller gets the 3xx answer.
//! 2. The policy of a client that was built elsewhere cannot be read. So if nobody has called
//!    [`AuthLayer::reqwest_redirects`], the layer does not send, and the error is [`ErrorKind::Configuration`]. With
//!    [`AuthLayer::danger_own_reqwest_client`] you say that the client is safe.
//! 3. If the client is not safe, the final URL shows that an answer is from another origin. The credential may have been sent
//!    there. The call fails with [`ErrorKind::SentElsewhere`], and no token is renewed or adopted because of the answer. (The
//!    layer does not notice redirects that lead back to the layer's origin, or that end in an error of reqwest's.)
//! 4. Requests that are sent without the credential are not checked.
//! 5. A middleware may send a request to another origin than the request names. That counts as a redirect. Allow the origin by
//!    [`with_origin`](crate::AuthLayer::with_origin). A middleware that makes a response itself (in a test, say) must give it a
//!    URL, by [`ResponseBuilderExt::url`](reqwest::ResponseBuilderExt::url). A response without a URL counts as one from another
//!    origin.
//!
//! With `FollowRedirect` above the layer and no redirects below it, other origins can be visited without the
//! credential:
//!
//! ```
//! use tower::ServiceBuilder;
//! use tower_http::follow_redirect::FollowRedirectLayer;
//! use tower_outbound_auth::adapter::reqwest::HttpService;
//! use tower_outbound_auth::{Foreign, assert_accepts};
//!
//! # use tower_outbound_auth::{AuthLayer, BoxError, TokenSource};
//! # use tower_outbound_auth::system::HeaderScheme;
//! # let auth = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc")?);
//! # let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
//! # let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
//! # let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
//! # let builder = reqwest::Client::builder().tls_backend_preconfigured(tls);
//! let service = ServiceBuilder::new()
//!     .layer(FollowRedirectLayer::new())
//!     .layer(auth.with_foreign(Foreign::SendUnauthenticated))
//!     .service(HttpService::build(builder)?);
//! assert_accepts::<reqwest::Body>(&service);
//! # Ok::<_, BoxError>(())
//! ```
//!
//! # Proxies
//!
//! reqwest uses the proxies of the environment by itself, also for a loopback address if `NO_PROXY` does not name it. A proxy
//! sees all of a request over plain http. Of a request over https it sees only the name of the host.
//!
//! - A client of [`AuthLayer::reqwest`] uses no proxy at all if one of the layer's origins is a loopback
//!   address.
//! - A client with the policy of [`AuthLayer::reqwest_redirects`] is refused with [`ErrorKind::Configuration`] for a
//!   loopback address for which the environment names a proxy.
//! - If any other client (also one of [`HttpService::build`]) has sent a request with a credential to a loopback address
//!   through a proxy, the address of the response shows it. The call fails with [`ErrorKind::SentElsewhere`].
//!   Build such a client with [`no_proxy`](reqwest::ClientBuilder::no_proxy).
//!
//! # What is carried over
//!
//! - **Bodies** in memory are shared, whatever their size. Streams are sent again like boxed ones: up to
//!   64 KiB of what was sent is kept ([`Same`](crate::replay::Same)).
//! - **A request's own timeout** starts with the call, so the wait for a token is part of it. If it ends during that wait, the
//!   error is [`ErrorKind::Timeout`]. A second sending has the time that the first one left. A timeout of the client
//!   (`ClientBuilder::timeout`) is not known here, and starts again for each sending.
//! - **Responses** are the client's own, with final URL, remote address and extensions. If the layer did something, there is a
//!   [`Recovery`](crate::Recovery) in the extensions.
//! - **A verdict from a body** needs [`InspectBodyLayer`](crate::InspectBodyLayer) between the layer and an [`HttpService`]. In
//!   the other rows of the first table, there is no place for it, and a judge sees no body.
//! - **Errors** of reqwest and of middlewares are not wrapped. [`Error::find`](crate::Error::find) finds ours.
//!
//! [`AuthLayer::danger_own_reqwest_client`]: crate::AuthLayer::danger_own_reqwest_client
//! [`ErrorKind::Configuration`]: crate::ErrorKind::Configuration
//! [`ErrorKind::SentElsewhere`]: crate::ErrorKind::SentElsewhere
//! [`ErrorKind::Timeout`]: crate::ErrorKind::Timeout
//! [`AuthLayer::reqwest`]: crate::AuthLayer::reqwest
//! [`AuthLayer::reqwest_redirects`]: crate::AuthLayer::reqwest_redirects

pub(crate) mod http_service;
#[cfg(feature = "reqwest-middleware")]
pub(crate) mod middleware;
pub(crate) mod redirect;
pub(crate) mod response;
pub(crate) mod same_origin;
pub(crate) mod service;

pub use crate::adapter::reqwest::http_service::{HttpFuture, HttpService};
#[cfg(feature = "reqwest-middleware")]
pub use crate::adapter::reqwest::middleware::AuthMiddleware;
pub use crate::adapter::reqwest::response::{ResponseBody, into_reqwest};
pub use crate::adapter::reqwest::service::ReqwestFuture;
