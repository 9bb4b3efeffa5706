//! Bodies that can be sent a second time and keep their type.

use std::mem;

use bytes::Bytes;
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};

use http_body::Body;

use crate::error::BoxError;
use crate::replay::body::prefix::BufferQuota;
use crate::replay::body::{Kept, ReplayBody};
use crate::replay::in_memory::InMemory;

/// A body that [`Same`](super::Same) can send again: a body in memory ([`InMemory`], which you can
/// implement for your own body), a boxed one, or a `String`.
#[diagnostic::on_unimplemented(
    message = "a body of type `{Self}` cannot be sent a second time as it is",
    label = "neither in memory nor boxed",
    note = "bodies in memory (`Full`, `Empty`, `String`, ..) can, `BoxBody<Bytes, BoxError>`, and those of axum, \
            reqwest and tonic with the feature of that name; for a stream, say `.with_replay(Wrap::new())` or \
            `.with_replay(Rewrap::new(..))`, or `.with_replay(Off)` to replay nothing (all in \
            `tower_outbound_auth::replay`)"
)]
pub trait Replayable: Sized {
    /// The copy of the body.
    #[doc(hidden)]
    type Kept;

    /// Keeps what is needed for a second body. The first body stays in place.
    #[doc(hidden)]
    fn keep(&mut self, cap: usize, quota: &BufferQuota) -> Option<Self::Kept>;

    /// Whether the whole body can be kept, as far as this is known before it is sent.
    #[doc(hidden)]
    fn is_within(&self, cap: usize) -> bool;

    /// Stops the first body. Returns whether there can be a second one.
    #[doc(hidden)]
    fn pause(kept: &Self::Kept) -> bool;

    /// The second body.
    #[doc(hidden)]
    fn again(kept: Self::Kept) -> Self;
}

/// Its text is here so that the compiler explains the trait above instead of this one.
#[diagnostic::do_not_recommend]
impl<B: InMemory> Replayable for B {
    type Kept = B;

    #[inline]
    fn keep(&mut self, _: usize, _: &BufferQuota) -> Option<B> {
        self.share()
    }

    fn is_within(&self, _: usize) -> bool {
        true
    }

    fn pause(_: &B) -> bool {
        true
    }

    fn again(kept: B) -> B {
        kept
    }
}

/// Streams in a box, which can box another stream by their `new`.
macro_rules! boxed {
    ($body:ty) => {
        impl Replayable for $body {
            type Kept = Kept<$body>;

            fn keep(&mut self, cap: usize, quota: &BufferQuota) -> Option<Self::Kept> {
                let (body, kept) = ReplayBody::new(mem::take(self), cap, quota);
                *self = Self::new(body);
                Some(kept)
            }

            fn is_within(&self, cap: usize) -> bool {
                is_within(self, cap)
            }

            fn pause(kept: &Self::Kept) -> bool {
                kept.pause()
            }

            fn again(kept: Self::Kept) -> Self {
                Self::new(kept.again())
            }
        }
    };
}

boxed!(BoxBody<Bytes, BoxError>);
boxed!(UnsyncBoxBody<Bytes, BoxError>);
#[cfg(feature = "axum")]
boxed!(axum_core::body::Body);
#[cfg(feature = "tonic")]
boxed!(tonic::body::Body);

/// True unless a stream is known to be longer than the cap.
pub(crate) fn is_within(body: &impl Body, cap: usize) -> bool {
    body.size_hint().lower() <= cap as u64
}
