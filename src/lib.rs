//! Tower middleware that gives every outgoing request a valid credential.
//!
//! [`AuthLayer`] wraps a client (any [`tower::Service`] from [`http::Request`] to [`http::Response`]:
//! hyper, tonic, the outbound side of an axum server; see [`adapter`] for stacks that want more) and takes care of its tokens: it exchanges
//! credentials for a token when the first request needs one, renews it before it ends, lets any number
//! of concurrent callers cause exactly one exchange, and answers a 401 by renewing once and sending the
//! request again, body included; of a stream it keeps what was sent (see [`replay`]).
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
//! // Two servers, played by functions: the token endpoint, and the API.
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
//! // With feature `client`, `AuthLayer::atlas(url, id, secret)?` is the first two lines in one.
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
//!   │ one flight for all who wait, ├────►│ a Scheme's request, through ├───► token endpoint
//!   │ on a task of its own         │     │ a client of its own         │
//!   └──────────────────────────────┘     └────────────────────────────┘
//! ```
//!
//! # What it promises
//!
//! - **One exchange at a time**, whoever asks, whoever gives up. Its outcome reaches all who waited.
//! - **Nobody waits while a token is usable.** Renewal begins in the background at 80–90 % of a life;
//!   only in its last tenth (at most 30 s) do callers wait for the successor, and if there is none they
//!   use the old token to its end.
//! - **An idle service is silent**, and a failing token endpoint is left alone between attempts.
//! - **A 401 renews once**, judged by which token was refused, and within a budget: an API that refuses
//!   everything gets at most two requests per call, and six exchanges in the first minute. If nothing
//!   helps, the caller gets the server's own answer; a [`Recovery`] in its extensions says what was done.
//! - **A credential stays at home.** It goes to the origins it is bound to, over https (or to this very
//!   machine), and nowhere else; responses from elsewhere mean nothing.
//! - **No secret is shown**: not by `Debug`, errors, logs or traces.
//! - **The hot path** takes no lock, allocates nothing and boxes nothing. (Where every response hands out a
//!   successor, adopting it takes both; see [`Adopt`](scheme::Adopt).)
//!
//! # Where to find what
//!
//! | module | what it has |
//! |---|---|
//! | [`system`] | the systems that are built in |
//! | [`endpoint`] | asking a token endpoint over HTTP: how to add a system ([`Grant`](endpoint::Grant)), the client, the exchange |
//! | [`adapter`] | axum, reqwest and tonic |
//! | [`token`] | the source, its rules of renewal, its events, its status |
//! | [`scheme`] | how a token travels, and how an API speaks about it ([`Presentation`](scheme::Presentation)): what counts as a refusal ([`Judge`](scheme::Judge)), a signature for each request ([`PerRequest`](scheme::PerRequest)) |
//! | [`replay`] | bodies that can be sent again |
//! | [`exchange`] | obtaining a token in another way: a file, a program, a key service |
//! | [`credential`] | where ids and secrets come from: a file, a key service that hears of a refusal, another source |
//! | [`manual::defaults`] | every number, and its reason |
//! | [`Error`] | how to tell failures apart |
//! | `testkit` (feature `test-util`) | how to test with it |
//!
//! # Where in a stack
//!
//! From the outside in:
//!
//! ```text
//! Trace > Timeout > FollowRedirect > Retry (5xx) > AuthLayer > Decompression > limits > client
//! ```
//!
//! - **`FollowRedirect` outside.** A redirect layer, or a client that follows redirects, *below* this one
//!   copies the credential to wherever it is sent, and custom headers such as `Token` are not taken off by
//!   any of them. Above it, every hop passes the origin guard; with
//!   [`Foreign::PassBare`] foreign hops go on without the credential.
//! - **Retry outside**, and only for what is not ours: where [`Error::find`] finds an error of this crate,
//!   there is no token, and trying again before [`Error::retry_after`] gets the same answer.
//! - **Limits inside.** While waiting for a token, no permit of the inner service is held. A limit *above*
//!   this layer through which the token endpoint's client goes too can deadlock, whatever a layer does.
//! - A service that copes with one request at a time gets a `ConcurrencyLimit` of 1 inside: the token is
//!   read after readiness, so each request has the newest.
//!
//! # Features
//!
//! All are additive; none changes what another part of the crate does.
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `client` | yes | the presets' constructors and [`HttpClient`](endpoint::HttpClient): hyper, rustls with ring, the platform's roots |
//! | `rotating` | yes | [`Rotating`](system::Rotating): an API that hands out a new JWT with every response |
//! | `webpki-roots` | | [`TlsRoots::webpki`](endpoint::TlsRoots) |
//! | `aws-lc` | | [`TlsProvider::aws_lc`](endpoint::TlsProvider) |
//! | `axum`, `reqwest`, `reqwest-middleware`, `tonic` | | a stack each: see [`adapter`] |
//! | `test-util` | | `testkit` |
//!
//! [`tower::Service`]: https://docs.rs/tower/latest/tower/trait.Service.html
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(all(feature = "client", feature = "rotating")),
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
pub mod system;
#[cfg(feature = "test-util")]
pub mod testkit;
pub mod token;

pub use self::auth::future::ResponseFuture;
pub use self::auth::layer::{AuthLayer, check};
pub use self::auth::policy::{CallerHeader, Exempt, Foreign};
pub use self::auth::service::Auth;
pub use self::credential::Credential;
pub use self::endpoint::Scheme;
pub use self::error::recovery::Recovery;
pub use self::error::{BoxError, Error, ErrorKind};
pub use self::origin::Origin;
pub use self::scheme::request::RequestHead;
pub use self::secret::Secret;
pub use self::token::{AccessToken, TokenSource};

/// The README's examples, as tests.
#[cfg(all(doctest, feature = "client", feature = "test-util"))]
#[doc = include_str!("../README.md")]
struct Readme;
