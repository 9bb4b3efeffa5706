//! A server that demands a certificate of its authority in each connection: a token endpoint, and an API.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower_outbound_auth::endpoint::{ClientCertificate, HttpClient, TlsRoots};
use tower_outbound_auth::system::{OAuth, OAuthBuilder, OAuthClient};
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{AuthLayer, Credential, TokenSource};

/// 2026-01-01, in seconds since the epoch.
pub(crate) const NOW: u64 = 1_767_225_600;
pub(crate) const DAY: u64 = 86_400;

/// The authority of the clients' certificates.
pub(crate) struct Authority(pub(crate) CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub(crate) struct Pair {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// From 2020-01-01 to 2050-01-01.
    pub(crate) fn pair(&self) -> Pair {
        self.pair_of_years(2020, 2050)
    }

    /// From the first day of one year to that of another.
    pub(crate) fn pair_of_years(&self, begins: i32, ends: i32) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["billing".to_owned()]).unwrap();
        params.not_before = date_time_ymd(begins, 1, 1);
        params.not_after = date_time_ymd(ends, 1, 1);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Pair {
            der: certificate.der().clone(),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Pair {
    pub(crate) fn pem(&self) -> String {
        format!("{}{}", self.certificate, self.key)
    }

    pub(crate) fn thumbprint(&self) -> String {
        thumbprint(&self.der)
    }
}

pub(crate) fn thumbprint(der: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(der))
}

/// What the token endpoint issues.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Tokens {
    #[default]
    Opaque,
    /// A JWT that is bound to the certificate of the connection.
    Bound,
    BoundToAnother,
    UnboundJwt,
}

/// What the token endpoint got.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

/// What the API got.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The thumbprint of the connection's certificate.
    pub(crate) shown: String,
    pub(crate) status: StatusCode,
}

#[derive(Default)]
struct Got {
    sent: Mutex<Vec<Sent>>,
    calls: Mutex<Vec<Call>>,
    tokens: Mutex<Tokens>,
    /// A certificate that the token endpoint does not know.
    unknown: Mutex<Option<CertificateDer<'static>>>,
    /// The token endpoint does not answer before the API has had this many requests.
    hold: AtomicUsize,
    connections: AtomicUsize,
}

pub(crate) struct Server {
    pub(crate) authority: Authority,
    port: u16,
    roots: String,
    got: Arc<Got>,
}

impl Server {
    pub(crate) async fn start() -> Server {
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
        let port = listener.local_addr().unwrap().port();
        let got: Arc<Got> = Arc::default();
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), got.clone()));
        Server { authority, port, roots: own.pem(), got }
    }

    pub(crate) fn issue(&self, tokens: Tokens) {
        *self.got.tokens.lock().unwrap() = tokens;
    }

    /// The token endpoint refuses this certificate.
    pub(crate) fn refuse(&self, certificate: &CertificateDer<'static>) {
        *self.got.unknown.lock().unwrap() = Some(certificate.clone());
    }

    /// The next token is not issued before the API has had so many requests more.
    pub(crate) fn hold_the_next_token_for(&self, requests: usize) {
        self.got.hold.store(self.calls().len() + requests, Ordering::Relaxed);
    }

    pub(crate) fn client(&self) -> HttpClient {
        HttpClient::new(TlsRoots::pem(self.roots.as_bytes()).unwrap()).unwrap()
    }

    /// TLS that trusts this server, and shows no certificate.
    pub(crate) fn tls(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        use rustls::pki_types::pem::PemObject;
        roots.add(CertificateDer::from_pem_slice(self.roots.as_bytes()).unwrap()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    /// The certificate of this server, as PEM.
    pub(crate) fn roots(&self) -> &str {
        &self.roots
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    pub(crate) fn system(&self) -> OAuthBuilder {
        OAuth::builder(self.url("/token")).client(OAuthClient::tls("billing"))
    }

    /// A source that asks this endpoint with this certificate, and a clock that stands at `now`, in seconds since the epoch.
    pub(crate) fn source(
        &self,
        certificate: ClientCertificate,
        now: u64,
    ) -> (TokenSource<OAuth>, ManualClock) {
        self.source_of(self.system().certificate(certificate), self.client(), now)
    }

    pub(crate) fn source_of(
        &self,
        system: OAuthBuilder,
        client: HttpClient,
        now: u64,
    ) -> (TokenSource<OAuth>, ManualClock) {
        let clock = ManualClock::new();
        clock.set_wall(UNIX_EPOCH + Duration::from_secs(now));
        let source = TokenSource::builder_over_http(system.build().unwrap(), client);
        (source.clock(clock.clone()).build(), clock)
    }

    pub(crate) fn layer(&self, source: TokenSource<OAuth>) -> AuthLayer<OAuth> {
        let api = tower_outbound_auth::Origin::parse(&self.url("")).unwrap();
        AuthLayer::new(source).with_origin(api)
    }

    pub(crate) fn sent(&self) -> MutexGuard<'_, Vec<Sent>> {
        self.got.sent.lock().unwrap()
    }

    /// The certificates that the token endpoint saw.
    pub(crate) fn certificates(&self) -> Vec<CertificateDer<'static>> {
        self.sent().iter().map(|sent| sent.certificate.clone()).collect()
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.got.calls.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.got.connections.load(Ordering::Relaxed)
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, got: Arc<Got>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        got.connections.fetch_add(1, Ordering::Relaxed);
        let (acceptor, got) = (acceptor.clone(), got.clone());
        tokio::spawn(async move {
            let Ok(tls) = acceptor.accept(stream).await else { return };
            let shown = tls.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned();
            let answer = service_fn(|request| {
                let (got, shown) = (got.clone(), shown.clone());
                async move { Ok::<_, Infallible>(got.answer(request, shown).await) }
            });
            let _ = http1::Builder::new().serve_connection(TokioIo::new(tls), answer).await;
        });
    }
}

