//! The spans of a source: one for a refresh, and one for each caller that waits for it.
//!
//! A refresh has a trace of its own, because it works for many callers and may outlive all of them. Links lead from it to
//! the first callers that wait, and from each caller that waits to it.
//!
//! A subscriber is code of a user, so no span is made, linked or dropped under the source's lock. For this reason the
//! machine has only a `Weak`: the task of the refresh owns the span.

use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

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
    /// The callers that came before that.
    early: Mutex<Vec<Span>>,
    /// How many callers are linked.
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
        let span = self.span.get_or_init(|| span);
        self.link_early(span);
        span.clone()
    }

    /// A caller waits for this refresh.
    pub(crate) fn link(&self, caller: &Span) {
        if caller.is_disabled() {
            return;
        }
        if let Some(refresh) = self.span.get() {
            return self.link_to(refresh, caller);
        }
        let caller = caller.clone();
        self.early().push(caller);
        // If the span has begun meanwhile, its beginning may not have seen this caller.
        if let Some(refresh) = self.span.get() {
            self.link_early(refresh);
        }
    }

    fn link_early(&self, refresh: &Span) {
        let early = mem::take(&mut *self.early());
        early.iter().for_each(|caller| self.link_to(refresh, caller));
    }

    fn link_to(&self, refresh: &Span, caller: &Span) {
        caller.follows_from(refresh);
        if self.callers.fetch_add(1, Ordering::Relaxed) < MAX_LINKS {
            refresh.follows_from(caller);
        }
    }

    /// No code of a subscriber runs under this lock.
    fn early(&self) -> MutexGuard<'_, Vec<Span>> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn a_caller_that_comes_before_the_span_has_begun_is_linked_once() {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tests"));
        let second = tracing::Dispatch::new(tracing_subscriber::registry()); // as in tests/traces/viewer.rs
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let named = Named { system: "atlas", source: "reports" };
            let refresh = RefreshSpan::default();
            let callers: Vec<_> = (0..10).map(|_| wait(named, WaitFor::Token)).collect();
            callers[..5].iter().for_each(|caller| refresh.link(caller));
            drop(refresh.begin(named, Reason::First));
            callers[5..].iter().for_each(|caller| refresh.link(caller));
        });
        drop(second);
        let spans = exporter.get_finished_spans().unwrap();
        assert_eq!(spans.len(), 11);
        for span in spans {
            let links = if span.name == "token_refresh" { MAX_LINKS } else { 1 };
            assert_eq!(span.links.len(), links, "{span:?}");
        }
    }
}
