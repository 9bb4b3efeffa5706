//! The keys of logins and of their access tokens (DPoP, RFC 9449).
//!
//! The refresh token of a public client is bound to a key for its whole life, so the login has the key too. An access token is used
//! only by a process that has its key.

use crate::exchange::bound_key::BoundKey;
use crate::exchange::context::ExchangeContext;
use crate::exchange::error::ExchangeError;
use crate::exchange::issued::Issued;
use crate::scheme::key_binding::KeyBinding;
use crate::store::kept::Kept;
use crate::store::kept::access::Access;
use crate::store::kept::login::{Login, Seed};
use crate::store::lease::Entry;

impl Kept {
    /// Whether refresh tokens are bound to a key.
    pub(crate) fn binds_logins(&self) -> bool {
        self.presentation.key_binding().is_some_and(KeyBinding::binds_refresh_tokens)
    }

    /// The key that the access token of an exchange is bound to.
    pub(crate) fn key_of(&self, issued: &Issued) -> Option<BoundKey> {
        self.presentation.key_binding()?.key_of(issued.access_token())
    }

    /// The key that a new login is bound to: that of a public client with DPoP.
    pub(crate) fn key_of_logins(
        &self,
        cx: &ExchangeContext,
    ) -> Result<Option<BoundKey>, ExchangeError> {
        let keys = self.presentation.key_binding().filter(|keys| keys.binds_refresh_tokens());
        let shown = cx.shown();
        keys.map(|keys| keys.current(&|it| shown.value(it))).transpose()
    }

    /// The token of a store, if this source can use it: it is of the same login, lives long enough, and is bound to a key that is
    /// known.
    pub(crate) async fn usable(
        &self,
        cx: &ExchangeContext,
        entry: &Entry,
        seed: Option<&Seed>,
    ) -> Option<Issued> {
        let access = Access::parse(&entry.token)?;
        let issued = access.issued(seed.map(|seed| &*seed.fingerprint), cx.now())?;
        let has_key = match (self.presentation.key_binding(), access.dpop_thumbprint()) {
            (None, thumbprint) => thumbprint.is_none(),
            (Some(keys), None) => keys.accepts_unbound(),
            (Some(keys), Some(thumbprint)) => {
                let (token, known) = (issued.access_token(), BoundKey::known_by(thumbprint));
                let shown = cx.shown();
                let adopt = |key: &BoundKey| keys.adopt(token, key, &|it| shown.value(it));
                // Another process may have made the key, and kept it with the login.
                adopt(&known) || self.kept_key(thumbprint).await.is_some_and(|key| adopt(&key))
            }
        };
        has_key.then_some(issued)
    }

    /// The key with this thumbprint that the store has.
    async fn kept_key(&self, thumbprint: &str) -> Option<BoundKey> {
        let login = Login::parse(self.store.load(&self.key).await.ok()?.carry.as_ref()?)?;
        login.key.filter(|key| &*key.thumbprint == thumbprint)
    }
}
