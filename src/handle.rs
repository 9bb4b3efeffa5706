//! What each service and each future has in its hand of what they all share.

use std::sync::{Arc, OnceLock};

use crate::shard::{Padded, Shard, Sharded};

/// A handle makes others for other shards, and these make others in turn: a service's clone is given to a task, and
/// the task moves to another thread. So often; the last hands out itself, or there would be no end of them.
const DEPTH: u8 = 2;

/// Keeps what is shared alive. Threads of different shards move different reference counts: a single one would be
/// the only thing that all of them write, which costs 60 ns at two threads, for each request and for each clone
/// of a service.
pub(crate) struct Handle<T>(Arc<Padded<Held<T>>>);

struct Held<T> {
    shared: Arc<T>,
    shard: Shard,
    /// Those for other shards. They keep no hold of this one, so that none holds itself.
    others: OnceLock<Box<Sharded<Handle<T>>>>,
    /// How many more may follow.
    depth: u8,
}

impl<T> Handle<T> {
    /// The first, of the shard of this thread.
    pub(crate) fn new(shared: Arc<T>) -> Handle<T> {
        Handle::of(shared, Shard::mine(), DEPTH)
    }

    fn of(shared: Arc<T>, shard: Shard, depth: u8) -> Handle<T> {
        Handle(Arc::new(Padded(Held { shared, shard, others: OnceLock::new(), depth })))
    }

    pub(crate) fn shared(&self) -> &Arc<T> {
        &self.0.0.shared
    }

    /// One for the threads of a shard.
    #[inline]
    pub(crate) fn at(&self, shard: Shard) -> Handle<T> {
        let held = &self.0.0;
        let handle = if held.shard == shard { self } else { self.other(shard) };
        Handle(handle.0.clone())
    }

    fn other(&self, shard: Shard) -> &Handle<T> {
        let Held { shared, others, depth, .. } = &self.0.0;
        if *depth == 0 {
            return self;
        }
        let others = others.get_or_init(|| Box::new(Sharded::new()));
        others.at(shard, || Handle::of(shared.clone(), shard, depth - 1))
    }
}

/// One for the threads of this thread's shard.
impl<T> Clone for Handle<T> {
    fn clone(&self) -> Handle<T> {
        self.at(Shard::mine())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::thread;

    fn is_one(one: &Handle<u8>, other: &Handle<u8>) -> bool {
        Arc::ptr_eq(&one.0, &other.0)
    }

    /// On a thread of another shard than this one's.
    fn elsewhere<R: Send>(run: impl Fn() -> R + Sync) -> R {
        let mine = Shard::mine();
        loop {
            let on_another = || (Shard::mine() != mine).then(&run);
            let ran = thread::scope(|scope| scope.spawn(on_another).join());
            if let Some(result) = ran.unwrap() {
                return result;
            }
        }
    }

    #[test]
    fn a_shard_has_a_count_of_its_own_and_keeps_it() {
        let handle = Handle::new(Arc::new(7));
        assert!(is_one(&handle, &handle.clone()));
        let (theirs, again) = elsewhere(|| (handle.clone(), handle.clone()));
        assert!(!is_one(&handle, &theirs));
        assert!(is_one(&theirs, &again), "made once");
        assert!(Arc::ptr_eq(handle.shared(), theirs.shared()));
        assert!(!is_one(&theirs, &theirs.clone()), "nor does a moved one move the other's count");
    }

    #[test]
    fn handles_taken_from_handles_come_to_an_end() {
        let mut last = Handle::new(Arc::new(7));
        for depth in 0..10 {
            let next = if depth % 2 == 0 { elsewhere(|| last.clone()) } else { last.clone() };
            assert_eq!(is_one(&last, &next), depth >= DEPTH.into(), "{depth}");
            last = next;
        }
    }

    #[test]
    fn what_is_shared_goes_with_the_last_handle() {
        let shared = Arc::new(7);
        let handle = Handle::new(shared.clone());
        let theirs = elsewhere(|| handle.clone());
        drop(handle);
        assert_eq!(Arc::strong_count(&shared), 2);
        drop(theirs);
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}
