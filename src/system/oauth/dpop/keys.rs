//! Where the key of a system with DPoP is.

use std::slice;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::credential::{Credential, Values};
use crate::error::Error;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::system::oauth::dpop::proof::ProofKey;
use crate::system::oauth::key::algorithm::Algorithm;
use crate::system::oauth::key::flaw::Flaw;
use crate::system::oauth::key::jwt_key::JwtKey;
use crate::system::oauth::key::signing_key::SigningKey;

/// The key of the next exchange. Clones share it.
#[derive(Clone)]
pub(crate) struct Keys {
    /// None if the key is read from a credential, and was not yet read.
    last: Arc<ArcSwapOption<ProofKey>>,
    from: Option<JwtKey>,
}

impl Keys {
    pub(crate) fn held(key: ProofKey) -> Keys {
        Keys { last: Arc::new(ArcSwapOption::from_pointee(key)), from: None }
    }

    pub(crate) fn read_from(key: JwtKey) -> Keys {
        Keys { last: Arc::default(), from: Some(key) }
    }

    /// The credentials that an exchange reads for the key.
    pub(crate) fn credentials(&self) -> &[Credential] {
        self.from.as_ref().map_or(&[], JwtKey::credentials)
    }

    /// What tells this key from another one: its thumbprint, or the place where it is read.
    pub(crate) fn id(&self) -> String {
        match (&self.from, self.last()) {
            (Some(from), _) => slice::from_ref(from)
                .iter()
                .flat_map(JwtKey::credentials)
                .map(Credential::id)
                .collect(),
            (None, last) => last.map(|key| key.thumbprint().to_owned()).unwrap_or_default(),
        }
    }

    /// The key that was used last. None if it was not yet read.
    pub(crate) fn last(&self) -> Option<Arc<ProofKey>> {
        self.last.load_full()
    }

    /// The key for an exchange, for which these values were read.
    ///
    /// # Errors
    ///
    /// *Configuration* if the credential has no usable key.
    pub(crate) fn key(&self, values: Values<'_>) -> Result<Arc<ProofKey>, ExchangeError> {
        let Some(from) = &self.from else {
            return self.last().ok_or_else(|| {
                ExchangeError::new(ExchangeErrorKind::Configuration, "there is no DPoP key")
            });
        };
        let key = from.key(values, None)?;
        if let Some(last) = self.last().filter(|last| last.thumbprint() == key.thumbprint()) {
            return Ok(last);
        }
        let key = Arc::new(ProofKey::new(key));
        self.last.store(Some(key.clone()));
        Ok(key)
    }

    /// Replaces the key.
    ///
    /// # Errors
    ///
    /// If the key is read from a credential.
    pub(crate) fn replace(&self, key: ProofKey) -> Result<(), Error> {
        if let Some(from) = &self.from {
            let place = from.credentials().iter().map(Credential::to_string).collect::<String>();
            return Err(Error::configuration(format!(
                "the DPoP key is read from {place}: put the new key there, and it is used from the next exchange on"
            )));
        }
        self.last.store(Some(Arc::new(key)));
        Ok(())
    }
}

pub(crate) fn new_key(algorithm: Algorithm) -> Result<ProofKey, Error> {
    ProofKey::generate(algorithm).ok_or_else(|| {
        Error::configuration(format!(
            "no DPoP key for {algorithm} can be made: use ES256 or EdDSA, and check that the system has random numbers"
        ))
    })
}

/// A key of the user's.
pub(crate) fn checked(key: SigningKey) -> Result<ProofKey, Error> {
    match key.is_slow() {
        false => Ok(ProofKey::new(key)),
        true => Err(Flaw::RsaTooSlow.into()),
    }
}
