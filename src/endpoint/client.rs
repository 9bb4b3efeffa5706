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
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use tower_service::Service;

use crate::clock::Now;
use crate::credential::Credential;
use crate::endpoint::client_certificate::{ClientCertificate, Pair};
use crate::endpoint::proxy::{Connector, Proxies};
use crate::endpoint::tls::{TlsProvider, TlsRoots};
use crate::error::{BoxError, Error};

/// The time limit for a TCP connection. The whole exchange, with DNS and TLS, has its own deadline.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A small HTTPS client for token endpoints.
///
/// It speaks HTTP/1.1 and follows no redirects. Opening a TCP connection may take three seconds. It uses no proxy,
/// unless [you give it one](HttpClient::with_proxy). It opens a new connection for each exchange: after an hour
/// without traffic, a NAT has often dropped the old one. It neither installs nor needs a process-wide default of
/// rustls.
///
/// ```
/// use tower_outbound_auth::endpoint::{HttpClient, TlsRoots};
///
/// // A token endpoint behind a company's own certificate authority.
/// # fn demo(pem: &[u8]) -> Result<HttpClient, tower_outbound_auth::Error> {
/// let client = HttpClient::new(TlsRoots::pem(pem)?)?;
/// # Ok(client) }
/// # assert!(demo(b"no certificate").is_err());
/// ```
#[derive(Clone)]
pub struct HttpClient {
    client: Hyper,
    tls: ClientConfig,
    proxies: Proxies,
    /// Each pair of a certificate and a key has a client of its own.
    certificate: Option<Arc<ClientCertificate<Hyper>>>,
}

type Hyper = Client<HttpsConnector<Connector>, Full<Bytes>>;

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
        roots.check()?;
        HttpClient::build(roots, provider)
    }

    /// A client without root certificates, for token endpoints over plain HTTP: on loopback, and the metadata server of a cloud.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if TLS cannot be set up at all.
    pub fn plain() -> Result<HttpClient, Error> {
        HttpClient::build(TlsRoots::none(), TlsProvider::ring())
    }

    fn build(roots: TlsRoots, provider: TlsProvider) -> Result<HttpClient, Error> {
        let tls = ClientConfig::builder_with_provider(provider.0)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::configuration(format!("TLS cannot be set up: {error}")))?
            .with_root_certificates(roots.store)
            .with_no_client_auth();
        let client = connecting(tls.clone(), Proxies::None);
        Ok(HttpClient { client, tls, proxies: Proxies::None, certificate: None })
    }

    /// Reaches https endpoints through this proxy, such as `http://proxy.example:3128`; the URL may have a user
    /// and a password. Default: no proxy, whatever the environment says.
    ///
    /// The client asks the proxy for a tunnel (`CONNECT`). The proxy sees only the endpoint's host and port.
    /// Endpoints on this machine, and plain http, are always reached directly.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if `proxy` is not an `http` URL with
    /// a host.
    pub fn with_proxy(self, proxy: &str) -> Result<HttpClient, Error> {
        Ok(self.through(Proxies::given(proxy)?))
    }

    /// Reaches https endpoints through the proxy that the environment names: `HTTPS_PROXY`, else
    /// `ALL_PROXY`. Hosts in `NO_PROXY` are reached directly. Each name may be in upper or lower
    /// case. The environment is read now.
    ///
    /// This is not the default: a variable that was set for another program would send the credentials through its proxy. If
    /// such a variable is set and not used, one log event says so.
    #[must_use]
    pub fn with_proxy_from_env(self) -> HttpClient {
        self.through(Proxies::environment())
    }

    /// Shows a certificate to the endpoint (mutual TLS, RFC 8705). `pem` has the certificate and its private key, without a
    /// password. Default: no certificate.
    ///
    /// - The PEM is read before each request. A new pair is used for the next request, with a client and a connection of its
    ///   own. Other certificates of a chain may stand beside that of the key.
    /// - If it cannot be read, or if certificate and key do not belong together, the last good pair stays in use, and a `WARN`
    ///   event says why. Without one, the exchange fails with
    ///   [`Configuration`](crate::exchange::ExchangeErrorKind::Configuration), and nothing is sent.
    /// - A certificate that has ended or is not valid yet, by the clock of the source, is such an error too. A `WARN` event a
    ///   day says that it ends soon, from 14 days before its end.
    ///
    /// ```
    /// use tower_outbound_auth::endpoint::{HttpClient, TlsRoots};
    /// use tower_outbound_auth::system::{OAuth, OAuthClient};
    /// use tower_outbound_auth::{Credential, TokenSource};
    ///
    /// # fn demo(roots: TlsRoots) -> Result<(), tower_outbound_auth::Error> {
    /// let pem = Credential::file("/run/secrets/billing.pem");
    /// let client = HttpClient::new(roots)?.with_certificate(pem);
    /// let system = OAuth::builder("https://mtls.idp.example/token").client(OAuthClient::tls("billing")).build()?;
    /// let source = TokenSource::over_http(system, client);
    /// # let _ = source;
    /// # Ok(()) }
    /// # let _ = demo;
    /// ```
    #[must_use]
    pub fn with_certificate(self, pem: impl Into<Credential>) -> HttpClient {
        self.showing(vec![pem.into()])
    }

    /// The same, with the certificate and its private key in two places. Both are read before each request. While one of
    /// them is already new and the other is not, the last good pair stays in use.
    #[must_use]
    pub fn with_certificate_and_key(
        self,
        certificate: impl Into<Credential>,
        key: impl Into<Credential>,
    ) -> HttpClient {
        self.showing(vec![certificate.into(), key.into()])
    }

    fn showing(self, places: Vec<Credential>) -> HttpClient {
        HttpClient { certificate: Some(Arc::new(ClientCertificate::new(places))), ..self }
    }

    fn through(self, proxies: Proxies) -> HttpClient {
        let client = connecting(self.tls.clone(), proxies.clone());
        let certificate = self.certificate.map(|certificate| Arc::new(certificate.anew()));
        HttpClient { client, proxies, certificate, tls: self.tls }
    }
}

fn connecting(tls: ClientConfig, proxies: Proxies) -> Hyper {
    let mut http = HttpConnector::new();
    http.set_connect_timeout(Some(CONNECT_TIMEOUT));
    http.set_nodelay(true);
    http.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(Connector::new(http, proxies));
    Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)
}

/// TLS that shows this certificate. It resumes no session of another certificate.
fn showing(pair: &Pair, mut tls: ClientConfig) -> ClientConfig {
    tls.client_auth_cert_resolver = Arc::new(Shown(pair.key.clone()));
    tls.resumption = Resumption::default();
    tls
}

/// The one certificate, whatever the server asks for.
struct Shown(Arc<CertifiedKey>);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The future and the body are boxed, so that hyper's types are not part of this crate's interface.
impl Service<Request<Full<Bytes>>> for HttpClient {
    type Response = Response<UnsyncBoxBody<Bytes, BoxError>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.client.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let mut client = self.client.clone();
        let certificate =
            self.certificate.clone().map(|it| (it, self.tls.clone(), self.proxies.clone()));
        Box::pin(async move {
            if let Some((certificate, tls, proxies)) = certificate {
                let now = request.extensions().get::<Now>().copied();
                let provider = tls.crypto_provider().clone();
                let make = |pair: &Pair| connecting(showing(pair, tls), proxies);
                client = certificate.current(now, &provider, make).await?;
            }
            let response = client.call(request);
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
