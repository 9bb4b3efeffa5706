//! The root certificates and the cryptography of the built-in client (feature `client`).

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::basics::TARGET;
use crate::error::Error;

/// The certificate authorities that an [`HttpClient`](super::HttpClient) trusts.
#[derive(Clone)]
pub struct TlsRoots {
    pub(crate) store: RootCertStore,
    /// Why the platform's certificates cannot be read.
    flaws: Vec<String>,
}

/// The variables that name the platform's root certificates (from OpenSSL; read by
/// `rustls-native-certs`).
const VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

impl TlsRoots {
    /// The platform's root certificates, read now: from the system's key chain or files, or from the files
    /// that `SSL_CERT_FILE` and `SSL_CERT_DIR` name. This is the default of every constructor, so that a
    /// service trusts what the machine's administrator trusts.
    ///
    /// A file that cannot be read is a log event. If no certificate is left,
    /// [`HttpClient::new`](super::HttpClient::new) returns an error that names the file.
    #[must_use]
    pub fn native() -> TlsRoots {
        let found = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        let (usable, _) = store.add_parsable_certificates(found.certs);
        let set = VARIABLES.map(|name| (name, std::env::var_os(name)));
        let set: Vec<String> = set
            .into_iter()
            .filter_map(|(name, path)| Some(format!("{name}={}", path?.display())))
            .collect();
        let mut flaws: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        if flaws.is_empty() && usable == 0 {
            flaws.push("there is no usable certificate in it".to_owned());
        }
        let mut roots = TlsRoots { store, flaws };
        if !set.is_empty() {
            // Somebody has set a variable, so the problem is worth a warning.
            roots.flaws.iter_mut().for_each(|flaw| *flaw = format!("{}: {flaw}", set.join(" ")));
            for flaw in &roots.flaws {
                tracing::warn!(target: TARGET, flaw, "root certificates cannot be read");
            }
        } else {
            for flaw in &roots.flaws {
                tracing::debug!(target: TARGET, flaw, "root certificates cannot be read");
            }
        }
        roots
    }

    pub(crate) fn none() -> TlsRoots {
        TlsRoots { store: RootCertStore::empty(), flaws: Vec::new() }
    }

    /// # Errors
    ///
    /// If there is no root certificate.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !self.store.is_empty() {
            return Ok(());
        }
        let why = self.flaws.first().map_or_else(String::new, |flaw| format!(" ({flaw})"));
        Err(Error::configuration(format!(
            "there is no root certificate to trust{why}, so no HTTPS endpoint can be reached: correct or \
             unset SSL_CERT_FILE and SSL_CERT_DIR, install the platform's CA certificates, or choose \
             TlsRoots::pem or TlsRoots::webpki"
        )))
    }

    /// Mozilla's root certificates, compiled in (feature `webpki-roots`), for images without CA
    /// certificates.
    #[cfg(feature = "webpki-roots")]
    #[must_use]
    pub fn webpki() -> TlsRoots {
        let store = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        TlsRoots { store, ..TlsRoots::none() }
    }

    /// The certificates of a PEM file, and no others, for a private certificate authority.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the file has no
    /// certificate, or one that cannot be read.
    pub fn pem(pem: &[u8]) -> Result<TlsRoots, Error> {
        let unusable = |reason: String| {
            Error::configuration(format!("the PEM text given as root certificates {reason}"))
        };
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate =
                certificate.map_err(|error| unusable(format!("cannot be read: {error}")))?;
            store
                .add(certificate)
                .map_err(|error| unusable(format!("has an unusable certificate: {error}")))?;
        }
        if store.is_empty() {
            return Err(unusable("holds no certificate".to_owned()));
        }
        Ok(TlsRoots { store, ..TlsRoots::none() })
    }
}

impl fmt::Debug for TlsRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsRoots").field("certificates", &self.store.len()).finish()
    }
}

/// The cryptography for TLS. It is always given explicitly, because rustls panics if two providers
/// are compiled in.
#[derive(Clone)]
pub struct TlsProvider(pub(crate) Arc<CryptoProvider>);

impl TlsProvider {
    /// ring, the default. It needs only a C compiler to build.
    #[must_use]
    pub fn ring() -> TlsProvider {
        TlsProvider(Arc::new(rustls::crypto::ring::default_provider()))
    }

    /// aws-lc-rs (feature `aws-lc`).
    #[cfg(feature = "aws-lc")]
    #[must_use]
    pub fn aws_lc() -> TlsProvider {
        TlsProvider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
    }
}

impl fmt::Debug for TlsProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsProvider").finish_non_exhaustive()
    }
}
