//! Values that end, in files that a platform rewrites before: the JWT of a workload.
//!
//! A value that has ended, or ends within 5 s, is read once more after 1 s. If it still does, nothing is sent. A file that is not
//! there yet is no error of the set-up, because a platform may write it later.

use std::time::Duration;

use crate::clock::{Clock, Now};
use crate::credential::error::{CredentialError, CredentialErrorKind};
use crate::credential::need::{Life, Need};
use crate::credential::reload::reload;
use crate::credential::shown::{Shown, Value};
use crate::credential::{Credential, Place};
use crate::secret::Secret;

/// A request may take this long.
const MARGIN: Duration = Duration::from_secs(5);

/// A platform that is about to write the file may need this long.
const PAUSE: Duration = Duration::from_secs(1);

impl Credential {
    /// The same credential, whose value must not end before the request arrives. Only for a file: a function makes a new value,
    /// and nobody rewrites a fixed one.
    pub(crate) fn in_time(&self, life: fn(&Secret) -> Life) -> Credential {
        match self.0.place {
            Place::File(_) => Credential(self.0.clone(), Need::InTime(life)),
            _ => self.clone(),
        }
    }
}

impl Value {
    /// None unless the value must be in time.
    fn life(&self) -> Option<Life> {
        match self.credential.1 {
            Need::InTime(life) => Some(life(&self.secret)),
            _ => None,
        }
    }

    fn described(&self, now: Duration) -> Option<String> {
        let life = self.life()?.described(now)?;
        Some(format!("the JWT in {} {life}", self.credential))
    }
}

/// Reads the credentials for an attempt.
///
/// # Errors
///
/// If a credential that is needed cannot be read, or if a value that must be in time ends too soon.
pub(crate) async fn reload_in_time(
    credentials: &[Credential],
    clock: &dyn Clock,
) -> Result<Shown, CredentialError> {
    let shown = reload(credentials, clock).await?;
    if ending(&shown, clock.now()).is_none() {
        return Ok(shown);
    }
    clock.sleep(PAUSE).await;
    let shown = reload(credentials, clock).await?;
    match ending(&shown, clock.now()) {
        None => Ok(shown),
        Some(described) => {
            let message = format!(
                "{described}: is the program that writes it running, and is the clock of this machine right? Nothing \
                 was sent"
            );
            Err(CredentialError::new(CredentialErrorKind::Unusable, message))
        }
    }
}

/// The first value that ends too soon, described.
fn ending(shown: &Shown, now: Now) -> Option<String> {
    let soon = (now + MARGIN).since_epoch();
    let ends =
        |value: &&Value| value.life().and_then(|life| life.end).is_some_and(|end| end <= soon);
    shown.values().iter().find(ends)?.described(now.since_epoch())
}

/// Whether one of these values must be in time.
pub(crate) fn is_any(shown: &Shown) -> bool {
    shown.values().iter().any(|value| value.life().is_some())
}

/// The values that must be in time, described, for the error of a refusal.
pub(crate) fn ages(shown: &Shown, now: Now) -> impl Iterator<Item = String> {
    shown.values().iter().filter_map(move |value| value.described(now.since_epoch()))
}
