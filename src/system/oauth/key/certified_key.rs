//! Where a certificate and its private key are.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::basics::TARGET;
use crate::clock::Now;
use crate::credential::{Credential, Values};
use crate::error::Error;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::secret::Secret;
use crate::system::oauth::key::algorithm::Algorithm;
use crate::system::oauth::key::certificate::Certificate;
use crate::system::oauth::key::flaw::Flaw;
use crate::system::oauth::key::kept_key::{HasKey, KeptKey, Notice};
use crate::system::oauth::key::signing_key::SigningKey;

/// Where a certificate and its private key are. Both are read before each exchange. If they do not belong together, as while
/// one of two files is already new, the last good pair stays in use, and one `WARN` event says why.
#[derive(Clone)]
pub(crate) struct CertifiedKey {
    /// The certificate, and its key. One credential has both, if there is only one.
    places: Vec<Credential>,
    kept: Arc<Mutex<KeptKey<Certified>>>,
}

/// A key, whose id is the thumbprint of its certificate.
#[derive(Clone)]
struct Certified {
    key: SigningKey,
    certificate: Certificate,
}

impl HasKey for Certified {
    fn key(&self) -> &SigningKey {
        &self.key
    }
}

impl Certified {
    /// Other certificates of a chain may stand beside that of the key, and an older one of the same key.
    fn read(certificates: &str, key: &str) -> Result<Certified, Flaw> {
        let certificates = Certificate::all_in(certificates)?;
        let key = SigningKey::read(key)?;
        let fingerprint = key.fingerprint();
        let own = certificates.into_iter().filter(|it| it.fingerprint == fingerprint);
        let certificate = own.max_by_key(|it| it.ends).ok_or(Flaw::OtherCertificate)?;
        Ok(Certified { key: key.with_key_id(&*certificate.thumbprint), certificate })
    }
}

impl CertifiedKey {
    /// A PEM with both.
    pub(crate) fn in_one(pem: Credential) -> CertifiedKey {
        CertifiedKey { places: vec![pem], kept: Arc::default() }
    }

    pub(crate) fn in_two(certificate: Credential, key: Credential) -> CertifiedKey {
        CertifiedKey { places: vec![certificate, key], kept: Arc::default() }
    }

    /// The credentials that an exchange reads for this key.
    pub(crate) fn credentials(&self) -> &[Credential] {
        &self.places
    }

    /// Checks values: they are already known when they are given. `only` is the one algorithm that a provider accepts.
    ///
    /// # Errors
    ///
    /// If they are no certificate with its key, or if the key has another algorithm.
    pub(crate) fn check(&self, only: Option<Algorithm>) -> Result<(), Error> {
        if !self.places.iter().all(Credential::is_value) {
            return Ok(());
        }
        let texts = self.places.iter().map(Credential::current).collect::<Result<Vec<_>, _>>()?;
        let key = self.look(&texts)?.key;
        only.map_or(Ok(()), |only| key.accepted_as(only).map(drop))?;
        Ok(())
    }

    /// The key to sign with. `only` is the one algorithm that a provider accepts.
    ///
    /// # Errors
    ///
    /// If a credential has no value, if there has been no certificate with its key, if the certificate has ended, or if the key
    /// has another algorithm.
    pub(crate) fn key(
        &self,
        now: Now,
        values: Values<'_>,
        only: Option<Algorithm>,
    ) -> Result<SigningKey, ExchangeError> {
        let texts = self.places.iter().map(values).collect::<Result<Vec<_>, _>>()?;
        let wrong = |why: &str| {
            let message = format!("the certificate and its private key in {}: {why}", self.shown());
            ExchangeError::new(ExchangeErrorKind::Configuration, message)
        };
        let Certified { key, certificate } =
            self.look(&texts).map_err(|flaw| wrong(&flaw.message()))?;
        if now.since_epoch() > certificate.ends {
            let then = match self.kept().flaw() {
                Some(flaw) => format!(", and what is there now cannot be used: {}", flaw.message()),
                None => ": put a new one there, and register it at the provider".to_owned(),
            };
            return Err(wrong(&format!(
                "the certificate was valid until {}{then}",
                certificate.ends_at
            )));
        }
        match only {
            Some(algorithm) => key.accepted_as(algorithm).map_err(|flaw| wrong(&flaw.message())),
            None => Ok(key),
        }
    }

    fn look(&self, texts: &[Secret]) -> Result<Certified, Flaw> {
        let (Some(certificate), Some(key)) = (texts.first(), texts.last()) else {
            return Err(Flaw::NoCertificate);
        };
        let read = |_: &str| Certified::read(certificate.expose(), key.expose());
        let (pair, notice) = self.kept().look(&joined(texts), read);
        if let Some(Notice::KeptLastGood(cause)) = notice {
            let credential = self.shown();
            tracing::warn!(target: TARGET, credential, %cause, "a certificate and its key cannot be used: the last good pair is used");
        }
        pair
    }

    fn kept(&self) -> MutexGuard<'_, KeptKey<Certified>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> String {
        let places: Vec<_> = self.places.iter().map(ToString::to_string).collect();
        places.join(" and ")
    }
}

/// The texts as one text, which differs if one of them does. It is allocated at full size: growing would leave parts unwiped.
fn joined(texts: &[Secret]) -> Secret {
    let length = texts.iter().map(|text| text.expose().len() + 1).sum();
    let mut all = String::with_capacity(length);
    for text in texts {
        all.push_str(text.expose());
        all.push('\0');
    }
    Secret::from(all)
}

/// The places, and neither the certificate nor the key.
impl fmt::Debug for CertifiedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CertifiedKey").field(&self.places).finish()
    }
}
