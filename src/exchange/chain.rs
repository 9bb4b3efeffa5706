//! The chain of sources whose exchanges the current code works for.
//!
//! An exchange that needs a token of its own source would wait for itself. To detect this, each exchange has a chain:
//! the sources that it works for. The chain is in a task-local while the code of the exchange runs. It is also in an
//! extension of its HTTP requests, because a `Buffer` may send them from another task. If an exchange needs a token
//! of *another* source, the refresh of that source gets a chain with both.
//!
//! A chain has four sources at most. A longer one is mostly a mistake, and its exchanges one after the other take longer than
//! a caller waits.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most sources of a chain.
const MAX_LENGTH: usize = 4;

/// Identifies a source within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceId(u64);

impl SourceId {
    pub(crate) fn next() -> SourceId {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        SourceId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

tokio::task_local! {
    static CURRENT: Chain;
}

/// The sources that an exchange works for, with the names of their systems. The first is the outermost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain(Arc<[(SourceId, &'static str)]>);

impl Chain {
    /// The chain of the exchange that the current task runs. Empty outside of an exchange.
    pub(crate) fn current() -> Chain {
        CURRENT.try_with(Chain::clone).unwrap_or_default()
    }

    /// The chain in a request, or else the chain of the current task.
    pub(crate) fn of(extensions: &::http::Extensions) -> Chain {
        extensions.get::<Chain>().cloned().unwrap_or_else(Chain::current)
    }

    /// The chain in a request of an exchange.
    pub(crate) fn in_request(extensions: &::http::Extensions) -> Option<&Chain> {
        extensions.get::<Chain>().filter(|chain| !chain.0.is_empty())
    }

    pub(crate) fn contains(&self, source: SourceId) -> bool {
        self.0.iter().any(|(it, _)| *it == source)
    }

    pub(crate) fn with(&self, source: SourceId, system: &'static str) -> Chain {
        Chain(self.0.iter().copied().chain([(source, system)]).collect())
    }

    /// Why no exchange of `source` may begin as a part of this chain, if the chain is too long. A source that is in the chain
    /// already is another mistake: it would wait for itself.
    pub(crate) fn too_long_with(&self, source: SourceId, system: &str) -> Option<String> {
        if self.0.len() < MAX_LENGTH || self.contains(source) {
            return None;
        }
        let systems: Vec<_> = self.0.iter().map(|(_, system)| *system).chain([system]).collect();
        Some(format!(
            "the chain of sources is longer than four: {}: give one of them a credential that needs no other source",
            systems.join(", ")
        ))
    }

    /// Records that the exchange of this chain waits for an exchange of `source`, until the returned guard is
    /// dropped. None if that exchange already waits for this one, directly or through others: then all of them would
    /// wait for ever.
    pub(crate) fn wait_for(&self, source: SourceId) -> Option<Waits> {
        let Some(waiting) = self.0.last().map(|(it, _)| *it) else { return Some(Waits(None)) };
        let mut all = waits();
        let mut reached = vec![source];
        let mut next = 0;
        while let Some(&from) = reached.get(next) {
            if from == waiting {
                return None;
            }
            let further = all.iter().filter(|(it, _)| *it == from).map(|(_, to)| *to);
            let further: Vec<_> = further.filter(|to| !reached.contains(to)).collect();
            reached.extend(further);
            next += 1;
        }
        all.push((waiting, source));
        Some(Waits(Some((waiting, source))))
    }

    /// Runs `future` as a part of an exchange with this chain.
    pub(crate) fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), future)
    }
}

/// Which exchanges in this process wait for which. One entry for each exchange that waits for another source's token.
static WAITS: Mutex<Vec<(SourceId, SourceId)>> = Mutex::new(Vec::new());

fn waits() -> MutexGuard<'static, Vec<(SourceId, SourceId)>> {
    WAITS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One exchange waits for another one. None if the waiting code is not part of an exchange.
#[derive(Debug)]
pub(crate) struct Waits(Option<(SourceId, SourceId)>);

impl Drop for Waits {
    fn drop(&mut self) {
        let Some(this) = self.0 else { return };
        let mut all = waits();
        if let Some(at) = all.iter().position(|it| *it == this) {
            all.swap_remove(at);
        }
    }
}
