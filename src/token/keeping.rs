//! How the exchange of a source is wrapped, if a store keeps its login.

use std::sync::Arc;
use std::time::Duration;

use crate::exchange::ErasedExchange;
use crate::scheme::presentation::Presentation;
#[cfg(feature = "store")]
use crate::store::{
    erased::ErasedStore,
    kept::status::LoginStatus,
    kept::{Kept, Options},
    memory::MemoryStore,
    token_store::TokenStore,
};

/// The store of a source. Default: none.
#[derive(Clone, Default)]
pub(crate) struct Keeping {
    #[cfg(feature = "store")]
    store: Option<Arc<dyn ErasedStore>>,
    #[cfg(feature = "store")]
    pub(crate) reuse_grace: Duration,
    /// Nobody has given the store.
    #[cfg(feature = "store")]
    is_volatile: bool,
}

impl Keeping {
    #[cfg(feature = "store")]
    pub(crate) fn set_store(&mut self, store: impl TokenStore) {
        self.store = Some(Arc::new(store));
        self.is_volatile = false;
    }

    /// A login that begins with a refresh token always has a store. The same one serves all sources that are built of this one.
    #[cfg(feature = "store")]
    pub(crate) fn complete(&mut self, exchange: &dyn ErasedExchange) {
        if self.store.is_none() && exchange.seed().is_some() {
            self.store = Some(Arc::new(MemoryStore::new()));
            self.is_volatile = true;
        }
    }

    #[cfg(not(feature = "store"))]
    pub(crate) fn complete(&mut self, _: &dyn ErasedExchange) {}

    /// The same, with another store in front of the store, if there is one.
    #[cfg(feature = "store")]
    pub(crate) fn behind(
        &self,
        front: impl FnOnce(Arc<dyn ErasedStore>) -> Arc<dyn ErasedStore>,
    ) -> Keeping {
        Keeping { store: self.store.clone().map(front), ..self.clone() }
    }

    /// The exchange that a source with these options makes.
    #[cfg(feature = "store")]
    pub(crate) fn wrap(
        &self,
        exchange: &Arc<dyn ErasedExchange>,
        presentation: &Arc<dyn Presentation>,
        ttl: Duration,
        default_lifetime: Duration,
    ) -> (Arc<dyn ErasedExchange>, KeptLogin) {
        let Some(store) = &self.store else { return (exchange.clone(), KeptLogin(None)) };
        let Keeping { reuse_grace, is_volatile, .. } = *self;
        let options = Options { reuse_grace, ttl, default_lifetime, is_volatile };
        let (exchange, presentation) = (exchange.clone(), presentation.clone());
        let kept = Arc::new(Kept::new(exchange, presentation, store.clone(), options));
        (kept.clone(), KeptLogin(Some(kept)))
    }

    #[cfg(not(feature = "store"))]
    pub(crate) fn wrap(
        &self,
        exchange: &Arc<dyn ErasedExchange>,
        _: &Arc<dyn Presentation>,
        _: Duration,
        _: Duration,
    ) -> (Arc<dyn ErasedExchange>, KeptLogin) {
        (exchange.clone(), KeptLogin())
    }
}

/// The login that a store keeps, if there is one.
#[cfg(feature = "store")]
pub(crate) struct KeptLogin(Option<Arc<Kept>>);

#[cfg(not(feature = "store"))]
pub(crate) struct KeptLogin();

#[cfg(feature = "store")]
impl KeptLogin {
    pub(crate) fn status(&self) -> Option<LoginStatus> {
        self.0.as_ref().map(|kept| kept.status())
    }

    pub(crate) fn has_refresh_token(&self) -> bool {
        self.status().is_some_and(|status| status.has_refresh_token)
    }
}

#[cfg(not(feature = "store"))]
impl KeptLogin {
    pub(crate) fn has_refresh_token(&self) -> bool {
        false
    }
}
