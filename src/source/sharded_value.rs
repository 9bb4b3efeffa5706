//! The header value of a token, once for each shard of threads.
//!
//! All shards show the same bytes; what each has of its own is the reference count, in cache lines of its
//! own. The bytes are those of the scheme's value, which wipes them when the last shard and the last request
//! have let go.

use bytes::Bytes;
use http::HeaderValue;

use crate::shard::{Padded, Shard, Sharded};

#[derive(Debug)]
pub(super) struct ShardedValue {
    value: HeaderValue,
    /// Boxed: sixteen places for values would take more room than all else of a token.
    shards: Sharded<Box<Padded<HeaderValue>>>,
}

impl ShardedValue {
    /// Takes a value that is marked sensitive.
    pub(super) fn new(value: HeaderValue) -> ShardedValue {
        ShardedValue { value, shards: Sharded::new() }
    }

    /// The one that all share, for those who look at it.
    pub(super) fn shared(&self) -> &HeaderValue {
        &self.value
    }

    /// A shard's, for those who clone it.
    #[inline]
    pub(super) fn at(&self, shard: Shard) -> &HeaderValue {
        &self.shards.at(shard, || Box::new(Padded(self.one_more()))).0
    }

    #[cold]
    fn one_more(&self) -> HeaderValue {
        let bytes = Bytes::from_owner(Padded(self.value.clone()));
        let Ok(mut shard) = HeaderValue::from_maybe_shared(bytes) else {
            return self.value.clone(); // cannot be: the same bytes are one already
        };
        shard.set_sensitive(true);
        shard
    }
}

impl AsRef<[u8]> for Padded<HeaderValue> {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_shows_the_same_bytes_and_is_as_sensitive() {
        let mut value = HeaderValue::from_static("Bearer abc");
        value.set_sensitive(true);
        let sharded = ShardedValue::new(value.clone());
        let mine = sharded.at(Shard::mine());
        assert_eq!(mine, value);
        assert!(mine.is_sensitive());
        assert_eq!(mine.as_bytes().as_ptr(), value.as_bytes().as_ptr(), "not copied");
    }
}
