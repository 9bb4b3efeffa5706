//! Reads credentials on a thread of their own, because reading may block.
//!
//! One thread at a time reads a credential, however many exchanges need it. Otherwise a file system that hangs would
//! cost a thread for each attempt. No exchange waits for the thread longer than a deadline.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{Either, Shared, select};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::credential::error::{CredentialError, CredentialErrorKind};
use crate::credential::text::DEADLINE;

type Outcome = Result<(), CredentialError>;

/// The readings of one credential: at most one at a time.
#[derive(Default)]
pub(crate) struct Readings {
    /// The last reading, running or ended.
    last: Mutex<Option<Reading>>,
}

/// A reading that is running or has ended.
#[derive(Clone)]
struct Reading {
    outcome: Shared<oneshot::Receiver<Outcome>>,
    over: Arc<AtomicBool>,
}

impl Readings {
    /// Waits for the reading that is running, or starts one. None if that takes too long.
    pub(crate) async fn join(
        &self,
        clock: &dyn Clock,
        read: impl FnOnce() -> Outcome + Send + 'static,
    ) -> Option<Outcome> {
        let reading = self.current(read);
        match select(reading.outcome, clock.sleep(DEADLINE)).await {
            Either::Left((Ok(outcome), _)) => Some(outcome),
            Either::Left((Err(_), _)) => {
                let message =
                    "the function that reads a credential panicked, or the runtime is ending";
                Some(Err(CredentialError::new(CredentialErrorKind::Panicked, message)))
            }
            Either::Right(_) => None,
        }
    }

    /// The reading that is running, or a new one.
    fn current(&self, read: impl FnOnce() -> Outcome + Send + 'static) -> Reading {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reading) = last.as_ref().filter(|it| !it.over.load(Ordering::Acquire)) {
            return reading.clone();
        }
        let (sender, receiver) = oneshot::channel();
        let over = Arc::new(AtomicBool::new(false));
        let ending = Over(over.clone());
        tokio::task::spawn_blocking(move || {
            let outcome = read();
            drop(ending); // before the wake-ups, because a woken task may start the next reading
            let _ = sender.send(outcome);
        });
        let new = Reading { outcome: receiver.shared(), over };
        *last = Some(new.clone());
        new
    }
}

/// Ends a reading, even if its function panics or its thread never begins.
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
