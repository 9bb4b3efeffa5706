//! The exchange of a source with a store: asks the store, then perhaps the inner exchange.

pub(crate) mod access;
pub(crate) mod decision;
pub(crate) mod found;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod looking;
pub(crate) mod memory;
pub(crate) mod status;
pub(crate) mod texts;

#[cfg(all(test, feature = "test-util"))]
mod tests;

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::basics::TARGET;
use crate::credential::Credential;
use crate::exchange::context::{ExchangeContext, Reason};
use crate::exchange::error::{AfterError, ExchangeError, ExchangeErrorKind};
use crate::exchange::identity::Identity;
use crate::exchange::issued::Issued;
use crate::exchange::{ErasedExchange, Exchange};
use crate::scheme::presentation::Presentation;
use crate::secret::Secret;
use crate::store::erased::ErasedStore;
use crate::store::error::StoreError;
use crate::store::kept::access::Access;
use crate::store::kept::decision::{Decision, Facts, Lost, decide};
use crate::store::kept::found::{Acquired, Elsewhere};
use crate::store::kept::login::{Login, Seed};
use crate::store::kept::memory::{Memory, Unsaved};
use crate::store::kept::status::LoginStatus;
use crate::store::kept::texts::{
    about_another_key, bound_to_a_key, is_about_the_proof, log_in_again, wait,
};
use crate::store::key::{Key, fingerprint};
use crate::store::lease::{Lease, Publish};

/// Options of a source with a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// For this long after its first use, the provider accepts a refresh token again.
    pub(crate) reuse_grace: Duration,
    /// The longest time of an exchange.
    pub(crate) ttl: Duration,
    /// The life of an access token that states none.
    pub(crate) default_lifetime: Duration,
    /// Nobody has chosen the store: it is in memory.
    pub(crate) is_volatile: bool,
}

/// An exchange that keeps its login in a store.
pub(crate) struct Kept {
    inner: Arc<dyn ErasedExchange>,
    presentation: Arc<dyn Presentation>,
    store: Arc<dyn ErasedStore>,
    system: &'static str,
    key: Key,
    options: Options,
    memory: Memory,
}

impl Kept {
    pub(crate) fn new(
        inner: Arc<dyn ErasedExchange>,
        presentation: Arc<dyn Presentation>,
        store: Arc<dyn ErasedStore>,
        options: Options,
    ) -> Kept {
        let identity = inner.identity();
        let system = identity.system();
        let key = match store.is_for_one_login() {
            true => Key::of_any_process(&identity),
            false => Key::of(&with_login(identity, inner.seed())),
        };
        Kept { inner, presentation, store, system, key, options, memory: Memory::default() }
    }

    pub(crate) fn status(&self) -> LoginStatus {
        self.memory.status()
    }

    /// The exchange can obtain a token without a refresh token.
    fn has_primary(&self) -> bool {
        self.inner.seed().is_none()
    }

    async fn seed(&self, cx: &ExchangeContext) -> Result<Option<Seed>, ExchangeError> {
        match self.inner.seed() {
            Some(seed) => Ok(Some(Seed::new(cx.credential(seed).await?))),
            None => Ok(None),
        }
    }

