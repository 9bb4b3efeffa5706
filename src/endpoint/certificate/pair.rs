//! A certificate with its private key, and TLS that shows it.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};

use crate::basics::pem::is_encrypted;
use crate::endpoint::certificate::flaw::Flaw;
use crate::endpoint::validity::Validity;
use crate::secret::Secret;

/// The ends of the lines with which a PEM begins.
const CERTIFICATE: &str = " CERTIFICATE-----";
const KEY: &str = "PRIVATE KEY-----";

/// A certificate with its key.
pub(crate) struct Pair {
    key: Arc<CertifiedKey>,
    pub(crate) validity: Validity,
    /// `x5t#S256`: the SHA-256 of the DER, in base64url (RFC 8705 section 3.1).
    pub(crate) thumbprint: String,
}

impl Pair {
    /// Reads the certificate and its key, which may be in one text. Other certificates of a chain may stand beside that of the
    /// key, which is sent first.
    ///
    /// # Errors
    ///
    /// What is wrong with the texts.
    pub(crate) fn read(texts: &[Secret], provider: &CryptoProvider) -> Result<Pair, Flaw> {
        let (Some(certificates), Some(key)) = (texts.first(), texts.last()) else {
            return Err(Flaw::NoCertificate);
        };
        let (certificates, key) = (certificates.expose(), key.expose());
        let mut chain = CertificateDer::pem_slice_iter(certificates.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| Flaw::CertificateDamaged)?;
        if chain.is_empty() {
            let is_swapped = certificates.contains(KEY) && key.contains(CERTIFICATE);
            return Err(if is_swapped { Flaw::Swapped } else { Flaw::NoCertificate });
        }
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_| if is_encrypted(key) { Flaw::KeyEncrypted } else { Flaw::NoKey })?;
        let key = provider.key_provider.load_private_key(key);
        let key = key.map_err(|_| Flaw::KeyOfOtherKind)?;
        let is_own = |certificate: &CertificateDer<'static>| {
            CertifiedKey::new(vec![certificate.clone()], key.clone()).keys_match().is_ok()
        };
        let own = chain.iter().position(is_own);
        let own = own.ok_or(Flaw::NotOfEachOther)?;
        chain[..=own].rotate_right(1);
        let validity = Validity::of(&chain[0]).ok_or(Flaw::NoDates)?;
        let thumbprint = thumbprint(&chain[0]);
        Ok(Pair { key: Arc::new(CertifiedKey::new(chain, key)), validity, thumbprint })
    }

    /// TLS that shows this certificate. It resumes no session in which another certificate was shown: such a session would
    /// still count as that of the other one.
    pub(crate) fn tls(&self, tls: &ClientConfig) -> ClientConfig {
        let mut tls = tls.clone();
        tls.client_auth_cert_resolver = Arc::new(Always(self.key.clone()));
        tls.resumption = Resumption::default();
        tls
    }
}

fn thumbprint(der: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, der))
}

/// The one certificate, whatever the server asks for.
struct Always(Arc<CertifiedKey>);

impl fmt::Debug for Always {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Always").finish_non_exhaustive()
    }
}

impl ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_8705() {
        let vectors = include_str!("../../../tests/data/oauth_keys.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
        let text = |name: &str| vectors["rfc8705"][name].as_str().unwrap();
        let der = base64::engine::general_purpose::STANDARD.decode(text("cert_der_b64")).unwrap();
        assert_eq!(thumbprint(&der), text("x5t#S256"));
    }
}
