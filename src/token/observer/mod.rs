//! Observers: code of yours that is told what a source does.
//!
//! An [`Observer`] gets an [`Event`] when something happens that an operator wants to know: a refresh, a wait, a
//! refusal. A request with a usable token, whose response accepts it, makes no event and costs nothing.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use tower_outbound_auth::exchange::{self, Issued};
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::TokenSource;
//! use tower_outbound_auth::token::{Event, EventKind, Observer};
//!
//! /// Keeps one line for each refresh that ended.
//! #[derive(Default)]
//! struct Refreshes(Mutex<Vec<String>>);
//!
//! impl Observer for Refreshes {
//!     fn event(&self, event: &Event<'_>) {
//!         if let EventKind::RefreshFinished { reason, outcome, .. } = &event.kind {
//!             let line = format!("{}: {reason}: {}", event.source, outcome.as_str());
//!             self.0.lock().unwrap().push(line);
//!         }
//!     }
//! }
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let refreshes = Arc::new(Refreshes::default());
//! let login = exchange::from_fn(|| async { Ok(Issued::new("abc")) });
//! let source = TokenSource::builder(HeaderScheme::bearer(), login)
//!     .name("reports")
//!     .observer(refreshes.clone())
//!     .build();
//! source.token().await?;
//! # while refreshes.0.lock().unwrap().is_empty() { tokio::task::yield_now().await; }
//! assert_eq!(*refreshes.0.lock().unwrap(), ["reports: first: ok"]);
//! # Ok::<_, tower_outbound_auth::Error>(()) })?;
//! # Ok::<_, tower_outbound_auth::BoxError>(())
//! ```

pub(crate) mod event;
pub(crate) mod store_operation;
pub(crate) mod tell;
pub(crate) mod wait;
#[cfg(feature = "store")]
pub(crate) mod watched_store;

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::basics::TARGET;
use crate::token::observer::event::Event;

/// Is told what a source does. See [`SourceBuilder::observer`](crate::token::SourceBuilder::observer).
///
/// - It is called after the source's lock is released, on the thread on which the event happened. So it may use the source:
///   it may call [`status`](crate::TokenSource::status), or ask for a token. Events that it causes on its own thread
///   while it is called are not told to any observer.
/// - If it blocks, it delays that thread, which may be one of an async runtime. So it should not block: count, or send
///   to a channel that has no limit.
/// - If it panics, nobody is harmed. One `WARN` says so for each observer, and later events are still told.
/// - Two threads may tell their events in either order. [`Event::at`] has the time of each, and the number of a refresh joins its
///   events.
///
/// An event has no secret: no token, no credential, and no text of a server.
pub trait Observer: Send + Sync + 'static {
    /// Something has happened.
    fn event(&self, event: &Event<'_>);
}

/// For an observer that you keep a handle to.
impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn event(&self, event: &Event<'_>) {
        (**self).event(event);
    }
}

/// The observers of a source, in the order in which they were added.
#[derive(Clone, Default)]
pub(crate) struct Observers(Vec<Arc<Observed>>);

struct Observed {
    observer: Box<dyn Observer>,
    /// The log has an event about its panic.
    has_panicked: AtomicBool,
}

thread_local! {
    /// An observer is being called on this thread.
    static TELLING: Cell<bool> = const { Cell::new(false) };
}

/// Ends the call of observers on this thread.
struct Telling;

impl Telling {
    /// None within the call of an observer: it would be called without end.
    fn begin() -> Option<Telling> {
        let was_telling = TELLING.try_with(|telling| telling.replace(true)).unwrap_or(true);
        // Not `then_some`, which would make one and drop it.
        (!was_telling).then(|| Telling)
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        let _ = TELLING.try_with(|telling| telling.set(false));
    }
}

impl Observers {
    pub(crate) fn add(&mut self, observer: impl Observer) {
        let observer = Box::new(observer);
        self.0.push(Arc::new(Observed { observer, has_panicked: AtomicBool::new(false) }));
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells each observer. Do not call this under a lock.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        let Some(_telling) = Telling::begin() else { return };
        for observed in &self.0 {
            let told = catch_unwind(AssertUnwindSafe(|| observed.observer.event(event)));
            if let Err(panic) = told {
                discard(panic);
                if !observed.has_panicked.swap(true, Ordering::Relaxed) {
                    let (system, source) = (event.system, event.source);
                    tracing::warn!(target: TARGET, system, source, "an observer panicked: its later events are still told (this is said once)");
                }
            }
        }
    }
}

/// Drops what a panic has left. It is not shown, because it may contain a secret. Its `Drop` may panic, too.
fn discard(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        mem::forget(again);
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} observers", self.0.len())
    }
}
