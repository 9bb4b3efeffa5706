//! What a store gives: tokens with a fence, and the lease of the one who may renew them.

use std::any::Any;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Now;
use crate::secret::Secret;
use crate::store::key::Key;

/// The number of a lease, and of the token that its holder publishes. For one key, fences only grow, also over restarts.
/// So a token with a larger fence is newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(NonZeroU64);

/// Much more than the time of any clock in microseconds.
const LARGEST: u64 = u64::MAX / 2;

impl Fence {
    /// A fence of this number. None if it is zero.
    #[must_use]
    pub fn new(number: u64) -> Option<Fence> {
        NonZeroU64::new(number).map(Fence)
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0.get()
    }

    /// Whether larger fences can follow. If not, no token could be stored any more, and something else has written this one.
    pub(crate) fn can_grow(self) -> bool {
        self.number() <= LARGEST
    }

    /// A fence that is larger than all these. It is at least the time in microseconds since 1970, so that fences also grow if a
    /// store loses its data.
    ///
    /// ```
    /// use tower_outbound_auth::clock::{Clock, SystemClock};
    /// use tower_outbound_auth::store::Fence;
    ///
    /// let now = SystemClock::new().now();
    /// let first = Fence::next(now, []);
    /// assert!(Fence::next(now, [Some(first), None]) > first);
    /// ```
    #[must_use]
    pub fn next(now: Now, known: impl IntoIterator<Item = Option<Fence>>) -> Fence {
        let last = known.into_iter().flatten().max().map_or(0, Fence::number);
        let time = u64::try_from(now.since_epoch().as_micros()).unwrap_or(u64::MAX);
        Fence(NonZeroU64::MIN.saturating_add(time.max(last.saturating_add(1)).saturating_sub(1)))
    }
}

/// A token in a store. The store does not read its text, which is a JSON object.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The fence of the lease whose holder published the token.
    pub fence: Fence,
    /// The token. A store that is shared over a network must get it sealed.
    pub token: Secret,
}

impl Entry {
    /// A token with its fence.
    pub fn new(fence: Fence, token: impl Into<Secret>) -> Entry {
        Entry { fence, token: token.into() }
    }
}

/// All that a store has under one key. Default: nothing.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stored {
    /// The last token.
    pub entry: Option<Entry>,
    /// What the next holder of a lease needs: a JSON object with a refresh token, and whether it is in doubt. A store keeps its
    /// text as it is.
    pub carry: Option<Secret>,
}

impl Stored {
    /// A token and a carry.
    #[must_use]
    pub fn new(entry: Option<Entry>, carry: Option<Secret>) -> Stored {
        Stored { entry, carry }
    }

    /// The fence of the last token.
    #[must_use]
    pub fn fence(&self) -> Option<Fence> {
        self.entry.as_ref().map(|entry| entry.fence)
    }
}

/// The right to renew the token of one key. At most one lease of a key is live.
///
/// A lease ends with [`release`](crate::store::TokenStore::release), when it is dropped, when its process dies, or after its
/// time, whichever the store supports.
pub struct Lease {
    key: Key,
    fence: Fence,
    stored: Stored,
    state: Option<Arc<dyn Any + Send + Sync>>,
}

impl Lease {
    /// A lease. `stored` is what the store has under the key. Only stores make leases.
    #[must_use]
    pub fn new(key: Key, fence: Fence, stored: Stored) -> Lease {
        Lease { key, fence, stored, state: None }
    }

    /// Adds something of the store, such as an open file with a lock. It is dropped with the lease.
    #[must_use]
    pub fn with_state(self, state: impl Any + Send + Sync) -> Lease {
        Lease { state: Some(Arc::new(state)), ..self }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The fence of the lease: it is larger than that of every lease and of every token before.
    #[must_use]
    pub fn fence(&self) -> Fence {
        self.fence
    }

    /// What the store had when it gave the lease.
    #[must_use]
    pub fn stored(&self) -> &Stored {
        &self.stored
    }

    /// What [`with_state`](Lease::with_state) has added. A store that works on another thread moves it there: the lease then
    /// lives until the work ends, even if the lease itself is dropped. None if there is nothing of this type.
    #[must_use]
    pub fn state<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.state.clone()?.downcast().ok()
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("key", &self.key)
            .field("fence", &self.fence)
            .finish_non_exhaustive()
    }
}

/// The answer to [`TokenStore::acquire`](crate::store::TokenStore::acquire).
#[derive(Debug)]
#[non_exhaustive]
pub enum Acquire {
    /// There is a newer token than the one that the caller has seen.
    Newer(Entry),
    /// The caller may renew the token.
    Lead(Lease),
    /// Somebody else has the lease.
    Busy {
        /// How long to wait before the next call.
        retry_in: Duration,
    },
}

/// The answer to a write under a lease.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Publish {
    /// It is stored.
    Stored,
    /// Nothing was changed, because a later lease has taken over. With the last token, if there is one.
    Superseded(Option<Entry>),
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn the_next_fence_is_the_time_or_one_more_than_the_last() {
        let now = |micros| Now::new(Duration::ZERO, UNIX_EPOCH + Duration::from_micros(micros));
        let next = |micros, known: &[u64]| {
            Fence::next(now(micros), known.iter().map(|it| Fence::new(*it))).number()
        };
        for (micros, known, fence) in [
            (0, &[][..], 1),
            (0, &[0], 1),
            (7, &[], 7),
            (7, &[3, 6], 7),
            (7, &[7], 8),
            (7, &[9, 3], 10),
            (7, &[u64::MAX], u64::MAX),
        ] {
            assert_eq!(next(micros, known), fence, "{micros} {known:?}");
        }
        let can_grow = |number| Fence::new(number).unwrap().can_grow();
        assert!(can_grow(LARGEST) && !can_grow(LARGEST + 1));
    }
}
