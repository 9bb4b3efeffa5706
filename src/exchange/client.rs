//! The built-in client of the token endpoint (feature `client`).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tower_service::Service;

use crate::{BoxError, Error};

/// A TCP connection may take this long; the whole exchange, with DNS and TLS, has its own deadline.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A small HTTPS client for token endpoints.
///
/// HTTP/1.1; three seconds for a TCP connection; no proxy; no redirects; a new connection for each exchange,
/// because one that is used once an hour has died in some NAT table when it is wanted. It installs no
/// process-wide default of rustls and needs none.
///
/// ```
/// use tower_outbound_auth::exchange::{HttpClient, TlsRoots};
///
/// // A token endpoint behind a company's own certificate authority.
/// # fn demo(pem: &[u8]) -> Result<HttpClient, tower_outbound_auth::Error> {
/// let client = HttpClient::new(TlsRoots::pem(pem)?)?;
/// # Ok(client) }
/// # assert!(demo(b"no certificate").is_err());
/// ```
#[derive(Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl HttpClient {
    /// A client that trusts `roots`, with ring's cryptography.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if there is no root to trust.
    pub fn new(roots: TlsRoots) -> Result<HttpClient, Error> {
        HttpClient::with_provider(roots, TlsProvider::ring())
    }

    /// A client that trusts `roots`, with a cryptography provider of your choice.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if there is no root to trust.
    pub fn with_provider(roots: TlsRoots, provider: TlsProvider) -> Result<HttpClient, Error> {
        if roots.0.is_empty() {
            return Err(Error::configuration(
                "there is no root certificate to trust, so no HTTPS endpoint can be reached: install \
                 the platform's CA certificates, or choose TlsRoots::pem or TlsRoots::webpki",
            ));
        }
        HttpClient::build(roots, provider)
    }

    /// A client that trusts nobody: good for token endpoints on loopback over plain HTTP.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if TLS cannot be set up at all.
    pub fn plain() -> Result<HttpClient, Error> {
        HttpClient::build(TlsRoots(RootCertStore::empty()), TlsProvider::ring())
    }

    fn build(roots: TlsRoots, provider: TlsProvider) -> Result<HttpClient, Error> {
        let tls = ClientConfig::builder_with_provider(provider.0)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::configuration(format!("TLS cannot be set up: {error}")))?
            .with_root_certificates(roots.0)
            .with_no_client_auth();
        let mut http = HttpConnector::new();
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        http.set_nodelay(true);
        http.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(HttpClient { client })
    }
}

/// Boxed throughout, once per exchange, so that hyper's types stay out of this crate's interface.
impl Service<Request<Full<Bytes>>> for HttpClient {
    type Response = Response<UnsyncBoxBody<Bytes, BoxError>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.client.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let response = self.client.call(request);
        Box::pin(async move {
            let boxed = |body: Incoming| body.map_err(Into::into).boxed_unsync();
            Ok(response.await?.map(boxed))
        })
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

/// The certificate authorities that an [`HttpClient`] trusts.
#[derive(Clone)]
pub struct TlsRoots(RootCertStore);

impl TlsRoots {
    /// The platform's, read now (files on Linux, the key chain elsewhere). The default of every
    /// constructor: what the machine's administrator trusts is what its services should trust.
    #[must_use]
    pub fn native() -> TlsRoots {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "a root certificate of the platform cannot be read");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        TlsRoots(roots)
    }

    /// Mozilla's, compiled in (feature `webpki-roots`): for images without CA certificates.
    #[cfg(feature = "webpki-roots")]
    #[must_use]
    pub fn webpki() -> TlsRoots {
        TlsRoots(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
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
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate =
                certificate.map_err(|error| unusable(format!("cannot be read: {error}")))?;
            roots
                .add(certificate)
                .map_err(|error| unusable(format!("has an unusable certificate: {error}")))?;
        }
        if roots.is_empty() {
            return Err(unusable("holds no certificate".to_owned()));
        }
        Ok(TlsRoots(roots))
    }
}

impl fmt::Debug for TlsRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsRoots").field("certificates", &self.0.len()).finish()
    }
}

/// The cryptography behind TLS, always named: rustls panics where two could be meant.
#[derive(Clone)]
pub struct TlsProvider(Arc<CryptoProvider>);

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
