//! Axum's bodies (feature `axum`), for services that send on what they receive.
//!
//! [`axum::body::Body`](axum_core::body::Body) is a stream of unknown kind: a `String`, an upload that is still
//! coming in, a file. [`Same`](crate::replay::Same), the default strategy, can send it again after a refusal:
//! it keeps up to 64 KiB of what was sent, and then reads the rest. The body type does not change, so a handler
//! can give its request to the client as it is.
//!
//! ```
//! use axum::body::{Body, to_bytes};
//! use axum::extract::{Request, State};
//! use axum::response::Response;
//! use axum::{Router, routing::post};
//! use http::StatusCode;
//! use tower::util::BoxCloneSyncService;
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_outbound_auth::exchange::{self, Issued};
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::{AuthLayer, BoxError, Origin, TokenSource};
//!
//! /// The client is the state of a server. The server's handler forwards the body without reading it.
//! type Api = BoxCloneSyncService<Request, Response, BoxError>;
//!
//! async fn add_note(State(api): State<Api>, body: Body) -> Result<Response, StatusCode> {
//!     let request = Request::post("https://api.example/notes").body(body);
//!     let request = request.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
//!     api.oneshot(request).await.map_err(|_| StatusCode::BAD_GATEWAY)
//! }
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! // Tokens are numbers. A function plays the API and refuses the first token.
//! let numbers = std::sync::atomic::AtomicU32::new(1);
//! let next = move || numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
//! let tokens = exchange::from_fn(move || std::future::ready(Ok(Issued::new(next()))));
//! let api = service_fn(|request: Request| async {
//!     if request.headers()["authorization"] == "Bearer 1" {
//!         return Ok(http::Response::builder().status(401).body(Body::empty())?);
//!     }
//!     Ok::<_, BoxError>(Response::new(request.into_body())) // echoes the body
//! });
//! let api = AuthLayer::new(TokenSource::new(HeaderScheme::bearer(), tokens))
//!     .with_origin(Origin::parse("https://api.example")?)
//!     .layer(api);
//!
//! let app = Router::new().route("/notes", post(add_note)).with_state(Api::new(api));
//! let answer = app.oneshot(Request::post("/notes").body(Body::from("buy milk"))?).await?;
//! assert_eq!(answer.status(), 200);
//! assert_eq!(to_bytes(answer.into_body(), 1024).await?, "buy milk");
//! # Ok::<_, BoxError>(()) })?;
//! # Ok::<_, BoxError>(())
//! ```
//!
//! The state can contain the client's type without a box: the type does not name the system.
//!
//! ```
//! use axum::body::Body;
//! use axum::extract::State;
//! use axum::{Router, routing::get};
//! use hyper_util::client::legacy::{Client, connect::HttpConnector};
//! use tower::ServiceExt;
//! use tower_outbound_auth::{Auth, BoxError};
//!
//! #[derive(Clone)]
//! struct App {
//!     api: Auth<Client<HttpConnector, Body>>,
//! }
//!
//! async fn is_up(State(app): State<App>) -> String {
//!     let request = http::Request::get("https://api.example/health").body(Body::empty());
//!     let Ok(request) = request else { return "no request".to_owned() };
//!     match app.api.oneshot(request).await {
//!         Ok(response) => response.status().to_string(),
//!         Err(error) => BoxError::to_string(&error),
//!     }
//! }
//!
//! fn router(app: App) -> Router {
//!     Router::new().route("/up", get(is_up)).with_state(app)
//! }
//! # let _ = router;
//! ```
//!
//! The example `axum_proxy` is a whole reverse proxy, with its rules for headers and errors.
