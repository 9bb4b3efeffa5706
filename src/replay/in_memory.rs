//! Bodies that are completely in memory.

use bytes::Bytes;
use http_body_util::{Either, Empty, Full};

/// A request body in memory. A second body costs only a reference count.
///
/// Implement it for a body type of your own only if the second body equals the first, byte for
/// byte.
///
/// ```
/// use tower_outbound_auth::replay::InMemory;
///
/// #[derive(Clone)]
/// struct Report(bytes::Bytes); // with an `http_body::Body` impl
///
/// impl InMemory for Report {
///     fn share(&self) -> Option<Report> {
///         Some(self.clone())
///     }
/// }
/// # assert!(Report(bytes::Bytes::new()).share().is_some());
/// ```
pub trait InMemory: Sized {
    /// A second body with the same bytes. `None` if that is not possible.
    fn share(&self) -> Option<Self>;
}

macro_rules! clones {
    ($($(#[$doc:meta])* [$($generics:tt)*] $body:ty),* $(,)?) => {$(
        $(#[$doc])*
        impl<$($generics)*> InMemory for $body {
            #[inline]
            fn share(&self) -> Option<Self> {
                Some(self.clone())
            }
        }
    )*};
}

clones! {
    [] Full<Bytes>,
    [] Full<&'static [u8]>,
    [D] Empty<D>,
    [] Bytes,
    [] (),
    [] &'static str,
}

impl<L: InMemory, R: InMemory> InMemory for Either<L, R> {
    fn share(&self) -> Option<Self> {
        match self {
            Either::Left(body) => body.share().map(Either::Left),
            Either::Right(body) => body.share().map(Either::Right),
        }
    }
}

/// No body: a second one is easily made.
impl<B: InMemory> InMemory for Option<B> {
    fn share(&self) -> Option<Self> {
        match self {
            None => Some(None),
            Some(body) => body.share().map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_of_two_kinds_of_bodies_in_memory_is_shared() {
        type Either = http_body_util::Either<&'static str, Option<()>>;
        assert!(matches!(Either::Left("x").share(), Some(Either::Left("x"))));
        assert!(matches!(Either::Right(None).share(), Some(Either::Right(None))));
    }

    #[test]
    fn bodies_in_memory_are_shared_and_empty_bodies_stay_empty() {
        assert_eq!(Some("x").share(), Some(Some("x")));
        assert_eq!(None::<&str>.share(), Some(None));
        let bytes = bytes::Bytes::from(vec![1; 1_000]);
        let shared = bytes.share().unwrap();
        assert_eq!(shared.as_ptr(), bytes.as_ptr(), "the bytes are not copied");
    }
}
