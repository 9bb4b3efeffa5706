//! Where a private key is.

use std::fmt;
use std::slice;
use std::sync::{Arc, Mutex, PoisonError};

use crate::basics::TARGET;
use crate::credential::{Credential, Values};
use crate::error::Error;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::secret::Secret;
use crate::system::oauth::key::algorithm::Algorithm;
use crate::system::oauth::key::flaw::Flaw;
use crate::system::oauth::key::kept_key::{KeptKey, Notice};
use crate::system::oauth::key::signing_key::SigningKey;

/// Where the private key of a client is: a file, a variable, a function, a provider or a value. The key signs the
/// client's JWTs.
///
/// - The key is read like any [`Credential`]: before each exchange. So a key that is rotated on disk is used at the next
///   exchange. The text is a PEM, a JWK or the file of a Google service account; see
///   [`SigningKey::parse`].
/// - If a new text has no usable key, the last good key stays in use, and one `WARN` event says why. Without a good key,
///   the exchange fails with [`Configuration`](crate::exchange::ExchangeErrorKind::Configuration).
/// - A key id belongs to the key. If the key changes and its id does not, servers that remember keys by their id refuse
///   the new key, so there is a `WARN` event. A JWK has its own `kid`, which changes with the key.
/// - [`manual::operating`](crate::manual::operating#a-rotated-key) says how a new key is introduced.
///
/// ```
/// use tower_outbound_auth::Credential;
/// use tower_outbound_auth::system::{Algorithm, JwtKey};
///
/// let key = JwtKey::new(Credential::file("/run/secrets/billing.pem"))
///     .with_key_id("2026-01")
///     .with_algorithm(Algorithm::Ps256);
/// assert!(format!("{key:?}").contains("file /run/secrets/billing.pem"));
/// ```
///
/// Clones share what they have read.
#[derive(Clone)]
pub struct JwtKey {
    credential: Credential,
    key_id: Option<Arc<str>>,
    algorithm: Option<Algorithm>,
    /// Each request needs a signature, so it must not take milliseconds.
    must_be_fast: bool,
    kept: Arc<Mutex<KeptKey>>,
}

impl JwtKey {
    /// The key whose text is in this credential. It is read before the first exchange.
    #[must_use]
    pub fn new(text: impl Into<Credential>) -> JwtKey {
        JwtKey {
            credential: text.into(),
            key_id: None,
            algorithm: None,
            must_be_fast: false,
            kept: Arc::default(),
        }
    }

    /// Sets the key id: the `kid` in the header of each JWT. Default: the `kid` of a JWK, and none for a PEM.
    #[must_use]
    pub fn with_key_id(self, key_id: impl Into<String>) -> JwtKey {
        JwtKey { key_id: Some(key_id.into().into()), kept: Arc::default(), ..self }
    }

    /// Sets the algorithm, which is PS256 for an RSA key; see [`SigningKey::with_algorithm`]. If the key has another
    /// algorithm, the exchange fails with [`Configuration`](crate::exchange::ExchangeErrorKind::Configuration). Default:
    /// what the key decides.
    #[must_use]
    pub fn with_algorithm(self, algorithm: Algorithm) -> JwtKey {
        JwtKey { algorithm: Some(algorithm), kept: Arc::default(), ..self }
    }

    /// A key of which each request needs a signature. So an RSA key is none.
    pub(crate) fn for_each_request(self) -> JwtKey {
        JwtKey { must_be_fast: true, kept: Arc::default(), ..self }
    }

    /// The credentials that an exchange reads for this key.
    pub(crate) fn credentials(&self) -> &[Credential] {
        slice::from_ref(&self.credential)
    }

    /// Checks a key that is a value: it is already known when it is given.
    ///
    /// # Errors
    ///
    /// If the value has no usable key.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !self.credential.is_value() {
            return Ok(());
        }
        self.look(&self.credential.current()?)?;
        Ok(())
    }

    /// The key to sign with. `only` is the one algorithm that a provider accepts.
    ///
    /// # Errors
    ///
    /// If the credential has no value, if no text of it had a usable key, or if the key has another algorithm.
    pub(crate) fn key(
        &self,
        values: Values<'_>,
        only: Option<Algorithm>,
    ) -> Result<SigningKey, ExchangeError> {
        let key = self.look(&values(&self.credential)?);
        let key = key.and_then(|key| match only {
            Some(algorithm) => key.accepted_as(algorithm),
            None => Ok(key),
        });
        key.map_err(|flaw| {
            let message = format!("the private key in {}: {}", self.credential, flaw.message());
            ExchangeError::new(ExchangeErrorKind::Configuration, message)
        })
    }

    fn look(&self, text: &Secret) -> Result<SigningKey, Flaw> {
        let (key, notice) = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.look(text, |text| self.parse(text))
        };
        let credential = self.credential.to_string();
        match notice {
            Some(Notice::KeptLastGood(cause)) => {
                tracing::warn!(target: TARGET, credential, %cause, "a private key cannot be used: the last good key is used");
            }
            Some(Notice::SameKeyId(key_id)) => {
                tracing::warn!(target: TARGET, credential, key_id, "the private key has changed and its key id has not: servers may refuse it");
            }
            None => {}
        }
        key
    }

    fn parse(&self, text: &str) -> Result<SigningKey, Flaw> {
        let mut key = SigningKey::read(text)?;
        if self.must_be_fast && key.is_slow() {
            return Err(Flaw::RsaTooSlow);
        }
        if let Some(algorithm) = self.algorithm {
            key = key.using(algorithm)?;
        }
        Ok(match &self.key_id {
            Some(key_id) => key.with_key_id(&**key_id),
            None => key,
        })
    }
}

/// The place of the key, and not the key.
impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtKey")
            .field("credential", &self.credential)
            .field("key_id", &self.key_id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
