//! Sending a request a second time.
//!
//! A refused request can be answered by renewing the token and sending it again, if a copy of it was
//! kept. What is kept, and what body type the inner service sees, is the choice of a strategy, the second
//! parameter of [`AuthLayer`](crate::AuthLayer):
//!
//! | strategy | for | the inner service sees |
//! |---|---|---|
//! | [`Same`] (default) | bodies in memory, which are shared and not copied; boxed streams | the same body type |
//! | [`Wrap`] | any stream, of which up to 64 KiB are kept | [`ReplayBody`] |
//! | [`Rewrap`] | the same, for an inner service that wants a body type of its own | what a function makes of it |
//! | [`Off`] | any body; nothing is kept, a refusal goes to the caller | the same body type |
//!
//! Of a stream, what has been sent before the refusal is kept, up to a cap; the second request sends that
//! and goes on with the rest of the stream, so that the source is read once. Over the cap, or if the source
//! failed, the refusal goes to the caller as it came, the token is renewed for the next request, and
//! [`Recovery::NotReplayable`](crate::Recovery::NotReplayable) on the response says so.
//!
//! # Memory
//!
//! All that a layer copies of bodies is 64 MiB at most, with what it takes to keep a list of small parts. That is
//! what was sent of streams, and each `String`, which cannot be shared. Where there is no more room, a request is sent
//! all the same, and cannot be sent again. Other bodies in memory (`Full<Bytes>`, reqwest's) are not
//! copied: a second reference to the caller's own buffer is held until the response has come.
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
//! // Tokens are numbers, and the API refuses the first one when it has read a part of the body.
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
//! A request that cannot be sent again, or is known to be longer than the cap, wants a token that will not be
//! refused. When a successor is due, or when the token was refused and is being renewed, it waits for the
//! exchange, for one second at most, and goes with the old token after that. With [`Off`] it does not wait. No
//! other request waits while a token is usable.
//!
//! A 401 means that the request was not applied (RFC 9110 section 15.5.2), so every method is replayed;
//! [`ReplayMethods::Idempotent`] is for those who sit behind relays that cannot be trusted to mean it.
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
pub(crate) mod replayable;
#[cfg(feature = "reqwest")]
pub(crate) mod reqwest;
pub(crate) mod strategies;
pub(crate) mod text;

use std::fmt;

use http::{Method, Request};
use tower_service::Service;

pub(crate) use crate::replay::body::prefix::Room;
pub use crate::replay::body::{Kept, ReplayBody, Superseded};
pub use crate::replay::in_memory::InMemory;
pub use crate::replay::replayable::Replayable;
pub(crate) use crate::replay::sealed::Strategy;
pub use crate::replay::strategies::{Off, Rewrap, Same, Wrap};

/// Which methods may be sent again after a refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayMethods {
    /// All: a 401 says that the request was not applied. The default.
    #[default]
    All,
    /// Only those that may be repeated whatever happened (RFC 9110 section 9.2.2): `GET`, `HEAD`,
    /// `OPTIONS`, `TRACE`, `PUT`, `DELETE`.
    Idempotent,
}

impl ReplayMethods {
    pub(crate) fn allow(self, method: &Method) -> bool {
        self == ReplayMethods::All || method.is_idempotent()
    }
}

/// A strategy of replay: [`Same`], [`Wrap`], [`Rewrap`] or [`Off`]; it cannot be implemented elsewhere.
#[diagnostic::on_unimplemented(
    message = "the strategy `{Self}` cannot replay requests with a body of type `{B}`",
    label = "this body cannot be replayed",
    note = "`Same` replays bodies in memory (`Full`, `Empty`, `String`, ..) and boxed ones with a `BoxError`; \
            for a stream, say `.with_replay(Wrap::new())` or `.with_replay(Rewrap::new(..))`, or \
            `.with_replay(Off)` to replay nothing (all in `tower_outbound_auth::replay`)"
)]
pub trait Replay<B>: Strategy {
    /// The body that the inner service sees.
    type Body;

    /// What is kept of a body.
    #[doc(hidden)]
    type Kept;

    /// Where the future keeps the request.
    #[doc(hidden)]
    type Slot<T>: Slot<T>;

    /// Whether anything is ever kept.
    #[doc(hidden)]
    const KEEPS: bool = true;

