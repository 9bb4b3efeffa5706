//! One caller's wait, from its first moment to its outcome.

use std::mem;
use std::sync::Weak;
use std::sync::atomic::Ordering;

use tracing::Span;

use crate::clock::Now;
use crate::error::Error;
use crate::token::observer::event::{EventKind, WaitFor, WaitOutcome};
use crate::token::published::AccessToken;
use crate::token::shared::Core;
use crate::token::spans::{self, RefreshSpan};

/// Counts one waiting caller until it is dropped, has its span, and tells the observers. If it is dropped before its end,
/// the caller gave up.
pub(crate) struct Wait<'a> {
    core: &'a Core,
    /// None if the observers need not know.
    wait: Option<WaitFor>,
    /// None until the caller has to wait.
    began: Option<Now>,
    /// Disabled until then, and if the observers need not know.
    span: Span,
}

impl<'a> Wait<'a> {
    pub(crate) fn of(core: &'a Core, wait: Option<WaitFor>) -> Wait<'a> {
        Wait { core, wait, began: None, span: Span::none() }
    }

    /// The caller has to wait for this refresh. It may have waited for another one before.
    pub(crate) fn begin(&mut self, refresh: &Weak<RefreshSpan>) {
        if self.began.is_none() {
            self.began = Some(self.core.now());
            let waiters = self.core.waiters.fetch_add(1, Ordering::Relaxed) + 1;
            if let Some(wait) = self.wait {
                self.span = spans::wait(self.core.named_source(), wait);
                self.core.tell(EventKind::WaitStarted { wait, waiters });
            }
        }
        if let Some(refresh) = refresh.upgrade() {
            refresh.link(&self.span);
        }
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.began.is_some()
    }

    /// The caller got a token or an error. A token that it got without a wait is no event.
    pub(crate) fn end_with(&mut self, outcome: &Result<AccessToken, Error>) {
        match outcome {
            Ok(_) if self.began.is_none() => {}
            Ok(_) => self.end(WaitOutcome::Token),
            Err(error) => self.end(WaitOutcome::Failed(error)),
        }
    }

    pub(crate) fn end(&mut self, outcome: WaitOutcome<'_>) {
        let began = self.began.take();
        spans::end(&mem::replace(&mut self.span, Span::none()), outcome.as_str());
        let waiters = match began {
            Some(_) => self.core.waiters.fetch_sub(1, Ordering::Relaxed).saturating_sub(1),
            None => self.core.waiters.load(Ordering::Relaxed),
        };
        if let Some(wait) = self.wait {
            let took = began.map(|began| self.core.now().since(began));
            self.core.tell(EventKind::WaitFinished { wait, took, waiters, outcome });
        }
    }
}

/// This only counts, ends the span and tells the observers, so it does not panic.
impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if self.has_begun() {
            self.end(WaitOutcome::GaveUp);
        }
    }
}
