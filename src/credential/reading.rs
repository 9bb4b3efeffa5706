//! Reading credentials again, where reading may block.
//!
//! A credential is read by one thread at a time, whoever wants it: a file system that hangs would else cost a
//! thread for each attempt. Nobody waits for that thread longer than a deadline.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, Shared, join_all, select};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::credential::Credential;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};

/// Half the time that an exchange has by default: the other half is for the token endpoint.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// A reading that is under way.
#[derive(Clone)]
pub(crate) struct Reading {
    outcome: Shared<oneshot::Receiver<Result<(), ExchangeError>>>,
    over: Arc<AtomicBool>,
}

/// Reads those that may change again.
///
/// # Errors
///
/// If one cannot be read and has no last good value, or if its reading takes too long.
pub(crate) async fn reload(
    credentials: &[Credential],
    clock: &dyn Clock,
) -> Result<(), ExchangeError> {
    let changing = credentials.iter().filter(|credential| credential.may_change());
    let read = join_all(changing.map(|credential| credential.read_again(clock))).await;
    read.into_iter().collect()
}

impl Credential {
    async fn read_again(&self, clock: &dyn Clock) -> Result<(), ExchangeError> {
        let reading = self.reading();
        match select(reading.outcome, clock.sleep(DEADLINE)).await {
            Either::Left((Ok(read), _)) => read,
            Either::Left((Err(_), _)) => {
                let message =
                    "the function that reads a credential panicked, or the runtime is ending";
                Err(ExchangeError::new(ExchangeErrorKind::Panicked, message))
            }
            Either::Right(_) => Err(self.unreadable(
                "cannot be read: it has taken more than 5 s (a pipe that nobody writes into, or a file \
                 system that hangs?)",
            )),
        }
    }

    /// The reading that is under way, or a new one.
    fn reading(&self) -> Reading {
        let mut reading = self.0.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reading) = reading.as_ref().filter(|it| !it.over.load(Ordering::Acquire)) {
            return reading.clone();
        }
        let (sender, receiver) = oneshot::channel();
        let over = Arc::new(AtomicBool::new(false));
        let (credential, ending) = (self.clone(), Over(over.clone()));
        tokio::task::spawn_blocking(move || {
            let read = credential.reload();
            drop(ending); // before anybody is woken, who may want to read once more
            let _ = sender.send(read);
        });
        let new = Reading { outcome: receiver.shared(), over };
        *reading = Some(new.clone());
        new
    }
}

/// Ends a reading, also if its function panics or its thread never begins.
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
