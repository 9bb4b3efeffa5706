//! The spans of a source: one for a refresh, and one for each caller that waits for it.
//!
//! A refresh has a trace of its own, because it works for many callers and may outlive all of them. Links lead from it to
//! the first callers that wait, and from each caller that waits to it.
//!
//! A subscriber is code of a user, so no span is made, linked or dropped under the source's lock. For this reason the
//! machine has only a `Weak`: the task of the refresh owns the span.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::Span;
use tracing::field::Empty;

use crate::basics::TARGET;
use crate::basics::span::failed;
use crate::exchange::context::Reason;
use crate::token::observer::event::WaitFor;

/// A refresh is linked to this many callers: a trace that has thousands of links is hard to read.
const MAX_LINKS: usize = 8;

/// The system and the name of a source.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) system: &'static str,
    pub(crate) source: &'a str,
}

/// The span of one refresh.
#[derive(Debug, Default)]
pub(crate) struct RefreshSpan {
    /// Empty until the lock is released that the refresh began under.
    span: OnceLock<Span>,
    callers: AtomicUsize,
}

impl RefreshSpan {
    /// Begins the span: it is nobody's child.
    pub(crate) fn begin(&self, Named { system, source }: Named<'_>, reason: Reason) -> Span {
        let span = tracing::info_span!(
            target: TARGET, parent: None, "token_refresh",
            system, source, reason = reason.as_str(), outcome = Empty,
            "otel.status_code" = Empty, "error.type" = Empty,
        );
        self.span.get_or_init(|| span).clone()
    }

    /// A caller waits for this refresh.
    pub(crate) fn link(&self, caller: &Span) {
        let Some(refresh) = self.span.get() else { return };
        if caller.is_disabled() {
            return;
        }
        caller.follows_from(refresh);
        if self.callers.fetch_add(1, Ordering::Relaxed) < MAX_LINKS {
            refresh.follows_from(caller);
        }
    }

    /// The refresh has ended.
    pub(crate) fn end(&self, outcome: &'static str) {
        self.span.get().into_iter().for_each(|span| end(span, outcome));
    }
}

/// The span of a caller that begins to wait, in the caller's trace.
pub(crate) fn wait(Named { system, source }: Named<'_>, wait: WaitFor) -> Span {
    tracing::info_span!(
        target: TARGET, "token_wait",
        system, source, wait = wait.as_str(), outcome = Empty,
        "otel.status_code" = Empty, "error.type" = Empty,
    )
}

/// Ends the span of a refresh or of a wait.
pub(crate) fn end(span: &Span, outcome: &'static str) {
    span.record("outcome", outcome);
    if outcome != "ok" {
        failed(span, outcome);
    }
}
