//! Sends a request a second time.
//!
//! After a refusal, the layer renews the token and sends the request again. For this it keeps a copy of what was
//! sent. A strategy, the second parameter of [`AuthLayer`](crate::AuthLayer), decides what is kept, and which body
//! type the inner service gets:
//!
//! | strategy | for | the inner service sees |
//! |---|---|---|
//! | [`Same`] (default) | bodies in memory, which are shared and not copied; boxed streams | the same body type |
//! | [`Wrap`] | any stream, of which up to 64 KiB are kept | [`ReplayBody`] |
//! | [`Rewrap`] | the same, for an inner service that needs another body type | the type that a function returns |
//! | [`Off`] | any body; nothing is kept, a refusal goes to the caller | the same body type |
//!
//! The layer keeps what was sent of a stream before the refusal, up to a cap. The second request sends that copy and
//! then the rest of the stream, so the caller's stream is read once. If more than the cap was sent, or the stream
//! failed, the caller gets the refusal with [`Recovery::NotReplayable`](crate::Recovery::NotReplayable), and the
//! token is renewed for the next request.
//!
//! With DPoP (feature `oauth`), a request may be sent three times: once more for its proof, and once more for its token. Only [`Same`] can do
//! that. With [`Wrap`] and [`Rewrap`] a request is sent twice at most, whatever the reason: after a second sending for the proof, a
//! refusal of the token goes to the caller, and the token is renewed for the next request.
//!
//! # Memory
//!
//! A layer copies 64 MiB of bodies at most, for all its requests together
//! ([`with_buffer_quota`](crate::AuthLayer::with_buffer_quota)). It copies what was sent of streams, and each
//! `String`, which cannot be shared. A request that finds no room is sent, but cannot be sent again. Other bodies in
//! memory (`Full<Bytes>`, reqwest's) are not copied: the layer holds a second reference to the caller's buffer until
//! the response has come.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body::Frame;
//! use http_body_util::{BodyExt, Empty, StreamBody};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_outbound_auth::exchange::{self, Issued};
//! use tower_outbound_auth::replay::{ReplayBody, Wrap};
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::{AuthLayer, BoxError, Origin, Recovery, TokenSource};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! // Tokens are numbers. The API refuses the first one after it has read a part of the body.
//! let numbers = std::sync::atomic::AtomicU32::new(1);
//! let next = move || numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
//! let tokens = exchange::from_fn(move || std::future::ready(Ok(Issued::new(next()))));
//! let api = service_fn(|request: Request<ReplayBody<_>>| async {
//!     let refused = request.headers()["authorization"] == "Bearer 1";
//!     let mut body = request.into_body();
//!     if refused {
//!         body.frame().await;
//!         return Ok(Response::builder().status(401).body(Empty::<Bytes>::new())?);
//!     }
//!     assert_eq!(body.collect().await?.to_bytes(), "one, two");
//!     Ok::<_, BoxError>(Response::new(Empty::new()))
//! });
//!
//! let auth = AuthLayer::new(TokenSource::new(HeaderScheme::bearer(), tokens))
//!     .with_origin(Origin::parse("https://api.example")?)
//!     .with_replay(Wrap::new());
//! let parts = ["one, ", "two"].map(|part| Ok::<_, BoxError>(Frame::data(Bytes::from(part))));
//! let upload = StreamBody::new(futures_util::stream::iter(parts));
//! let request = Request::post("https://api.example/upload").body(upload)?;
//! let response = auth.layer(api).oneshot(request).await?;
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.extensions().get(), Some(&Recovery::Replayed));
//! # Ok::<_, BoxError>(()) })?;
//! # Ok::<_, BoxError>(())
//! ```
//!
//! If a request cannot be sent again, or is known to be longer than the cap, its refusal goes to the caller. So such
//! a request waits at most one second for a new token, if the token is due for renewal, or was refused and is being
//! renewed. After that second it is sent with the old token. With [`Off`] it does not wait. No other request waits
//! while a token is usable.
//!
//! A 401 means that the request was not applied (RFC 9110 section 15.5.2), so requests of every method are sent
//! again. If a relay may answer 401 for other reasons, use [`ReplayMethods::Idempotent`].
//!
//! ```
//! use tower_outbound_auth::replay::{Off, ReplayMethods};
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::{AuthLayer, TokenSource};
//!
//! let source = TokenSource::fixed(HeaderScheme::bearer(), "abc")?;
//! let careful = AuthLayer::new(source.clone()).with_replay_methods(ReplayMethods::Idempotent);
//! let never = AuthLayer::new(source).with_replay(Off);
//! # let _ = (careful, never);
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```

pub(crate) mod body;
pub(crate) mod head;
pub(crate) mod in_memory;
pub(crate) mod methods;
pub(crate) mod replayable;
#[cfg(feature = "reqwest")]
pub(crate) mod reqwest;
pub(crate) mod strategies;
pub(crate) mod strategy;
pub(crate) mod text;

pub use crate::replay::body::{Kept, ReplayBody, Superseded};
pub use crate::replay::in_memory::InMemory;
pub use crate::replay::methods::ReplayMethods;
pub use crate::replay::replayable::Replayable;
pub use crate::replay::strategies::{Off, Rewrap, Same, Wrap};
pub use crate::replay::strategy::{Nothing, Replay, Slot};
