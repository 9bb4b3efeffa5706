//! A client that shows a certificate to the token endpoint, over TLS on loopback. The endpoint demands one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/log.rs"]
mod log;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower_outbound_auth::endpoint::{HttpClient, TlsRoots};
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{OAuth, OAuthClient};
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{AuthLayer, Credential, Error, ErrorKind, TokenSource};

use crate::log::Log;

/// 2026-01-01, in seconds since the epoch.
const NOW: u64 = 1_767_225_600;
const DAY: u64 = 86_400;

/// The authority of the clients' certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate from 2020-01-01 to 2050-01-01, and its key, as PEM.
struct Pair {
    der: CertificateDer<'static>,
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pair(&self) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["billing".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2050, 1, 1);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Pair {
            der: certificate.der().clone(),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

/// What the endpoint got.
#[derive(Clone)]
struct Sent {
    certificate: CertificateDer<'static>,
    request: String,
}

/// A token endpoint that demands a certificate of its authority in each connection.
struct Server {
    authority: Authority,
    port: u16,
    roots: String,
    sent: Arc<Mutex<Vec<Sent>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start() -> Server {
        let authority = Authority::new();
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let own = own.self_signed(&key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut clients = RootCertStore::empty();
        clients.add(authority.0.der().clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(clients), provider.clone());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(
                vec![own.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let server = Server {
            authority,
            port: listener.local_addr().unwrap().port(),
            roots: own.pem(),
            sent: Arc::default(),
            connections: Arc::default(),
        };
        let (sent, connections) = (server.sent.clone(), server.connections.clone());
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::Relaxed);
                let (acceptor, sent) = (acceptor.clone(), sent.clone());
                tokio::spawn(async move {
                    let Ok(mut tls) = acceptor.accept(stream).await else { return };
                    let certificate = tls.get_ref().1.peer_certificates().unwrap()[0].clone();
                    let certificate = certificate.into_owned();
                    let mut request = Vec::new();
                    while !request.ends_with(b"client_id=billing") {
                        if tls.read_buf(&mut request).await.unwrap_or_default() == 0 {
                            return;
                        }
                    }
                    let request = String::from_utf8(request).unwrap();
                    let number = {
                        let mut sent = sent.lock().unwrap();
                        sent.push(Sent { certificate, request });
                        sent.len()
                    };
                    let body = format!(
                        r#"{{"access_token":"t{number}","token_type":"Bearer","expires_in":300}}"#
                    );
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    let _ = tls.write_all(answer.as_bytes()).await;
                    let _ = tls.flush().await;
                    let _ = tls.read_buf(&mut Vec::new()).await; // until the client closes
                });
            }
        });
        server
    }

    fn client(&self) -> HttpClient {
        HttpClient::new(TlsRoots::pem(self.roots.as_bytes()).unwrap()).unwrap()
    }

    /// A source that asks this endpoint, and a clock that stands at `now`, in seconds since the epoch.
    fn source(&self, client: HttpClient, now: u64) -> (TokenSource<OAuth>, ManualClock) {
        let clock = ManualClock::new();
        clock.set_wall(UNIX_EPOCH + Duration::from_secs(now));
        let endpoint = format!("https://localhost:{}/token", self.port);
        let system = OAuth::builder(endpoint).client(OAuthClient::tls("billing")).build().unwrap();
        let source = TokenSource::builder_over_http(system, client);
        (source.clock(clock.clone()).build(), clock)
    }

    fn certificates(&self) -> Vec<CertificateDer<'static>> {
        self.sent.lock().unwrap().iter().map(|sent| sent.certificate.clone()).collect()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// The next token, after the last one has ended.
async fn next(source: &TokenSource<OAuth>, clock: &ManualClock) {
    clock.advance(Duration::from_secs(301));
    source.token().await.unwrap();
}

/// A folder for the files of one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("mtls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn write(&self, name: &str, text: &str) -> Credential {
        std::fs::write(self.0.join(name), text).unwrap();
        Credential::file(self.0.join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Asserts that nothing can be sent, and returns why.
async fn refused(source: &TokenSource<OAuth>) -> String {
    let error: Error = source.token().await.unwrap_err();
    let exchange = error.exchange().unwrap();
    assert_eq!(exchange.kind(), ExchangeErrorKind::Configuration, "{error}");
    error.to_string()
}

#[tokio::test]
async fn the_endpoint_sees_the_certificate_and_the_id_and_no_other_proof() {
    let server = Server::start().await;
    let pair = server.authority.pair();
    let (certificate, key) = (&*pair.certificate, &*pair.key);
    for client in [
        server.client().with_certificate_and_key(certificate, key),
        server.client().with_certificate(format!("{key}{certificate}")),
        server.client().with_certificate(format!("{}{certificate}{key}", server.authority.0.pem())),
        server.client().with_certificate(format!("{certificate}{key}")).with_proxy_from_env(),
    ] {
        server.source(client, NOW).0.token().await.unwrap();
    }
    assert_eq!(server.certificates(), vec![pair.der; 4]);
    for sent in &*server.sent.lock().unwrap() {
        assert!(sent.request.ends_with("\r\n\r\ngrant_type=client_credentials&client_id=billing"));
        assert!(!sent.request.to_lowercase().contains("authorization:"));
    }
}

#[tokio::test]
async fn without_a_certificate_the_endpoint_gets_no_request() {
    let server = Server::start().await;
    server.source(server.client(), NOW).0.token().await.unwrap_err();
    assert_eq!(server.certificates().len(), 0);
}

#[tokio::test]
async fn a_new_pair_on_disk_is_shown_in_the_next_exchange() {
    let server = Server::start().await;
    let (folder, one, two) = (Folder::new("new"), server.authority.pair(), server.authority.pair());
    let pem = |pair: &Pair| format!("{}{}", pair.certificate, pair.key);
    let client = server.client().with_certificate(folder.write("pem", &pem(&one)));
    let (source, clock) = server.source(client, NOW);
    next(&source, &clock).await;
    next(&source, &clock).await;
    folder.write("pem", &pem(&two));
    next(&source, &clock).await;
    assert_eq!(server.certificates(), [one.der.clone(), one.der, two.der]);
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn while_one_of_two_files_is_new_the_last_good_pair_is_shown_and_one_event_says_why() {
    let server = Server::start().await;
    let (folder, one, two) =
        (Folder::new("half"), server.authority.pair(), server.authority.pair());
    let certificate = folder.write("tls.crt", &one.certificate);
    let key = folder.write("tls.key", &one.key);
    let client = server.client().with_certificate_and_key(certificate, key);
    let (source, clock) = server.source(client, NOW);
    next(&source, &clock).await;
    let log = Log::default();
    let guard = log.on_this_thread();
    folder.write("tls.crt", &two.certificate);
    next(&source, &clock).await;
    next(&source, &clock).await;
    drop(guard);
    let text = log.text();
    let event = "the certificate and the private key do not belong together";
    assert_eq!(text.lines().filter(|line| line.contains(event)).count(), 1, "{text}");
    assert!(text.lines().any(|line| line.contains("WARN") && line.contains("tls.crt")), "{text}");
    folder.write("tls.key", &two.key);
    next(&source, &clock).await;
    let (one, two) = (one.der, two.der);
    assert_eq!(server.certificates(), [one.clone(), one.clone(), one, two]);
}

#[tokio::test]
async fn texts_that_are_no_pair_are_an_error_and_no_connection_is_made() {
    let server = Server::start().await;
    let (one, two) = (server.authority.pair(), server.authority.pair());
    let (certificate, key) = (&*one.certificate, &*one.key);
    for (texts, says) in [
        ([certificate, &*two.key], "do not belong together"),
        ([certificate, certificate], "there is no private key in it"),
        ([key, key], "there is no certificate in it"),
        (["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key], "do not belong"),
    ] {
        let client = server.client().with_certificate_and_key(texts[0], texts[1]);
        let error = refused(&server.source(client, NOW).0).await;
        assert!(error.contains(says), "{error}");
    }
    let missing = Credential::file("/nowhere/tls.pem");
    let (source, _) = server.source(server.client().with_certificate(missing), NOW);
    assert!(refused(&source).await.contains("/nowhere/tls.pem"));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_certificate_outside_its_dates_is_an_error_with_the_date_and_no_connection_is_made() {
    let server = Server::start().await;
    let pair = server.authority.pair();
    let client = server.client().with_certificate_and_key(&*pair.certificate, &*pair.key);
    let (begins, ends) = (1_577_836_800, 2_524_608_000);
    for (now, says) in [
        (begins - 1, "not valid before 2020-01-01T00:00:00Z"),
        (ends + 1, "was valid until 2050-01-01T00:00:00Z"),
    ] {
        let error = refused(&server.source(client.clone(), now).0).await;
        assert!(error.contains(says), "{error}");
    }
    assert_eq!(server.connections(), 0);
    for now in [begins, ends] {
        server.source(client.clone(), now).0.token().await.unwrap();
    }
}

#[tokio::test]
async fn from_14_days_before_its_end_one_event_a_day_says_that_the_certificate_ends() {
    let server = Server::start().await;
    let pair = server.authority.pair();
    let client = server.client().with_certificate_and_key(&*pair.certificate, &*pair.key);
    let ends = 2_524_608_000;
    let (source, clock) = server.source(client, ends - 16 * DAY);
    let log = Log::default();
    let guard = log.on_this_thread();
    for _ in 0..4 * 8 {
        source.token().await.unwrap();
        clock.advance(Duration::from_secs(DAY / 8));
    }
    drop(guard);
    let text = log.text();
    let events: Vec<_> =
        text.lines().filter(|line| line.contains("a client certificate ends soon")).collect();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[0].contains("WARN") && events[0].contains("days=14"), "{events:?}");
    assert!(
        events[1].contains("days=13") && events[1].contains("2050-01-01T00:00:00Z"),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_client_of_the_preset_that_cannot_show_a_certificate_is_an_error_at_once() {
    let system = OAuth::builder("https://idp.example/token").client(OAuthClient::tls("billing"));
    let error = AuthLayer::oauth(system.build().unwrap(), "https://api.example").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("HttpClient::with_certificate"), "{error}");
}
