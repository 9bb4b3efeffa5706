//! reqwest and `reqwest_middleware`, with their own types of requests and responses.
//!
//! | | what it is | take it when |
//! |---|---|---|
//! | [`AuthLayer::reqwest`] | builds a client from a `ClientBuilder`, and puts the layer over it | you can: redirects cannot carry the credential away |
//! | `layer.layer(client)` | the layer over a [`reqwest::Client`], a `ClientWithMiddleware`, or layers of tower around them | the client is made elsewhere, or there is more between layer and client; give the builder [`AuthLayer::reqwest_redirects`] |
//! | `AuthMiddleware` (feature `reqwest-middleware`) | the layer as a middleware | the callers hold a `ClientWithMiddleware` |
//! | [`HttpService`] | a client as a service of `http`'s types, to put the layer and those of tower-http around, or to ask a token endpoint | the stack is one of tower and tower-http; or [`TokenSource::over_http`](crate::TokenSource::over_http) shall use reqwest |
//!
//! The first two are a `tower::Service` of [`reqwest::Request`]. The client makes requests, up to `build()`, and
//! the service sends them; one that the client itself sends, by `send()`, goes without a credential.
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
//! A reqwest client follows redirects by itself, below the layer, to any origin. It takes `Authorization` off
//! where the origin changes, and no other header: a `Token`, an `X-Api-Key` or a `DPoP` goes along.
//!
//! 1. A client with the policy of [`AuthLayer::reqwest_redirects`] follows a redirect only to the origin that it
//!    came from, and only where that is one of the layer's; else the caller gets the 3xx answer.
//! 2. The policy of a client that was built elsewhere cannot be read. So a layer that was never asked for its own
//!    policy refuses to send with [`ErrorKind::Configuration`].
//!    [`AuthLayer::danger_own_reqwest_client`] vouches for such a client.
//! 3. Where that was wrong, the final URL shows that an answer is from an origin that is not the
//!    layer's. The credential may have gone there. The call fails with [`ErrorKind::SentElsewhere`], and the
//!    answer neither renews a token nor hands one out. (A way that leads elsewhere and back again, or ends
//!    there in an error of reqwest's, does not show.)
//! 4. Requests that are sent without the credential are not checked.
//! 5. A middleware that sends a request to another origin than it was made for is judged like a redirect: if
//!    that is meant, say [`with_origin`](crate::AuthLayer::with_origin). One that makes a response up (a test
//!    double, say) has to give it a URL, by [`ResponseBuilderExt::url`](reqwest::ResponseBuilderExt::url): a
//!    response without one passes for one from elsewhere.
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
//! reqwest uses the proxies of the environment by itself, also for a loopback address if `NO_PROXY` does not name it.
//! A proxy sees all of a request over plain http, and of one over https the name of the host alone.
//!
//! - A client of [`AuthLayer::reqwest`] uses no proxy at all if one of the layer's origins is a loopback
//!   address.
//! - A client with the policy of [`AuthLayer::reqwest_redirects`] is refused with [`ErrorKind::Configuration`] for a
//!   loopback address for which the environment names a proxy.
//! - Any other client (of [`HttpService::build`], too) that has sent a request with a credential to a loopback address
//!   through a proxy is noticed by the address of the response. The call fails with [`ErrorKind::SentElsewhere`].
//!   Build such a client with [`no_proxy`](reqwest::ClientBuilder::no_proxy).
//!
//! # What is carried over
//!
//! - **Bodies** in memory are shared, whatever their size. Streams are sent again like boxed ones: up to
//!   64 KiB of what was sent is kept ([`Same`](crate::replay::Same)).
//! - **A request's own timeout** counts from the call: the wait for a token is in it, where it ends in
//!   [`ErrorKind::Timeout`], and a second sending gets what the first one left. A timeout of the client's
//!   (`ClientBuilder::timeout`) is not known here, and counts each sending.
//! - **Responses** are the client's own: final URL, remote address, extensions, with a
//!   [`Recovery`](crate::Recovery) where something was done.
//! - **Errors** of reqwest and of middlewares pass unwrapped; ours are found by
//!   [`Error::find`](crate::Error::find).
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
