//! The certificate by which the built-in client shows who it is (RFC 8705 section 2).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::basics::TARGET;
use crate::clock::Now;
use crate::credential::Credential;
use crate::endpoint::validity::Validity;
use crate::error::Error;
use crate::secret::Secret;

/// An event says each day that the certificate ends, from this time on before its end.
const NOTICE: Duration = Duration::from_secs(14 * DAY);
const DAY: u64 = 86_400;

/// Where a certificate and its private key are, and what is made of each pair: `C`.
pub(crate) struct ClientCertificate<C> {
    /// The certificate, and its key. One credential has both, if there is only one.
    places: Vec<Credential>,
    state: Mutex<State<C>>,
}

struct State<C> {
    /// The texts that were looked at last.
    seen: Option<Vec<Secret>>,
    /// Of the last texts that can be used.
    good: Option<(Arc<Pair>, C)>,
    /// When the last event about the end of the certificate was.
    told: Option<Duration>,
}

/// A certificate with its key.
pub(crate) struct Pair {
    pub(crate) key: Arc<CertifiedKey>,
    validity: Validity,
}

impl<C: Clone> ClientCertificate<C> {
    pub(crate) fn new(places: Vec<Credential>) -> ClientCertificate<C> {
        let state = State { seen: None, good: None, told: None };
        ClientCertificate { places, state: Mutex::new(state) }
    }

    /// The same places, for another `C`.
    pub(crate) fn anew(&self) -> ClientCertificate<C> {
        ClientCertificate::new(self.places.clone())
    }

    /// What is made of the current pair. The texts are read again. `now` is the time of the request, if it is known.
    ///
    /// # Errors
    ///
    /// If there has been no usable pair, or if the certificate is not valid now.
    pub(crate) async fn current(
        &self,
        now: Option<Now>,
        provider: &CryptoProvider,
        make: impl FnOnce(&Pair) -> C,
    ) -> Result<C, Error> {
        let mut texts = Vec::new();
        let mut unread = None;
        for place in &self.places {
            match place.read().await {
                Ok(text) => texts.push(text),
                Err(error) => unread = Some(error.to_string()),
            }
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let flaw = match unread {
            Some(flaw) => Some(flaw),
            None if state.seen.as_ref().is_some_and(|seen| is_same(seen, &texts)) => None,
            None => {
                let flaw = match Pair::read(&texts, provider) {
                    Ok(pair) => {
                        let pair = Arc::new(pair);
                        let made = make(&pair);
                        state.good = Some((pair, made));
                        None
                    }
                    Err(flaw) => Some(flaw.to_owned()),
                };
                state.seen = state.good.is_some().then_some(texts);
                flaw
            }
        };
        let shown = self.shown();
        let Some((pair, made)) = state.good.clone() else {
            return Err(unusable(&shown, flaw.as_deref().unwrap_or("there is none")));
        };
        if let Some(cause) = flaw {
            tracing::warn!(target: TARGET, credential = shown, cause, "a client certificate and its key cannot be used: the last good pair is used");
        }
        if let Some(now) = now.map(Now::since_epoch) {
            pair.validity.check(now).map_err(|flaw| unusable(&shown, &flaw))?;
            let is_new = state.told.is_none_or(|told| now.saturating_sub(told).as_secs() >= DAY);
            let left = pair.validity.ends.saturating_sub(now);
            if left <= NOTICE && is_new {
                state.told = Some(now);
                let (days, ends) = (left.as_secs() / DAY, &pair.validity.ends_at);
                tracing::warn!(target: TARGET, credential = shown, days, ends, "a client certificate ends soon");
            }
        }
        Ok(made)
    }

    fn shown(&self) -> String {
        let places: Vec<_> = self.places.iter().map(ToString::to_string).collect();
        places.join(" and ")
    }
}

impl Pair {
    /// Other certificates of a chain may stand beside that of the key, which is sent first.
    fn read(texts: &[Secret], provider: &CryptoProvider) -> Result<Pair, &'static str> {
        let (Some(certificates), Some(key)) = (texts.first(), texts.last()) else {
            return Err("there is none");
        };
        let certificates = CertificateDer::pem_slice_iter(certificates.expose().as_bytes());
        let mut chain = certificates
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| "the certificate is no readable PEM")?;
        if chain.is_empty() {
            return Err("there is no certificate in it");
        }
        let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
            .map_err(|_| "there is no private key in it, as PEM without a password")?;
        let key = provider.key_provider.load_private_key(key);
        let key = key.map_err(|_| "the private key is of a kind that cannot be used")?;
        let is_own = |certificate: &CertificateDer<'static>| {
            CertifiedKey::new(vec![certificate.clone()], key.clone()).keys_match().is_ok()
        };
        let own = chain.iter().position(is_own);
        let own = own.ok_or("the certificate and the private key do not belong together")?;
        chain[..=own].rotate_right(1);
        let validity = Validity::of(&chain[0]).ok_or("the certificate has no readable dates")?;
        Ok(Pair { key: Arc::new(CertifiedKey::new(chain, key)), validity })
    }
}

fn unusable(shown: &str, flaw: &str) -> Error {
    Error::configuration(format!("the client certificate and its key in {shown}: {flaw}"))
}

fn is_same(one: &[Secret], other: &[Secret]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| one.expose() == other.expose())
}

/// The places, and neither the certificate nor the key.
impl<C> fmt::Debug for ClientCertificate<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientCertificate").field(&self.places).finish()
    }
}
