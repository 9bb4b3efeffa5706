//! A refusal, until it is known what follows.

use std::sync::Arc;

use crate::auth::config::Shared;
use crate::error::recovery::Recovery;
use crate::token::machine::events::{Complaint, Generation};

/// Tells the observers of the source once. If this is dropped before, the caller gave up.
pub(crate) struct Judged {
    shared: Option<Arc<Shared>>,
    complaint: Complaint,
    generation: Generation,
}

impl Judged {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        complaint: Complaint,
        generation: Generation,
    ) -> Judged {
        Judged { shared: Some(shared.clone()), complaint, generation }
    }

    /// Nothing is told: the response was not about the token.
    pub(crate) fn nothing() -> Judged {
        Judged { shared: None, complaint: Complaint::Doubt, generation: Generation::of(0) }
    }

    /// This follows. More calls change nothing.
    #[cold]
    #[inline(never)]
    pub(crate) fn followed_by(&mut self, recovery: Recovery) {
        if let Some(shared) = self.shared.take() {
            shared.core.tell_refusal(self.complaint, self.generation, Some(recovery));
        }
    }
}

impl Drop for Judged {
    fn drop(&mut self) {
        self.followed_by(Recovery::OutOfTime);
    }
}