    /// What it takes to make the body once more, where it stays of the same type; nothing where that is
    /// impossible, or where it does not.
    #[doc(hidden)]
    fn keep(&self, body: &mut B, room: &Room) -> Option<Self::Kept> {
        let _ = (body, room);
        None
    }

    /// Calls `inner`. Where the body changes its type, this puts into `kept`, if there is such a place, what
    /// it takes to make it once more.
    ///
    /// It calls, rather than return the request, so that a request whose body stays the same does not move:
    /// a move costs 30 instructions.
    #[doc(hidden)]
    fn send<I: Service<Request<Self::Body>>>(
        &self,
        inner: &mut I,
        request: Request<B>,
        room: &Room,
        kept: Option<&mut Option<Self::Kept>>,
    ) -> I::Future;

    /// Whether a request with this body can be sent again as a whole, as far as that is known beforehand.
    #[doc(hidden)]
    fn covers(&self, body: &B) -> bool;

    /// The request was refused: from now on nothing more of its body is sent. Returns whether it can be
    /// sent again.
    #[doc(hidden)]
    fn pause(kept: &Self::Kept) -> bool {
        let _ = kept;
        true
    }

    /// The body once more.
    #[doc(hidden)]
    fn again(kept: Self::Kept) -> Self::Body;
}

/// A place for the kept request: an `Option`, or [`Nothing`] where nothing is ever kept, so that the
/// future does not pay for it.
#[doc(hidden)]
pub trait Slot<T> {
    fn new(kept: Option<T>) -> Self;
    fn get(&mut self) -> Option<&mut T>;
    fn take(&mut self) -> Option<T>;
}

impl<T> Slot<T> for Option<T> {
    fn new(kept: Option<T>) -> Self {
        kept
    }

    fn get(&mut self) -> Option<&mut T> {
        self.as_mut()
    }

    fn take(&mut self) -> Option<T> {
        Option::take(self)
    }
}

#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Nothing;

impl<T> Slot<T> for Nothing {
    fn new(_: Option<T>) -> Self {
        Nothing
    }

    fn get(&mut self) -> Option<&mut T> {
        None
    }

    fn take(&mut self) -> Option<T> {
        None
    }
}

impl fmt::Debug for Nothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nothing")
    }
}

mod sealed {
    /// A strategy, whatever bodies it takes.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` is no strategy of replay",
        label = "not a strategy",
        note = "there are `Same`, `Wrap`, `Rewrap` and `Off` in `tower_outbound_auth::replay`; how much of a \
                stream is kept is said by their `with_cap`"
    )]
    pub trait Strategy: Clone {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_repeated_is_what_rfc_9110_says() {
        for (method, idempotent) in [
            (Method::GET, true),
            (Method::HEAD, true),
            (Method::OPTIONS, true),
            (Method::TRACE, true),
            (Method::PUT, true),
            (Method::DELETE, true),
            (Method::POST, false),
            (Method::PATCH, false),
            (Method::CONNECT, false),
        ] {
            assert_eq!(ReplayMethods::Idempotent.allow(&method), idempotent, "{method}");
            assert!(ReplayMethods::All.allow(&method));
        }
    }

    #[test]
    fn what_keeps_nothing_has_no_place_for_it() {
        let mut nothing = <Nothing as Slot<u8>>::new(Some(7));
        assert_eq!(Slot::<u8>::get(&mut nothing), None);
        assert_eq!(Slot::<u8>::take(&mut nothing), None);
        assert_eq!(format!("{nothing:?}"), "Nothing");
        let mut something = <Option<u8> as Slot<u8>>::new(Some(7));
        assert_eq!(Slot::get(&mut something), Some(&mut 7));
        assert_eq!((Slot::take(&mut something), something), (Some(7), None));
    }

    #[test]
    fn either_of_two_bodies_in_memory_is_shared_as_it_is() {
        type Either = http_body_util::Either<&'static str, Option<()>>;
        assert!(matches!(Either::Left("x").share(), Some(Either::Left("x"))));
        assert!(matches!(Either::Right(None).share(), Some(Either::Right(None))));
    }

    #[test]
    fn bodies_in_memory_are_shared_and_what_is_not_there_is_nothing_twice() {
        assert_eq!(Some("x").share(), Some(Some("x")));
        assert_eq!(None::<&str>.share(), Some(None));
        let bytes = bytes::Bytes::from(vec![1; 1_000]);
        let shared = bytes.share().unwrap();
        assert_eq!(shared.as_ptr(), bytes.as_ptr(), "not copied");
    }
}
