//! What the built-in client trusts, and the cryptography that it uses (feature `client`).

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
    /// Why the platform's cannot be read, where they are none.
    flaws: Vec<String>,
}

/// The variables that say where the platform's roots are (OpenSSL's, read by `rustls-native-certs`).
const VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

impl TlsRoots {
    /// The platform's, read now: the key chain or the files of the system; or the files that `SSL_CERT_FILE`
    /// and `SSL_CERT_DIR` name. The default of every constructor: what the machine's administrator trusts is
    /// what its services should trust.
    ///
    /// A file that cannot be read is an event. It is an error of [`HttpClient::new`](super::HttpClient::new)
    /// if no certificate is left; the error names the file.
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
            // Somebody has named a file, so its flaw is news to them.
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
    /// If there is no root.
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

    /// Mozilla's, compiled in (feature `webpki-roots`): for images without CA certificates.
    #[cfg(feature = "webpki-roots")]
    #[must_use]
    pub fn webpki() -> TlsRoots {
        let store = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        TlsRoots { store, ..TlsRoots::none() }
    }

    /// Those of a PEM file, and no others: a private certificate authority.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if it holds no certificate, or
    /// one that cannot be read.
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

/// The cryptography behind TLS, always named: rustls panics where two could be meant.
#[derive(Clone)]
pub struct TlsProvider(pub(crate) Arc<CryptoProvider>);

impl TlsProvider {
    /// ring: builds everywhere with a C compiler alone. The default.
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
