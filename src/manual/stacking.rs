//! Where the layer belongs in a stack.
//!
//! From the outside in:
//!
//! ```text
//! Trace > Timeout > FollowRedirect > Retry (5xx) > AuthLayer > Decompression > limits > client
//! ```
//!
//! # Redirects: above
//!
//! A layer or a client that follows redirects *below* this one copies the credential to wherever it is sent. Headers such
//! as `Token` are not removed by any of them. Above this layer, each hop is checked against the bound origins. With
//! [`Foreign::SendUnauthenticated`](crate::Foreign::SendUnauthenticated), hops to other origins go on without the credential.
//!
//! If something below follows redirects nevertheless, tell the layer how to find the final URI:
//! [`with_response_uri`](crate::AuthLayer::with_response_uri).
//!
//! # Retries: above
//!
//! Do not retry errors of this crate; [`Error::find`](crate::Error::find) finds them. An error of the kind
//! [`Exchange`](crate::ErrorKind::Exchange) means that there is no token: a retry before
//! [`Error::retry_after`](crate::Error::retry_after) gets the same error.
//!
//! # Limits: below
//!
//! While a request waits for a token, it holds no permit of the inner service. A limit *above* this layer can deadlock if the
//! requests to the token endpoint go through it as well: each waiting request holds a permit, and the exchange gets none.
//!
//! A service that can handle one request at a time gets a `ConcurrencyLimit` of 1 below this layer. The token is read when
//! the inner service is ready, so each request has the newest one.
//!
//! # A stack
//!
//! ```
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_http::follow_redirect::FollowRedirectLayer;
//! use tower_http::trace::TraceLayer;
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::{AuthLayer, BoxError, Foreign, Origin, TokenSource};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let client = service_fn(|request: Request<Full<Bytes>>| async move {
//!     let token = request.headers().get("authorization").cloned();
//!     let location = "https://elsewhere.example/";
//!     Ok::<_, BoxError>(match (request.uri().host(), token) {
//!         (Some("api.example"), Some(_)) => {
//!             Response::builder().status(302).header("location", location).body(Full::default())?
//!         }
//!         (Some("elsewhere.example"), None) => Response::new(Full::<Bytes>::default()),
//!         _ => Response::builder().status(500).body(Full::default())?,
//!     })
//! });
//! let source = TokenSource::fixed(HeaderScheme::bearer(), "abc")?;
//! let auth = AuthLayer::new(source)
//!     .with_origin(Origin::parse("https://api.example")?)
//!     .with_foreign(Foreign::SendUnauthenticated); // redirects may lead to other origins
//! let client = ServiceBuilder::new()
//!     .layer(TraceLayer::new_for_http())
//!     .timeout(Duration::from_secs(30))
//!     .layer(FollowRedirectLayer::new())
//!     .layer(auth)
//!     .concurrency_limit(100)
//!     .service(client);
//!
//! let request = Request::get("https://api.example/").body(Full::default())?;
//! assert_eq!(client.oneshot(request).await?.status(), 200);
//! # Ok::<_, BoxError>(()) })?;
//! # Ok::<_, BoxError>(())
//! ```
