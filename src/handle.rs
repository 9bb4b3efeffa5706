//! What each service and each future has in its hand of what they all share.

use std::sync::{Arc, OnceLock};

use crate::shard::{Padded, Shard, Sharded};
use crate::shared::Shared;

/// Handles are taken from handles, this often one after the other: a service's for the clone that a task gets,
/// and that one's for a thread that the task is moved to. What is taken from the last is the same once more.
const DEPTH: u8 = 2;

/// Keeps a [`Shared`] alive. Threads of different shards move different reference counts: a single one would be
/// the only thing that all of them write, which costs 60 ns at two threads, for each request and for each clone
/// of a service.
pub(crate) struct Handle<S>(Arc<Padded<Held<S>>>);

struct Held<S> {
    shared: Arc<Shared<S>>,
    shard: Shard,
    /// Those for other shards. They keep no hold of this one, so that none holds itself.
    others: OnceLock<Box<Sharded<Handle<S>>>>,
    /// How many more may follow.
    depth: u8,
}

impl<S> Handle<S> {
    /// The first, of the shard of this thread.
    pub(crate) fn new(shared: Arc<Shared<S>>) -> Handle<S> {
        Handle::of(shared, Shard::mine(), DEPTH)
    }

    fn of(shared: Arc<Shared<S>>, shard: Shard, depth: u8) -> Handle<S> {
        Handle(Arc::new(Padded(Held { shared, shard, others: OnceLock::new(), depth })))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<S>> {
        &self.0.0.shared
    }

    /// One for the threads of a shard.
    #[inline]
    pub(crate) fn at(&self, shard: Shard) -> Handle<S> {
        let held = &self.0.0;
        let handle = if held.shard == shard { self } else { self.other(shard) };
        Handle(handle.0.clone())
    }

    fn other(&self, shard: Shard) -> &Handle<S> {
        let Held { shared, others, depth, .. } = &self.0.0;
        if *depth == 0 {
            return self;
        }
        let others = others.get_or_init(|| Box::new(Sharded::new()));
        others.at(shard, || Handle::of(shared.clone(), shard, depth - 1))
    }
}

/// One for the threads of this thread's shard.
impl<S> Clone for Handle<S> {
    fn clone(&self) -> Handle<S> {
        self.at(Shard::mine())
    }
}
