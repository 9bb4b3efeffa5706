//! Where the layer belongs in a stack.
//!
//! From the outside in:
//!
//! ```text
//! Trace > Timeout > FollowRedirect > Retry (5xx) > AuthLayer > InspectBodyLayer > Decompression > limits > client
//! ```
//!
//! [`InspectBodyLayer`](crate::InspectBodyLayer) is needed only if the API says in a body that a token has expired.
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
//! Some APIs send a new token with each response, and refuse the old one at once. They serve one request at a time. For such an
//! API, put a `ConcurrencyLimit` of 1 below this layer. The token is read after the permit was obtained, so each request has the
//! newest token.
//!
//! # A second header, always the same
//!
//! Some APIs want a constant header beside the token: a quota project, a version, the kind of the token. This is another layer's
//! business:
//!
//! ```
//! use http::{HeaderName, HeaderValue, Request};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_http::set_header::SetRequestHeaderLayer;
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::{AuthLayer, BoxError, Origin, TokenSource};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let auth = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc")?)
//!     .with_origin(Origin::parse("https://api.example")?);
//! let project = SetRequestHeaderLayer::overriding(
//!     HeaderName::from_static("x-goog-user-project"),
//!     HeaderValue::from_static("billing"),
//! );
//! let api = service_fn(|request: Request<String>| async move {
//!     assert_eq!(request.headers()["x-goog-user-project"], "billing");
//!     assert_eq!(request.headers()["authorization"], "Bearer abc");
//!     Ok::<_, BoxError>(http::Response::new(String::new()))
//! });
//! let client = ServiceBuilder::new().layer(auth).layer(project).service(api);
//! client.oneshot(Request::get("https://api.example/reports").body(String::new())?).await?;
//! # Ok::<_, BoxError>(()) })?;
//! # Ok::<_, BoxError>(())
//! ```
//!
//! # Five stacks
//!
//! | stack | the type of the whole | shown |
//! |---|---|---|
//! | axum: the client is the server's `State` | `BoxCloneSyncService<Request, Response, BoxError>` | [below](#axum) |
//! | hyper with redirects | `ServiceBuilder`'s, or the same box | [below](#hyper) |
//! | tonic | `FooClient<TonicAuth<Channel>>` | `adapter::tonic` |
//! | reqwest | `Auth<reqwest::Client>` | `adapter::reqwest` |
//! | `reqwest_middleware`, and reqwest without tower (`auth.reqwest_client(builder)`) | `ClientWithMiddleware` | `adapter::reqwest` |
//!
//! # axum
//!
//! The handler makes a request of its own. If the answer is a 502, 503 or 504, the request is sent once more, if its method is
//! idempotent and it has no body.
//!
#![cfg_attr(feature = "axum", doc = "```")]
#![cfg_attr(not(feature = "axum"), doc = "```ignore")]
//! use std::future::{Ready, ready};
//! use std::time::Duration;
//!
//! use axum::body::{Body, HttpBody};
//! use axum::extract::{Request, State};
//! use axum::response::Response;
//! use axum::{Router, routing::get};
//! use http::StatusCode;
//! use tower::retry::Policy;
//! use tower::util::BoxCloneSyncService;
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_http::{timeout::TimeoutLayer, trace::TraceLayer};
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::{AuthLayer, BoxError, Origin, TokenSource};
//!
//! type Api = BoxCloneSyncService<Request, Response, BoxError>;
//!
//! fn api<C, B>(client: C, auth: AuthLayer) -> Api
//! where
//!     C: Service<Request, Response = http::Response<B>> + Clone + Send + Sync + 'static,
//!     C::Error: Into<BoxError> + 'static,
//!     C::Future: Send,
//!     B: HttpBody<Data = bytes::Bytes> + Send + 'static,
//!     B::Error: Into<BoxError>,
//! {
//!     let stack = ServiceBuilder::new()
//!         .map_response(|response: http::Response<_>| response.map(Body::new)) // of `TraceLayer`
//!         .layer(TraceLayer::new_for_http())
//!         // It makes an answer itself, so the body below it must be `Default`: axum's is, hyper's is not.
//!         .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(30)))
//!         .retry(Again { left: 1 })
//!         .layer(auth)
//!         .map_response(|response: http::Response<B>| response.map(Body::new))
//!         .service(client);
//!     BoxCloneSyncService::new(stack)
//! }
//!
//! /// Asks again after a 502, 503 or 504. An error of the layer is final: it has its own pauses.
//! #[derive(Clone)]
//! struct Again {
//!     left: usize,
//! }
//!
//! impl<B> Policy<Request, http::Response<B>, BoxError> for Again {
//!     type Future = Ready<()>;
//!
//!     fn retry(
//!         &mut self,
//!         _: &mut Request,
//!         result: &mut Result<http::Response<B>, BoxError>,
//!     ) -> Option<Ready<()>> {
//!         let again = matches!(result, Ok(response) if (502..=504).contains(&response.status().as_u16()));
//!         (again && self.left > 0).then(|| {
//!             self.left -= 1;
//!             ready(())
//!         })
//!     }
//!
//!     fn clone_request(&mut self, request: &Request) -> Option<Request> {
//!         if !request.method().is_idempotent() || !request.body().is_end_stream() {
//!             return None;
//!         }
//!         let mut copy = Request::new(Body::empty());
//!         *copy.method_mut() = request.method().clone();
//!         *copy.uri_mut() = request.uri().clone();
//!         *copy.headers_mut() = request.headers().clone();
//!         *copy.extensions_mut() = request.extensions().clone();
//!         Some(copy)
//!     }
//! }
//!
//! async fn orders(State(api): State<Api>) -> Result<Response, StatusCode> {
//!     let request = Request::get("https://api.example/orders").body(Body::empty());
//!     let request = request.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
//!     api.oneshot(request).await.map_err(|_| StatusCode::BAD_GATEWAY)
//! }
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! // In your service, this is a client of hyper's. This one is out of order at first.
//! let calls = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
//! let counter = calls.clone();
//! let client = service_fn(move |request: Request| {
//!     assert_eq!(request.headers()["authorization"], "Bearer abc");
//!     let first = counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
//!     let status = if first { 503 } else { 200 };
//!     async move { http::Response::builder().status(status).body(Body::empty()).map_err(BoxError::from) }
//! });
//! let auth = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc")?)
//!     .with_origin(Origin::parse("https://api.example")?);
//! let app = Router::new().route("/orders", get(orders)).with_state(api(client, auth.erased()));
//!
//! let answer = app.oneshot(Request::get("/orders").body(Body::empty())?).await?;
//! assert_eq!((answer.status().as_u16(), calls.load(std::sync::atomic::Ordering::Relaxed)), (200, 2));
//! # Ok::<_, BoxError>(()) })?;
//! # Ok::<_, BoxError>(())
//! ```
//!
//! # hyper
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
//!
//! # Traps
//!
//! | what rustc or the service says | why | the way out |
//! |---|---|---|
//! | `the strategy Same cannot replay requests with a body of type ..` | the body is a stream, which [`Same`](crate::replay::Same) cannot keep | [`with_replay`](crate::AuthLayer::with_replay) with [`Wrap`](crate::replay::Wrap), [`Rewrap`](crate::replay::Rewrap) or [`Off`](crate::replay::Off) |
//! | ``the method `oneshot` exists for struct `Auth<..>`, but its trait bounds were not satisfied`` | mostly the feature of the body's type (`axum`, `tonic`, `reqwest`) is missing, or that crate has another version than the feature's | [`assert_accepts::<Body>(&service)`](crate::assert_accepts) before the call: its error names the body type, and the features (not for `Service<reqwest::Request>`) |
//! | `AuthLayer needs a service that is Clone` | the service below is boxed by `BoxService` | `BoxCloneSyncService`, or `ServiceBuilder::buffer` below the layer |
//! | `the trait bound ..: Default is not satisfied`, at a `TimeoutLayer` | tower-http makes the answer's body itself | a body type with `Default`, or tower's `timeout`, whose answer is an error |
//! | `expected ..BoxError, found ..` at `option_layer` | both sides need one type of error | `.option_layer(auth).map_err(BoxError::from)`; or [exempt](crate::AuthLayer#switched-off) all requests |
//! | an upload gets its 401, with [`NotReplayable`](crate::Recovery::NotReplayable) | more of its stream was sent than was kept | [`Same::with_cap`](crate::replay::Same::with_cap) (`Wrap` and `Rewrap` have it, too). It may cost that much memory for each request, [`with_buffer_quota`](crate::AuthLayer::with_buffer_quota) for all together |
//! | ``implementation of `Service` is not general enough``, at `tokio::spawn` | rustc loses the lifetime in `BoxBody<Bytes, BoxError>` when it asks whether the future is `Send`. It says the same of hyper's client alone | `BoxCloneSyncService` around the client, and `api.ready().await?.call(request).await` in place of `oneshot`; `tests/newcomer/spawned.rs` is a whole program |
//! | requests wait for ever | a limit above the layer, and requests to the token endpoint go through it too | put the limit [below](#limits-below) |
//! | the layer is on a `Router` | a server's `Router` receives requests, and the layer is for those that it sends | put the layer on the client, and the client into the `State` |
//!
//! [`assert_accepts`](crate::assert_accepts) names the part of a stack that does not fit.
