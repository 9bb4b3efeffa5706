//! A server behind TLS, with a certificate that signed itself.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tower_outbound_auth::TokenSource;
use tower_outbound_auth::endpoint::HttpClient;
use tower_outbound_auth::system::Atlas;
use tower_outbound_auth::testkit::AtlasServer;

/// An Atlas server behind TLS, with a self-signed certificate for `localhost`.
pub(crate) struct Setup {
    pub(crate) server: AtlasServer,
    pub(crate) port: u16,
    pub(crate) certificate: String,
}

#[allow(dead_code, reason = "not every test binary uses all of it")]
impl Setup {
    pub(crate) async fn new() -> Setup {
        Setup::with(|_| {}).await
    }

    pub(crate) async fn named(name: &str) -> Setup {
        let name = name.to_owned();
        Setup::with(|params| *params = CertificateParams::new([name]).unwrap()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut CertificateParams)) -> Setup {
        let server = AtlasServer::start().await.unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        change(&mut params);
        let signing_key = KeyPair::generate().unwrap();
        let cert = params.self_signed(&signing_key).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let plain = server.endpoint();
        let plain: http::Uri = plain.parse().unwrap();
        let plain = plain.authority().unwrap().to_string();
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, plain) = (acceptor.clone(), plain.clone());
                tokio::spawn(async move {
                    let Ok(mut tls) = acceptor.accept(stream).await else { return };
                    let mut plain = TcpStream::connect(plain).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut tls, &mut plain).await;
                });
            }
        });
        Setup { server, port, certificate: cert.pem() }
    }

    pub(crate) fn endpoint(&self, host: &str) -> String {
        format!("https://{host}:{}/v1/docstream/authtoken", self.port)
    }

    pub(crate) fn source(&self, host: &str, client: HttpClient) -> TokenSource<Atlas> {
        let (id, secret) = (self.server.client_id(), self.server.client_secret());
        TokenSource::over_http(Atlas::new(self.endpoint(host), id, secret).unwrap(), client)
    }
}
