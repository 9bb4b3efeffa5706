//! The trait of replay strategies.

use std::fmt;

use http::Request;
use tower_service::Service;

pub(crate) use self::sealed::Strategy;
use crate::replay::body::prefix::BufferQuota;

/// A strategy of replay: [`Same`](super::Same), [`Wrap`](super::Wrap), [`Rewrap`](super::Rewrap) or [`Off`](super::Off); it cannot be implemented elsewhere.
#[diagnostic::on_unimplemented(
    message = "the strategy `{Self}` cannot replay requests with a body of type `{B}`",
    label = "this body cannot be replayed",
    note = "`Same` replays bodies in memory (`Full`, `Empty`, `String`, ..) and boxed ones with a `BoxError`; \
            for a stream, say `.with_replay(Wrap::new())` or `.with_replay(Rewrap::new(..))`, or \
            `.with_replay(Off)` to replay nothing (all in `tower_outbound_auth::replay`)"
)]
pub trait Replay<B>: Strategy {
    /// The body that the inner service gets.
    type Body;

    /// The copy of a body.
    #[doc(hidden)]
    type Kept;

    /// The place in the future where the request is kept.
    #[doc(hidden)]
    type Slot<T>: Slot<T>;

    /// Whether anything is ever kept.
    #[doc(hidden)]
    const KEEPS: bool = true;

    /// Keeps what is needed for a second body, if the body keeps its type and can be sent again.
    #[doc(hidden)]
    fn keep(&self, body: &mut B, quota: &BufferQuota) -> Option<Self::Kept> {
        let _ = (body, quota);
        None
    }

    /// Calls `inner`. If the body changes its type, this stores what a second body needs in `kept`, if `kept` has a
    /// request.
    ///
    /// It calls `inner` itself, because returning the request would cost 30 instructions for the
    /// move.
    #[doc(hidden)]
    fn send<I: Service<Request<Self::Body>>>(
        &self,
        inner: &mut I,
        request: Request<B>,
        quota: &BufferQuota,
        kept: Option<&mut Option<Self::Kept>>,
    ) -> I::Future;

    /// Whether this body can be sent again, as far as this is known before it is sent.
    #[doc(hidden)]
    fn covers(&self, body: &B) -> bool;

    /// The request was refused: stops its body. Returns whether it can be sent again.
    #[doc(hidden)]
    fn pause(kept: &Self::Kept) -> bool {
        let _ = kept;
        true
    }

    /// The second body.
    #[doc(hidden)]
    fn again(kept: Self::Kept) -> Self::Body;

    /// The second body, and what a third one needs, if a third one is possible.
    #[doc(hidden)]
    fn again_and_keep(
        &self,
        kept: Self::Kept,
        quota: &BufferQuota,
    ) -> (Self::Body, Option<Self::Kept>) {
        let _ = quota;
        (Self::again(kept), None)
    }
}

/// A place for the kept request: an `Option`, or [`Nothing`], which takes no memory, for a strategy that keeps
/// nothing.
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
    /// A strategy, for any type of body.
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
    fn a_strategy_that_keeps_nothing_uses_no_memory() {
        let mut nothing = <Nothing as Slot<u8>>::new(Some(7));
        assert_eq!(Slot::<u8>::get(&mut nothing), None);
        assert_eq!(Slot::<u8>::take(&mut nothing), None);
        assert_eq!(format!("{nothing:?}"), "Nothing");
        let mut something = <Option<u8> as Slot<u8>>::new(Some(7));
        assert_eq!(Slot::get(&mut something), Some(&mut 7));
        assert_eq!((Slot::take(&mut something), something), (Some(7), None));
    }
}