    /// Renews the token under a lease.
    async fn renew(
        &self,
        cx: &ExchangeContext,
        lease: &Lease,
        seed: Option<&Seed>,
    ) -> Result<Issued, ExchangeError> {
        let mut login = self.login(cx, lease, seed)?;
        let mut may_look_again = true;
        loop {
            self.memory.note(&login);
            let token = match decide(&login, self.facts(cx, lease)) {
                Decision::Redeem(token) => token,
                Decision::Primary => return self.primary(cx, lease, login).await,
                Decision::Wait { since, left } => return Err(wait(since, left)),
                Decision::LogInAgain(lost) => {
                    let another_key = login.may_have_another_key();
                    return Err(log_in_again(lost, self.inner.seed(), another_key, None));
                }
            };
            let before = login.clone();
            // In one write with the mark: whoever finds this refresh token also finds its key.
            login = login.bound_to(self.key_of_logins(cx)?);
            login = login.sending(cx.now().since_epoch());
            self.keep(lease, &login).await?;
            if before.in_doubt_since.is_some() {
                tracing::info!(target: TARGET, system = self.system, "a refresh token in doubt is sent again");
            }
            let part = cx.with_kept_refresh_token(Some(token.clone()), login.key.clone());
            let error = match self.inner.exchange(&part).await {
                Ok(issued) => return Ok(self.publish(cx, lease, login, Some(token), issued).await),
                Err(error) => error,
            };
            match error.refresh_token() {
                AfterError::InDoubt => {
                    tracing::warn!(target: TARGET, system = self.system, "a refresh token is in doubt: it was sent, and no answer tells whether it is spent");
                    self.memory.note(&login);
                    return Err(error);
                }
                AfterError::Replaced(new) => {
                    // If this cannot be written, the old token stays in doubt.
                    self.note_if_kept(lease, &login.renewed(Some(new))).await;
                    return Err(error.without_refresh_token());
                }
                AfterError::Unspent => {
                    // If this cannot be written, the token stays in doubt.
                    self.note_if_kept(lease, &before).await;
                    let is_refused = error.kind() == ExchangeErrorKind::Refused;
                    return match self.has_primary() && is_refused {
                        true => self.primary(cx, lease, before).await,
                        // It is the first use of the key of a public client.
                        false
                            if is_about_the_proof(&error)
                                && before.key.is_none()
                                && login.key.is_some() =>
                        {
                            Err(about_another_key(error))
                        }
                        false => Err(error),
                    };
                }
                AfterError::Refused => {}
            }
            if mem::take(&mut may_look_again) {
                match self.elsewhere(cx, lease, seed, &token).await {
                    Some(Elsewhere::Token(issued)) => return Ok(issued),
                    Some(Elsewhere::Login(other)) => {
                        login = other;
                        continue;
                    }
                    None => {}
                }
            }
            tracing::warn!(target: TARGET, system = self.system, "the endpoint has refused the refresh token");
            login = login.refused();
            self.note_if_kept(lease, &login).await;
            return match self.has_primary() {
                true => self.primary(cx, lease, login).await,
                false => {
                    let another_key = login.may_have_another_key();
                    Err(log_in_again(Lost::Refused, self.inner.seed(), another_key, Some(error)))
                }
            };
        }
    }

    /// Obtains a token without a refresh token.
    async fn primary(
        &self,
        cx: &ExchangeContext,
        lease: &Lease,
        login: Login,
    ) -> Result<Issued, ExchangeError> {
        let issued = self.inner.exchange(&cx.with_kept_refresh_token(None, None)).await?;
        Ok(self.publish(cx, lease, login, None, issued).await)
    }

    /// The login that the store has, or the newer one that could not be saved.
    fn login(
        &self,
        cx: &ExchangeContext,
        lease: &Lease,
        seed: Option<&Seed>,
    ) -> Result<Login, ExchangeError> {
        let stored = match &lease.stored().carry {
            None => Login::default(),
            Some(carry) => Login::parse(carry).ok_or_else(|| {
                let message = "the store has a login that this crate has not written: restore it, or remove it and log in again";
                self.failed(StoreError::configuration(message))
            })?,
        };
        if let Some(key) = stored.key.as_ref().filter(|_| !self.binds_logins()) {
            return Err(bound_to_a_key(&key.thumbprint));
        }
        let login = self.memory.newer_than(&stored).unwrap_or(stored);
        let known = login.seed.clone();
        let login = login.with_seed(seed);
        if known.is_some() && known != login.seed {
            tracing::info!(target: TARGET, system = self.system, "somebody has logged in again: the new login is used");
        }
        Ok(match self.key_of_logins(cx)? {
            Some(key) => login.with_users_key(&key),
            None => login,
        })
    }

    fn facts(&self, cx: &ExchangeContext, lease: &Lease) -> Facts {
        let stored = lease.stored().entry.as_ref().and_then(|entry| Access::parse(&entry.token));
        let ends = stored.map(|access| access.ends_at()).max(self.memory.unsaved_ends_at());
        Facts {
            now: cx.now().since_epoch(),
            grace: self.options.reuse_grace,
            has_primary: self.has_primary(),
            access_ends: ends.filter(|_| cx.reason() != Reason::Refused),
        }
    }

