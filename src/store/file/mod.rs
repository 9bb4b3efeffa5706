//! A store in a file.

pub(crate) mod contents;
pub(crate) mod lock;
pub(crate) mod place;
pub(crate) mod steps;
pub(crate) mod write;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::clock::Now;
use crate::secret::Secret;
use crate::store::error::StoreError;
use crate::store::file::contents::Contents;
use crate::store::file::lock::Lock;
use crate::store::file::place::{Place, unusable};
use crate::store::file::steps::{AllSteps, Step, Steps};
use crate::store::file::write::{remove_abandoned, replace};
use crate::store::key::Key;
use crate::store::lease::{Acquire, Fence, Lease, Publish, Stored};
use crate::store::token_store::TokenStore;

/// How long a caller waits before it asks for the lock again.
const RETRY_IN: Duration = Duration::from_millis(20);

/// Keeps one login in a file, for the processes of one machine.
///
/// - The file is a JSON object in plain text. This crate writes it for its owner only (mode 0600). Members that this crate does not
///   know are kept. A file that others than its owner and its group may read is an error, whose text has the command that corrects
///   this. The group may read it, because Kubernetes can give it that right at each start (`fsGroup` of a volume).
/// - A file is for one login. Its member `key` is a hash of the system's name, the address of the token endpoint (and the issuer),
///   the client id and the kind of its proof, the grant and the place of its seed, the member that has the token, and all parameters
///   (scope, audience, resource). The secret, the certificate and the DPoP key are no part of it. If a login with another hash
///   wants to use the file, that is an error, and the file stays as it is. If it is the same login with another description (the seed
///   has moved to another path, say), remove the member `key`.
/// - A write makes a new file in the same folder, makes it durable, and puts it in the place of the old one. A crash leaves the
///   old file or the new one. So the folder must be writable. A new file that a dead process left is removed after a minute.
/// - The lock is a second file in the same folder, with the ending `.lock`. Do not delete it while a process runs. The kernel
///   releases the lock when the process dies. *It does not hold between machines:* on NFS and other network file systems, two
///   machines can send the same refresh token.
/// - The time of a lease is not used: a lease lasts until its holder drops it or dies.
/// - On Windows, the mode of the file is not set.
///
/// ```
/// use tower_outbound_auth::store::FileStore;
///
/// let store = FileStore::new("/var/lib/billing/login.json"); // reads nothing yet
/// assert_eq!(format!("{store:?}"), r#"FileStore("/var/lib/billing/login.json")"#);
/// ```
#[derive(Clone)]
pub struct FileStore {
    path: Arc<Path>,
    steps: Arc<dyn Steps>,
}

impl FileStore {
    /// A store in this file. The file is made by the first exchange. Its folder must exist.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> FileStore {
        FileStore { path: path.into().into(), steps: Arc::new(AllSteps) }
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[cfg(test)]
    pub(crate) fn with_steps(self, steps: impl Steps) -> FileStore {
        FileStore { steps: Arc::new(steps), ..self }
    }

    /// Reads the file. Without a file, the contents are empty.
    fn read(&self, place: &Place, key: &Key) -> Result<Contents, StoreError> {
        let failed = |error| unusable("read", &place.file, error);
        self.steps.before(Step::Read).map_err(failed)?;
        let Some(text) = place.read()? else { return Ok(Contents::default()) };
        let path = place.file.display();
        let contents = Contents::parse(&text).ok_or_else(|| {
            StoreError::configuration(format!(
                "{path} is no login that this crate has written: restore it, or move it away and log in again"
            ))
        })?;
        if !contents.is_of(key) {
            return Err(StoreError::configuration(format!(
                "{path} has the login of another client, endpoint, grant or scope: give each login its own file"
            )));
        }
        Ok(contents)
    }

