//! A client of the user's for an API that demands a certificate.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http::Request;
use rustls::ClientConfig;
use tower_service::Service;

use crate::endpoint::certificate::client_certificate::ClientCertificate;
use crate::endpoint::certificate::pair::Pair;
use crate::error::BoxError;

/// How many pairs have clients at a time. Two are in use while a certificate changes.
const MAX_CLIENTS: usize = 8;

/// A client for each pair, because a connection keeps the certificate that it has shown.
pub(crate) struct ClientsOfPairs<C>(Mutex<Vec<(Arc<Pair>, C)>>);

impl<C: Clone> ClientsOfPairs<C> {
    pub(crate) fn new() -> ClientsOfPairs<C> {
        ClientsOfPairs(Mutex::default())
    }

    /// The client of this pair. If there is none, it is made.
    ///
    /// # Errors
    ///
    /// That of `make`.
    pub(crate) fn client<E>(
        &self,
        pair: &Arc<Pair>,
        make: impl FnOnce() -> Result<C, E>,
    ) -> Result<C, E> {
        if let Some(client) = self.find(pair) {
            return Ok(client);
        }
        let made = make()?; // a function of the user's runs without the lock
        // If another request has made one meanwhile, that one is used.
        if let Some(client) = self.find(pair) {
            return Ok(client);
        }
        let mut clients = self.lock();
        let oldest = (clients.len() == MAX_CLIENTS).then(|| clients.pop());
        clients.insert(0, (pair.clone(), made.clone()));
        drop(clients);
        drop(oldest); // without the lock
        Ok(made)
    }

    fn find(&self, pair: &Arc<Pair>) -> Option<C> {
        let clients = self.lock();
        let found = clients.iter().find(|(it, _)| Arc::ptr_eq(it, pair));
        found.map(|(_, client)| client.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Arc<Pair>, C)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientCertificate {
    /// A client for an API that shows this certificate. Put it below the layer whose tokens are bound to the certificate.
    ///
    /// `make` makes a client with the TLS that it gets: `tls`, which shows a certificate. It is called once for each new pair. A
    /// request goes through the client whose certificate its token was issued with. So a connection of an old certificate never
    /// carries a newer token. A request without such a token goes through the client of the newest token's certificate.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http_body_util::Full;
    /// use hyper_rustls::HttpsConnectorBuilder;
    /// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// use tower_outbound_auth::endpoint::ClientCertificate;
    /// use tower_outbound_auth::Credential;
    ///
    /// # let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    /// # let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    /// # let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    /// let certificate = ClientCertificate::new(Credential::file("/run/secrets/billing.pem"));
    /// // tls: a `rustls::ClientConfig` without a certificate
    /// let api = certificate.clients(tls, |tls| {
    ///     let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build();
    ///     Ok(Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(https))
    /// });
    /// # let _ = api;
    /// # Ok::<_, tower_outbound_auth::BoxError>(())
    /// ```
    ///
    /// For reqwest, `make` returns `Ok(HttpService::build(builder.tls_backend_preconfigured(tls))?)`.
    #[must_use]
    pub fn clients<C, F>(&self, tls: ClientConfig, make: F) -> CertificateClients<C>
    where
        C: Clone,
        F: Fn(ClientConfig) -> Result<C, BoxError> + Send + Sync + 'static,
    {
        let (certificate, made) = (self.clone(), ClientsOfPairs::new());
        let make = Box::new(make);
        CertificateClients { inner: Arc::new(Inner { certificate, tls, make, made }) }
    }
}

/// A client for each certificate. See [`ClientCertificate::clients`].
///
/// # Errors
///
/// - Those of the client, and of the function that makes it.
/// - If no exchange has shown the certificate yet, and it cannot be used:
///   [`ErrorKind::Configuration`](crate::ErrorKind::Configuration).
///
/// # Cancel safety
///
/// A call may be dropped at any time.
pub struct CertificateClients<C> {
    inner: Arc<Inner<C>>,
}

struct Inner<C> {
    certificate: ClientCertificate,
    tls: ClientConfig,
    make: Box<dyn Fn(ClientConfig) -> Result<C, BoxError> + Send + Sync>,
    made: ClientsOfPairs<C>,
}

impl<C: Clone> Inner<C> {
    fn client(&self, pair: &Arc<Pair>) -> Result<C, BoxError> {
        self.made.client(pair, || (self.make)(pair.tls(&self.tls)))
    }
}

impl<C, B> Service<Request<B>> for CertificateClients<C>
where
    C: Service<Request<B>> + Clone + Send + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send,
    B: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    /// Always ready: which client a request needs is known when it comes. The call waits until that client is ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = self.inner.clone();
        Box::pin(async move {
            let certificate = &inner.certificate;
            let of_token = certificate.of_token_in(request.headers());
            let pair = match of_token.or_else(|| certificate.of_newest_token()) {
                Some(pair) => pair,
                None => certificate.current(None, inner.tls.crypto_provider()).await?,
            };
            let mut client = inner.client(&pair)?;
            poll_fn(|cx| client.poll_ready(cx)).await.map_err(Into::into)?;
            client.call(request).await.map_err(Into::into)
        })
    }
}

/// Not derived, because a derive would need `C: Clone`.
impl<C> Clone for CertificateClients<C> {
    fn clone(&self) -> CertificateClients<C> {
        CertificateClients { inner: self.inner.clone() }
    }
}

impl<C> fmt::Debug for CertificateClients<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CertificateClients").field(&self.inner.certificate).finish()
    }
}