    /// Writes the login before something is sent.
    async fn keep(&self, lease: &Lease, login: &Login) -> Result<(), ExchangeError> {
        match self.store.keep(lease, &login.to_json()).await {
            Ok(Publish::Stored) => {
                if self.memory.saved(login) {
                    tracing::info!(target: TARGET, system = self.system, "the refresh token is saved again");
                }
                Ok(())
            }
            Ok(Publish::Superseded(_)) => {
                let message = "somebody else has taken over the lease of this login";
                Err(StoreError::unreachable(message).into())
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Writes the login after something was sent. If that fails, the older one stays, which says that the token is in doubt.
    async fn note_if_kept(&self, lease: &Lease, login: &Login) {
        if let Ok(()) = self.keep(lease, login).await {
            self.memory.note(login);
        }
    }

    /// Stores a new token.
    async fn publish(
        &self,
        cx: &ExchangeContext,
        lease: &Lease,
        login: Login,
        redeemed: Option<Secret>,
        issued: Issued,
    ) -> Issued {
        let times = (cx.sent(), cx.now());
        let access = Access::of(&issued, login.seed.clone(), times, self.options.default_lifetime);
        let key = self.key_of(&issued);
        let (token, token_type) = (issued.access_token(), issued.token_type());
        let access = match self.presentation.header_value(token, token_type) {
            Ok(_) => access.bound_to(key.as_ref()),
            Err(_) => access.that_nobody_can_use(),
        };
        let login = match redeemed.is_none() && self.binds_logins() {
            true => Login { key: issued.refresh_token().and(key), ..login }, // a new login
            false => login,
        };
        let base = login.token.clone();
        let token = match issued.refresh_token() {
            Some(new) => Some(new.clone()),
            None if issued.keeps_refresh_token() || !self.has_primary() => redeemed,
            None => None,
        };
        if self.options.is_volatile
            && base.is_some()
            && token.as_ref().is_some_and(|it| !login.has_token(it))
        {
            self.warn_of_a_volatile_login();
        }
        let login = login.renewed(token);
        let (text, carry) = (access.to_json(), login.to_json());
        // Before the store is asked, because this future may be dropped meanwhile.
        self.memory.is_unsaved(Unsaved { base, login: login.clone(), access });
        match self.store.publish(lease, &text, &carry).await {
            Ok(Publish::Stored) => {
                if self.memory.saved(&login) {
                    tracing::info!(target: TARGET, system = self.system, "the refresh token is saved again");
                }
            }
            Ok(Publish::Superseded(_)) => self.memory.forget_unsaved(),
            Err(error) => {
                tracing::warn!(target: TARGET, system = self.system, %error, "the new refresh token cannot be saved: it is used from memory, and is lost if the process ends");
                self.memory.failed(error);
            }
        }
        self.memory.see(lease.fence());
        issued.without_refresh_token()
    }

    fn warn_of_a_volatile_login(&self) {
        if self.memory.tell_once() {
            tracing::warn!(
                target: TARGET, system = self.system,
                "this login is lost at the next restart: the provider has sent a new refresh token, and it is kept in memory \
                 only: give the source a store (this is said once)",
            );
        }
    }

    fn failed(&self, error: StoreError) -> ExchangeError {
        self.memory.failed(error.clone());
        error.into()
    }
}

/// Tells logins apart whose seeds have no place.
fn with_login(identity: Identity, seed: Option<&Credential>) -> Identity {
    match seed.filter(|seed| seed.is_value()).map(Credential::current) {
        Some(Ok(seed)) => identity.with("login", fingerprint(seed.expose())),
        _ => identity,
    }
}

impl Exchange for Kept {
    async fn exchange(&self, cx: &ExchangeContext) -> Result<Issued, ExchangeError> {
        let seed = self.seed(cx).await?;
        let lease = match self.acquire(cx, seed.as_ref()).await? {
            Acquired::Token(issued) => return Ok(issued),
            Acquired::Lease(lease) => lease,
        };
        let issued = self.renew(cx, &lease, seed.as_ref()).await;
        if let Err(error) = self.store.release(lease).await {
            tracing::debug!(target: TARGET, system = self.system, %error, "the lease of a login was not released: it ends by itself");
        }
        issued
    }

    fn identity(&self) -> Identity {
        self.inner.identity()
    }

    fn credentials(&self) -> &[Credential] {
        self.inner.credentials()
    }
}