    fn take(&self, key: Key, seen: Option<Fence>, now: Now) -> Result<Acquire, StoreError> {
        let place = Place::of(&self.path)?;
        // A newer token needs no lock, and no folder that is writable.
        if let Some(newer) = self.read(&place, &key)?.entry().filter(|it| Some(it.fence) > seen) {
            return Ok(Acquire::Newer(newer));
        }
        self.steps.before(Step::Lock).map_err(|error| unusable("lock", &place.lock, error))?;
        let Some(mut lock) = Lock::take(&place)? else {
            return Ok(Acquire::Busy { retry_in: RETRY_IN });
        };
        remove_abandoned(&place);
        // The holder before this one may have published a token.
        let contents = self.read(&place, &key)?;
        if let Some(newer) = contents.entry().filter(|it| Some(it.fence) > seen) {
            return Ok(Acquire::Newer(newer));
        }
        let fence = Fence::next(now, [lock.last_fence(), contents.fence(), seen]);
        lock.note(fence).map_err(|error| unusable("write", &place.lock, error))?;
        let held = Held { place, _lock: lock };
        Ok(Acquire::Lead(Lease::new(key, fence, contents.stored()).with_state(held)))
    }

    /// Changes the file under a lease, if `may` allows it. Runs to its end even if the future is dropped.
    async fn change(
        &self,
        lease: &Lease,
        may: impl FnOnce(&Contents) -> bool + Send + 'static,
        change: impl FnOnce(&mut Contents) -> Option<()> + Send + 'static,
    ) -> Result<Publish, StoreError> {
        let (store, key, held) = (self.clone(), *lease.key(), lease.state::<Held>());
        on_a_thread(move || {
            let held = held.ok_or_else(|| {
                StoreError::configuration(
                    "the lease is of another store: give it to the store that has made it",
                )
            })?;
            let mut contents = store.read(&held.place, &key)?;
            if !may(&contents) {
                return Ok(Publish::Superseded(contents.entry()));
            }
            change(&mut contents).ok_or_else(|| {
                StoreError::configuration(
                    "the token or the carry is no JSON object: a file store needs one",
                )
            })?;
            replace(&held.place, contents.to_json().expose(), &*store.steps)?;
            Ok(Publish::Stored)
        })
        .await
    }
}

/// The lock of a live lease. A thread that writes has it too, so the lock is held until the write has ended.
struct Held {
    place: Place,
    /// It is only dropped.
    _lock: Lock,
}

impl TokenStore for FileStore {
    async fn load(&self, key: &Key) -> Result<Stored, StoreError> {
        let (store, key) = (self.clone(), *key);
        on_a_thread(move || Ok(store.read(&Place::of(&store.path)?, &key)?.stored())).await
    }

    async fn acquire(
        &self,
        key: &Key,
        seen: Option<Fence>,
        _ttl: Duration,
        now: Now,
    ) -> Result<Acquire, StoreError> {
        let (store, key) = (self.clone(), *key);
        on_a_thread(move || store.take(key, seen, now)).await
    }

    async fn keep(&self, lease: &Lease, carry: &Secret) -> Result<Publish, StoreError> {
        let (key, fence, carry) = (*lease.key(), lease.fence(), carry.clone());
        let is_last = move |contents: &Contents| contents.fence() <= Some(fence);
        self.change(lease, is_last, move |contents| contents.set_carry(&key, &carry)).await
    }

    async fn publish(
        &self,
        lease: &Lease,
        token: &Secret,
        carry: &Secret,
    ) -> Result<Publish, StoreError> {
        let (key, fence) = (*lease.key(), lease.fence());
        let (token, carry) = (token.clone(), carry.clone());
        let is_newer = move |contents: &Contents| contents.fence() < Some(fence);
        let set = move |contents: &mut Contents| {
            contents.set_carry(&key, &carry)?;
            contents.set_token(fence, &token)
        };
        self.change(lease, is_newer, set).await
    }

    fn is_for_one_login(&self) -> bool {
        true
    }
}

/// Files block. The work runs to its end, even if the future is dropped.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let Ok(runtime) = Handle::try_current() else {
        return Err(StoreError::unreachable("a file store needs a tokio runtime"));
    };
    let ended = runtime.spawn_blocking(work).await;
    ended.unwrap_or_else(|_| Err(StoreError::unreachable("the runtime is ending")))
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FileStore").field(&self.path).finish()
    }
}