impl Got {
    async fn answer(
        &self,
        request: Request<Incoming>,
        certificate: CertificateDer<'static>,
    ) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        if head.uri.path() == "/token" {
            while self.calls.lock().unwrap().len() < self.hold.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
            }
            let body = String::from_utf8(body.to_vec()).unwrap();
            let tokens = *self.tokens.lock().unwrap();
            let mut sent = self.sent.lock().unwrap();
            let token = token(tokens, &certificate, sent.len());
            let is_unknown = self.unknown.lock().unwrap().as_ref() == Some(&certificate);
            sent.push(Sent { certificate, headers: head.headers, body });
            if is_unknown {
                let mut response = json_of(&json!({"error": "invalid_client"}));
                *response.status_mut() = StatusCode::UNAUTHORIZED;
                return response;
            }
            return json_of(
                &json!({"access_token": token, "token_type": "Bearer", "expires_in": 300}),
            );
        }
        let shown = thumbprint(&certificate);
        let credential = head.headers.get(AUTHORIZATION).map(|it| it.to_str().unwrap());
        let token = credential.and_then(|it| it.strip_prefix("Bearer ")).unwrap_or_default();
        let status = match confirmed(token) {
            Some(bound) if bound == shown => StatusCode::OK,
            _ => StatusCode::UNAUTHORIZED,
        };
        self.calls.lock().unwrap().push(Call { shown, status });
        let mut response = json_of(&json!({}));
        *response.status_mut() = status;
        if status != StatusCode::OK {
            let challenge = "Bearer error=\"invalid_token\"".parse().unwrap();
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

fn json_of(body: &Value) -> Response<Full<Bytes>> {
    let response = Response::builder().header(CONTENT_TYPE, "application/json");
    response.body(Full::new(body.to_string().into())).unwrap()
}

fn token(tokens: Tokens, certificate: &[u8], number: usize) -> String {
    let bound = |thumbprint: String| json!({"jti": number, "cnf": {"x5t#S256": thumbprint}});
    let claims = match tokens {
        Tokens::Opaque => return format!("opaque-token-{number}"),
        Tokens::Bound => bound(thumbprint(certificate)),
        Tokens::BoundToAnother => bound(thumbprint(b"another")),
        Tokens::UnboundJwt => json!({"jti": number}),
    };
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let header = json!({"alg": "ES256"});
    format!(
        "{}.{}.{}",
        part(header.to_string()),
        part(claims.to_string()),
        part("no one looks".into())
    )
}

/// The thumbprint in a token.
fn confirmed(token: &str) -> Option<String> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims["cnf"]["x5t#S256"].as_str().map(str::to_owned)
}

/// The next token, after the last one has ended.
pub(crate) async fn next(source: &TokenSource<OAuth>, clock: &ManualClock) {
    clock.advance(Duration::from_secs(301));
    source.token().await.unwrap();
}

/// A folder for the files of one test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("mtls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Credential {
        std::fs::write(self.0.join(name), text).unwrap();
        Credential::file(self.0.join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
