//! The sources whose exchanges the current code is a part of.
//!
//! An exchange that needs a token of its own source would wait for itself. To find this out, each exchange knows the sources
//! that it is a part of. They stand in a task-local while its code runs, and in an extension of the HTTP request that it
//! sends, because a `Buffer` may send that from another task. An exchange may need a token of *another* source. A refresh of
//! that source gets a chain with both.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tells sources apart within the process.
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

/// The sources that an exchange works for, outermost first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain(Arc<[SourceId]>);

impl Chain {
    /// The chain of the exchange that the current task runs; empty outside one.
    pub(crate) fn current() -> Chain {
        CURRENT.try_with(Chain::clone).unwrap_or_default()
    }

    /// The chain that a request was sent with; that of the current task if it carries none.
    pub(crate) fn of(extensions: &::http::Extensions) -> Chain {
        extensions.get::<Chain>().cloned().unwrap_or_else(Chain::current)
    }

    /// The chain that a request of an exchange carries.
    pub(crate) fn in_request(extensions: &::http::Extensions) -> Option<&Chain> {
        extensions.get::<Chain>().filter(|chain| !chain.0.is_empty())
    }

    pub(crate) fn contains(&self, source: SourceId) -> bool {
        self.0.contains(&source)
    }

    pub(crate) fn with(&self, source: SourceId) -> Chain {
        Chain(self.0.iter().copied().chain([source]).collect())
    }

    /// Notes that the exchange of this chain waits for one of `source`, until what is returned is dropped. None if that
    /// one waits for this one, through however many others: all of them would wait for ever.
    pub(crate) fn wait_for(&self, source: SourceId) -> Option<Waits> {
        let Some(waiting) = self.0.last().copied() else { return Some(Waits(None)) };
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

    /// Runs `future` as part of an exchange with this chain.
    pub(crate) fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), future)
    }
}

/// Whose exchange waits for whose, in this process. There are as many as exchanges that wait for another source's token.
static WAITS: Mutex<Vec<(SourceId, SourceId)>> = Mutex::new(Vec::new());

fn waits() -> MutexGuard<'static, Vec<(SourceId, SourceId)>> {
    WAITS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One exchange waits for another one; none if it is no exchange that waits.
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
