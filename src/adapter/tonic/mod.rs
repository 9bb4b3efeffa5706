//! Clients that tonic generates, over a channel behind [`AuthLayer`] (feature `tonic`).
//!
//! `FooClient::new(ServiceBuilder::new().layer(auth.for_tonic()).service(channel))` makes such a client.
//! [`for_tonic`](AuthLayer::for_tonic) makes the client show a [code](self#codes) for this crate's errors. tonic's
//! requests name no host. [`Origin::relative()`](crate::Origin::relative) tells the layer that the channel has one
//! peer.
//!
//! ```
//! use tonic::{Code, body::Body};
//! use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_outbound_auth::exchange::{self, ExchangeError, ExchangeErrorKind, Issued};
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::{AuthLayer, BoxError, Error, Origin, TokenSource};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! // A server in memory, in place of a channel. It refuses the first token.
//! let (_, health) = tonic_health::server::health_reporter();
//! let channel = service_fn(move |request: http::Request<Body>| {
//!     let health = health.clone();
//!     async move {
//!         match request.headers()["authorization"] == "Bearer 1" {
//!             true => Ok(tonic::Status::unauthenticated("expired").into_http()),
//!             false => health.oneshot(request).await,
//!         }
//!     }
//! });
//!
//! // Tokens are numbers.
//! let numbers = std::sync::atomic::AtomicU32::new(1);
//! let next = move || numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
//! let tokens = exchange::from_fn(move || std::future::ready(Ok(Issued::new(next()))));
//! let source = TokenSource::new(HeaderScheme::bearer(), tokens);
//! let auth = AuthLayer::new(source.clone()).with_origin(Origin::relative());
//! let mut client = HealthClient::new(ServiceBuilder::new().layer(auth.for_tonic()).service(channel));
//!
//! // The API refuses the token; the layer renews it and sends the request again.
//! client.check(HealthCheckRequest::default()).await?;
//! assert_eq!(source.status().counters.exchanges(), 2);
//!
//! // Without a token, the client shows a code that says so. Our error is its source.
//! let cut = exchange::from_fn(|| async {
//!     Err(ExchangeError::new(ExchangeErrorKind::Unreachable, "cable cut"))
//! });
//! let auth = AuthLayer::new(TokenSource::new(HeaderScheme::bearer(), cut)).with_origin(Origin::relative());
//! # let (_, health) = tonic_health::server::health_reporter();
//! let mut client = HealthClient::new(auth.for_tonic().layer(health));
//! let status = client.check(HealthCheckRequest::default()).await.unwrap_err();
//! assert_eq!(status.code(), Code::Unavailable);
//! assert!(Error::find(&status).is_some_and(Error::is_transient));
//! # Ok::<_, BoxError>(()) })?;
//! # use tower::Layer;
//! # Ok::<_, BoxError>(())
//! ```
//!
//! With OAuth 2.0 client credentials. The last argument is the origin of the API:
//!
//! ```
//! # #[cfg(feature = "client")] {
//! use tonic::transport::Channel;
//! use tonic_health::pb::health_client::HealthClient;
//! use tower::Layer;
//! use tower_outbound_auth::adapter::tonic::TonicAuth;
//! use tower_outbound_auth::{AuthLayer, Credential, Error, Origin};
//!
//! fn health(channel: Channel) -> Result<HealthClient<TonicAuth<Channel>>, Error> {
//!     let (idp, secret) = ("https://idp.example/token", Credential::file("/run/secrets/monitor"));
//!     let auth = AuthLayer::client_credentials(idp, "monitor", secret, Origin::relative())?.for_tonic();
//!     Ok(HealthClient::new(auth.layer(channel)))
//! }
//! # let _ = health;
//! # }
//! ```
//!
//! The type of a field names the channel, but not the system:
//!
//! ```
//! use tonic::transport::Channel;
//! use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
//! use tower::Layer;
//! use tower_outbound_auth::AuthLayer;
//! use tower_outbound_auth::adapter::tonic::TonicAuth;
//!
//! struct Monitor {
//!     health: HealthClient<TonicAuth<Channel>>,
//! }
//!
//! impl Monitor {
//!     fn new(auth: AuthLayer, channel: Channel) -> Monitor {
//!         Monitor { health: HealthClient::new(auth.for_tonic().layer(channel)) }
//!     }
//!
//!     async fn check(&mut self) -> Result<(), tonic::Status> {
//!         self.health.check(HealthCheckRequest::default()).await.map(drop)
//!     }
//! }
//! # let _ = (Monitor::new, Monitor::check);
//! ```
//!
//! # What is a refusal
//!
//! A refusal is `UNAUTHENTICATED` in place of a response (`grpc-status: 16` among the *headers*), or HTTP's
//! 401, from a proxy in front, say. The token is renewed and the call is sent again. This works for all four
//! kinds of calls. Of a stream of requests, the messages that were sent are kept, up to 64 KiB
//! ([`Same::with_cap`](crate::replay::Same::with_cap)), and the rest follows. `PERMISSION_DENIED` is not a
//! refusal: another token of the same client would be denied too. The head says all of this, so
//! [`InspectBodyLayer`](crate::InspectBodyLayer) never reads the body of a gRPC response.
//!
//! `UNAUTHENTICATED` *after* the response began, in real trailers, is passed on unchanged and renews nothing:
//! the server may have done some of the work by then. If a service does this for an expired token, report the
//! refusal and call again:
//!
//! ```
//! # use tower_outbound_auth::TokenSource;
//! # use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::{AccessToken, Error};
//!
//! /// `before` is the result of `source.token().await?` before the call. A newer token was not refused.
//! async fn report(
//!     source: &TokenSource,
//!     before: &AccessToken,
//!     status: &tonic::Status,
//! ) -> Result<(), Error> {
//!     if status.code() == tonic::Code::Unauthenticated {
//!         // Waits for the next token. However many calls report the same token, there is one exchange.
//!         source.reject(before).await?;
//!     }
//!     Ok(())
//! }
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # let source = TokenSource::fixed(HeaderScheme::bearer(), "abc")?.erased();
//! # let before = source.token().await?;
//! # assert!(report(&source, &before, &tonic::Status::unauthenticated("late")).await.is_err());
//! # assert!(report(&source, &before, &tonic::Status::not_found("no")).await.is_ok());
//! # Ok::<_, Error>(()) })?;
//! # Ok::<_, tower_outbound_auth::BoxError>(())
//! ```
//!
//! If a renewal fails after a refusal, a generated client sees only the API's own `UNAUTHENTICATED`. Why the renewal failed
//! stands in [`status().last_error`](crate::token::Status::last_error), and in the `WARN` event `exchange failed`.
//!
//! # Codes
//!
//! Where [`Auth`](crate::Auth) fails with this crate's [`Error`], [`TonicAuth`] fails with a [`Status`]. The status has the
//! text of that error and the code below. Its source is that error. A generated client hands the status to its
//! caller, and [`Error::find`] finds our error in it.
//!
//! | code | [`Error::kind`] | |
//! |---|---|---|
//! | `UNAVAILABLE` | [`Exchange`](ErrorKind::Exchange) | the token endpoint failed; a later call may succeed |
//! | `UNAUTHENTICATED` | [`Exchange`](ErrorKind::Exchange), [`Refused`](ExchangeErrorKind::Refused) | the token endpoint refuses the credentials |
//! | `UNAUTHENTICATED` | [`NoSuccessor`](ErrorKind::NoSuccessor) | a refused token has no successor now |
//! | `DEADLINE_EXCEEDED` | [`Timeout`](ErrorKind::Timeout) | the caller's `grpc-timeout`; or the runtime of an exchange ended or does not run |
//! | `FAILED_PRECONDITION` | [`Configuration`](ErrorKind::Configuration), [`ForeignOrigin`](ErrorKind::ForeignOrigin), [`SentElsewhere`](ErrorKind::SentElsewhere), [`Insecure`](ErrorKind::Insecure) | somebody has to change the set-up before it can succeed |
//! | `FAILED_PRECONDITION` | [`Exchange`](ErrorKind::Exchange), [`Configuration`](ExchangeErrorKind::Configuration) | the same, found by the exchange |
//! | `INTERNAL` | [`Reentrant`](ErrorKind::Reentrant), [`Runtime`](ErrorKind::Runtime) | the program is put together wrongly |
//! | `INTERNAL` | [`Proof`](ErrorKind::Proof) | a header for this one request could not be made |
//! | `INTERNAL` | [`Exchange`](ErrorKind::Exchange), [`Reentrant`](ExchangeErrorKind::Reentrant) | the same, found by the exchange |
//!
//! The text names the system, the path of the token endpoint and the client id. A service that passes a status on to callers of
//! its own should replace the text.
//!
//! Errors of the channel pass through unchanged: an overload below is still `RESOURCE_EXHAUSTED`. A service that
//! passes a status on to callers of its own should change `UNAUTHENTICATED` first, because the refused credential is
//! not theirs.
//!
//! Without `for_tonic`, this feature changes no error. tonic does not know this crate's errors, so a generated
//! client shows [`Code::Unknown`] and our text. But if a source of the exchange's error is an error that tonic
//! knows (a [`Status`], say), the client shows its code and its text. [`Error::find`] finds our error in both
//! cases.
//!
//! # Deadlines
//!
//! A call's timeout ([`Request::set_timeout`](::tonic::Request::set_timeout), the header `grpc-timeout`) includes
//! the time in this layer. A call that waited for a token, or that is sent again, is sent with the time that is
//! left. If the time ends while the call waits here, the call fails with [`ErrorKind::Timeout`]. If the call had
//! been refused before, its caller gets that refusal, with [`Recovery::OutOfTime`](crate::Recovery::OutOfTime) among
//! the extensions of the HTTP response, where layers can see it. All this holds for any client that sets that
//! header, with or without the feature.
//!
//! [`Channel`]'s own timeouts are below this layer: they begin again with each sending.
//!
//! [`Channel`]: https://docs.rs/tonic/latest/tonic/transport/struct.Channel.html

pub(crate) mod layer;
pub(crate) mod service;
pub(crate) mod status;

#[cfg(doc)]
use ::tonic::{Code, Status};

pub use crate::adapter::tonic::layer::TonicLayer;
pub use crate::adapter::tonic::service::{TonicAuth, TonicFuture};
#[cfg(doc)]
use crate::auth::layer::AuthLayer;
#[cfg(doc)]
use crate::error::{Error, ErrorKind};
#[cfg(doc)]
use crate::exchange::error::ExchangeErrorKind;
