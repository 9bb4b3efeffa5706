//! Tower middleware that gives every outgoing request a valid credential.
//!
//! [`AuthLayer`] wraps an HTTP client: any [`tower::Service`] from [`http::Request`] to [`http::Response`], such as
//! the clients of hyper and tonic. For reqwest, axum and tonic, see also [`adapter`]. The layer
//!
//! - exchanges credentials for a token when the first request needs one, and renews the token before it expires;
//! - makes one exchange, however many requests wait for its token;
//! - adopts the new tokens that some APIs send in their responses;
//! - answers a 401 by renewing the token once and sending the request again, with its body (see [`replay`]).
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_outbound_auth::system::Atlas;
//! use tower_outbound_auth::{AuthLayer, BoxError, Origin, TokenSource};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! // Two functions play the servers: the token endpoint and the API.
//! let token_endpoint = service_fn(|request: Request<Full<Bytes>>| async move {
//!     assert_eq!(request.headers()["client-id"], "my-service");
//!     let body = r#"{"access_token":"abc","expires_in":3600}"#;
//!     Ok::<_, BoxError>(Response::new(Full::new(Bytes::from(body))))
//! });
//! let api = service_fn(|request: Request<Full<Bytes>>| async move {
//!     assert_eq!(request.headers()["token"], "abc");
//!     Ok::<_, BoxError>(Response::new(Full::new(Bytes::from("hello"))))
//! });
//!
//! // With feature `client`, `AuthLayer::atlas(url, "my-service", "s3cret")?` does the same over HTTP.
//! let scheme = Atlas::new("https://api.example/v1/authtoken", "my-service", "s3cret")?;
//! let auth = AuthLayer::new(TokenSource::over_http(scheme, token_endpoint))
//!     .with_origin(Origin::parse("https://api.example")?);
//! let client = ServiceBuilder::new().layer(auth.clone()).service(api);
//!
//! let request = Request::get("https://api.example/v1/documents").body(Full::default())?;
//! let response = client.oneshot(request).await?;
//! assert_eq!(response.status(), 200);
//! assert_eq!(auth.source().status().counters.exchanges(), 1);
//! # Ok::<_, BoxError>(()) })?;
//! # Ok::<_, BoxError>(())
//! ```
//!
//! # A request's way
//!
//! ```text
//!              a request                                                  its response
//!                  │                                                           ▲
//!                  ▼                                                           │
//!   ┌─ guard ──────────────────────┐                             ┌─ judge ─────┴───────────┐
//!   │ exempt? an origin of ours?   │                             │ a 401?  a rotated token?│
//!   └──────────────┬───────────────┘                             └──────┬───────────▲──────┘
//!                  ▼                                   refused: renew,  │           │
//!   ┌─ credential ─────────────────┐  one atomic read  and send again   │           │
//!   │ read the published token,    │◄───────────────────────────────────┘           │
//!   │ set the header               │  (once)                                        │
//!   └──────────────┬───────────────┘                                                │
//!      none usable │        └─────────────► inner service (hyper, tonic, …) ────────┘
//!                  ▼
//!   ┌─ TokenSource ────────────────┐     ┌─ Exchange ─────────────────┐
//!   │ one exchange for all callers ├────►│ a Grant's request, through  ├───► token endpoint
//!   │ on a task of its own         │     │ a client of its own         │
//!   └──────────────────────────────┘     └────────────────────────────┘
//! ```
//!
//! # What it promises
//!
//! - **One exchange at a time.** A caller that gives up does not end it. All who wait get its outcome.
//! - **A usable token is used.** It is renewed in the background at 80 to 90 % of its life. In the last tenth of its life (30 s
//!   at most) requests wait for the next token. If there is none, they use the old one until it expires.
//! - **No traffic, no exchange.** A failing token endpoint gets pauses between attempts.
//! - **A 401 renews the token once.** An API that refuses everything gets two requests per call at most (three with DPoP), and causes six
//!   exchanges in the first minute. Then the caller gets the API's own answer, with a [`Recovery`] in its extensions.
//! - **The credential is sent only to the origins you bind,** over https or to a literal loopback address.
//! - **No secret is shown** by `Debug`, errors, logs or traces.
//! - **The hot path** takes no lock and allocates nothing. Adopting a token from a response does ([`Adopt`](scheme::Adopt)).
//!
//! | I want to … | see |
//! |---|---|
//! | use a system that is built in, or a token in a file | [`system`], and the constructors of [`AuthLayer`] |
//! | add a system of my own: a login over HTTP | [`endpoint`] ([`Grant`](endpoint::Grant)) |
//! | obtain a token in another way: a program, a key service | [`exchange`] |
//! | keep the *secret* in a file or a key service, or use another token as a credential | [`credential`] |
//! | say what counts as a refusal; sign each request; choose the header | [`scheme`]; for a refusal in a body [`InspectBodyLayer`] |
//! | use it with axum, reqwest or tonic; send streams again, or nothing | [`adapter`], [`replay`] |
//! | keep a login and its refresh token over restarts, and share it among processes | [`store`] |
//! | make a first request; choose a system; understand an error in a log | [`manual`] |
//! | know where the layer belongs in a stack; know all defaults, with their reasons | [`manual::stacking`], [`manual::defaults`] |
//! | know when tokens are renewed; see the status, metrics, traces and logs; tell failures apart | [`token`], [`manual::operating`], [`Error`] |
//! | test my service | `testkit` (feature `test-util`) |
//!
//! # Features
//!
//! A feature only adds something: it changes nothing else.
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `client` | yes | constructors such as `AuthLayer::atlas`, and [`HttpClient`](endpoint::HttpClient): hyper, rustls with ring, the platform's root certificates; certificates of the client ([`manual::mtls`]) |
//! | `oauth` | yes | [`JwtKey`](system::JwtKey): private keys that sign JWTs; [`SelfSigned`](system::SelfSigned) and other systems that sign; DPoP ([`manual::dpop`]) |
//! | `login`, `rotating` | yes | [`Login`](system::Login): a system as data, in a file; [`Rotating`](system::Rotating): a new JWT with every response |
//! | `store` | yes | [`store`]: logins by refresh tokens that outlive the process |
//! | `webpki-roots`, `aws-lc` | | [`TlsRoots::webpki`](endpoint::TlsRoots), [`TlsProvider::aws_lc`](endpoint::TlsProvider) |
//! | `axum`, `reqwest`, `reqwest-middleware`, `tonic` | | support for that stack: see [`adapter`] |
//! | `metrics`, `test-util` | | `token::MetricsObserver`, `testkit` |
//!
//! [`tower::Service`]: https://docs.rs/tower/latest/tower/trait.Service.html
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(all(feature = "client", feature = "oauth", feature = "rotating", feature = "store")),
    allow(rustdoc::broken_intra_doc_links)
)]
#![forbid(unsafe_code)]

pub mod adapter;
pub(crate) mod auth;
pub(crate) mod basics;
pub mod clock;
pub mod credential;
pub mod endpoint;
pub(crate) mod error;
pub mod exchange;
pub mod manual;
pub(crate) mod origin;
pub mod replay;
pub mod scheme;
pub(crate) mod secret;
pub mod store;
pub mod system;
#[cfg(feature = "test-util")]
pub mod testkit;
pub mod token;

pub use self::auth::future::ResponseFuture;
pub use self::auth::inspect::{InspectBody, InspectBodyLayer, InspectFuture, Peeked};
pub use self::auth::layer::{AuthLayer, assert_accepts};
pub use self::auth::policy::{CallerHeader, Exempt, Foreign};
pub use self::auth::service::Auth;
pub use self::credential::Credential;
pub use self::endpoint::Scheme;
pub use self::error::{BoxError, ClockDifference, Error, ErrorKind, recovery::Recovery};
pub use self::origin::Origin;
pub use self::scheme::request::RequestHead;
pub use self::secret::Secret;
pub use self::token::{AccessToken, TokenSource};

/// The README's examples, as tests.
#[cfg(all(doctest, feature = "client", feature = "test-util"))]
#[doc = include_str!("../README.md")]
struct Readme;
