//! Which exchanges the current code runs on behalf of.
//!
//! An exchange whose own request needs a token from the very source that it is to supply would wait
//! for itself. So each exchange carries the sources it works for: in a task-local while its code runs,
//! and in an extension of the HTTP request it sends, because a `Buffer` or an actor may send that from
//! another task. Going through *another* source is normal (a token to reach the token endpoint), and a
//! flight that starts there inherits the chain.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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

    /// Runs `future` as part of an exchange with this chain.
    pub(crate) fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), future)
    }
}
