//! What the exchange of a kept login remembers.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::secret::Secret;
use crate::store::error::StoreError;
use crate::store::kept::access::Access;
use crate::store::kept::login::Login;
use crate::store::kept::status::LoginStatus;
use crate::store::lease::Fence;

/// A login that is newer than the one in the store.
pub(crate) struct Unsaved {
    /// The token that the store still has.
    pub(crate) base: Option<Secret>,
    pub(crate) login: Login,
    pub(crate) access: Access,
}

/// What the exchange of a kept login remembers. Nothing of it is needed after a restart.
#[derive(Default)]
pub(crate) struct Memory(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    /// The fence of the last token that the source got.
    seen: Option<Fence>,
    unsaved: Option<Unsaved>,
    /// The store has refused to save the unsaved login.
    is_lost_at_the_end: bool,
    status: LoginStatus,
    is_told: bool,
}

impl Memory {
    pub(crate) fn seen(&self) -> Option<Fence> {
        self.lock().seen
    }

    pub(crate) fn see(&self, fence: Fence) {
        let mut it = self.lock();
        it.seen = it.seen.max(Some(fence));
    }

    /// The state of the login, for the status.
    pub(crate) fn note(&self, login: &Login) {
        self.lock().status.note(login);
    }

    /// A login is about to be saved.
    pub(crate) fn is_unsaved(&self, unsaved: Unsaved) {
        let mut it = self.lock();
        it.status.note(&unsaved.login);
        it.unsaved = Some(unsaved);
    }

    /// The store has this login. Returns whether a login was unsaved before because the store had failed.
    pub(crate) fn saved(&self, login: &Login) -> bool {
        let mut it = self.lock();
        it.unsaved = None;
        it.status.note(login);
        it.status.store_error = None;
        it.status.is_saved = true;
        std::mem::take(&mut it.is_lost_at_the_end)
    }

    pub(crate) fn forget_unsaved(&self) {
        let mut it = self.lock();
        it.unsaved = None;
        it.is_lost_at_the_end = false;
        it.status.is_saved = true;
    }

    /// The store has failed.
    pub(crate) fn failed(&self, error: StoreError) {
        let mut it = self.lock();
        it.status.store_error = Some(error);
        it.is_lost_at_the_end = it.unsaved.is_some();
        it.status.is_saved = it.unsaved.is_none();
    }

    /// The unsaved login, if the store still has the token that it replaces.
    pub(crate) fn newer_than(&self, stored: &Login) -> Option<Login> {
        let it = self.lock();
        let unsaved = it.unsaved.as_ref()?;
        let text = |token: &Option<Secret>| token.as_ref().map(|it| it.expose().to_owned());
        (text(&unsaved.base) == text(&stored.token)).then(|| unsaved.login.clone())
    }

    /// When the unsaved access token ends, since 1970.
    pub(crate) fn unsaved_ends_at(&self) -> Option<Duration> {
        self.lock().unsaved.as_ref().map(|unsaved| unsaved.access.ends_at())
    }

    /// True at the first call.
    pub(crate) fn tell_once(&self) -> bool {
        !std::mem::replace(&mut self.lock().is_told, true)
    }

    pub(crate) fn status(&self) -> LoginStatus {
        self.lock().status.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
