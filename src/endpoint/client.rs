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
use rustls::ClientConfig;
use tower_service::Service;

use crate::clock::Now;
use crate::endpoint::certificate::client_certificate::ClientCertificate;
use crate::endpoint::certificate::clients::ClientsOfPairs;
use crate::endpoint::certificate::shown::ShownCertificate;
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
    certificate: Option<ClientCertificate>,
    of_pairs: Arc<ClientsOfPairs<Hyper>>,
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
        let (client, of_pairs) =
            (connecting(tls.clone(), Proxies::None), Arc::new(ClientsOfPairs::new()));
        Ok(HttpClient { client, tls, proxies: Proxies::None, certificate: None, of_pairs })
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

    /// Shows a certificate in TLS (mutual TLS, RFC 8705). Default: none.
    ///
    /// It is for the token endpoint of a system that has no certificate of its own, and for an API. An
    /// [`OAuth`](crate::system::OAuth) system with a [`certificate`](crate::system::OAuthBuilder::certificate) needs no other
    /// one here: its certificate is shown to the token endpoint. A request whose token was issued with this certificate
    /// shows the pair of that exchange, and every other request the current pair.
    ///
    /// ```
    /// use tower_outbound_auth::endpoint::{ClientCertificate, HttpClient, TlsRoots};
    /// use tower_outbound_auth::system::Atlas;
    /// use tower_outbound_auth::{Credential, TokenSource};
    ///
    /// # fn demo(roots: TlsRoots) -> Result<(), tower_outbound_auth::Error> {
    /// let certificate = ClientCertificate::new(Credential::file("/run/secrets/billing.pem"));
    /// let client = HttpClient::new(roots)?.with_certificate(certificate);
    /// let system = Atlas::new("https://atlas.example/v1/authtoken", "billing", "secret")?;
    /// let source = TokenSource::over_http(system, client);
    /// # let _ = source;
    /// # Ok(()) }
    /// # let _ = demo;
    /// ```
    #[must_use]
    pub fn with_certificate(self, certificate: ClientCertificate) -> HttpClient {
        HttpClient { certificate: Some(certificate), ..self }
    }

    fn through(self, proxies: Proxies) -> HttpClient {
        let client = connecting(self.tls.clone(), proxies.clone());
        HttpClient { client, proxies, of_pairs: Arc::new(ClientsOfPairs::new()), ..self }
    }

    /// The certificate for this request: that of its system, or that of this client.
    fn certificate_for(&self, request: &Request<Full<Bytes>>) -> Option<ClientCertificate> {
        let of_system = request.extensions().get::<ClientCertificate>();
        let certificate = of_system.or(self.certificate.as_ref());
        certificate.filter(|_| request.uri().scheme_str() == Some("https")).cloned()
    }

    /// Sends the request over a connection that shows the certificate.
    async fn send(
        mut self,
        request: Request<Full<Bytes>>,
        certificate: ClientCertificate,
    ) -> Result<Response<Incoming>, BoxError> {
        let pair = match certificate.of_token_in(request.headers()) {
            Some(pair) => pair,
            None => {
                let now = request.extensions().get::<Now>().copied();
                certificate.current(now, self.tls.crypto_provider()).await?
            }
        };
        let make = || Ok::<_, BoxError>(connecting(pair.tls(&self.tls), self.proxies.clone()));
        self.client = self.of_pairs.client(&pair, make)?;
        let mut response = self.client.call(request).await?;
        response.extensions_mut().insert(ShownCertificate::new(certificate, pair));
        Ok(response)
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

/// The future and the body are boxed, so that hyper's types are not part of this crate's interface.
impl Service<Request<Full<Bytes>>> for HttpClient {
    type Response = Response<UnsyncBoxBody<Bytes, BoxError>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.client.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let mut this = self.clone();
        Box::pin(async move {
            let response = match this.certificate_for(&request) {
                Some(certificate) => this.send(request, certificate).await?,
                None => this.client.call(request).await?,
            };
            Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
        })
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}
