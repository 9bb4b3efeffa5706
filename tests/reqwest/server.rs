//! A server on a loopback socket, plain or with TLS, that records every byte that it reads.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::ClientBuilder;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub(crate) type Answer = Response<Full<Bytes>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

pub(crate) struct Server {
    /// `http(s)://127.0.0.1:<port>`.
    pub(crate) origin: String,
    read: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    pub(crate) async fn start<F>(
        scheme: Scheme,
        answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    ) -> Server
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let read = Arc::new(Mutex::new(Vec::new()));
        let log = read.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (log, answer) = (log.clone(), answer.clone());
                tokio::spawn(async move {
                    let stream: Box<dyn Stream> = match scheme {
                        Scheme::Http => Box::new(socket),
                        Scheme::Https => match acceptor().accept(socket).await {
                            Ok(tls) => Box::new(tls),
                            Err(_) => return,
                        },
                    };
                    let service = service_fn(move |request| {
                        let answered = answer(request);
                        async move { Ok::<_, Infallible>(answered.await) }
                    });
                    let io = TokioIo::new(Recording { stream, log });
                    let server = hyper::server::conn::http1::Builder::new();
                    drop(server.serve_connection(io, service).await);
                });
            }
        });
        let scheme = if scheme == Scheme::Http { "http" } else { "https" };
        Server { origin: format!("{scheme}://{address}"), read }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Everything that clients sent, byte for byte.
    pub(crate) fn read(&self) -> Vec<u8> {
        self.read.lock().unwrap().clone()
    }
}

pub(crate) fn contains(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

pub(crate) fn answer(status: u16, body: &'static str) -> Answer {
    Response::builder().status(status).body(Full::from(body)).unwrap()
}

pub(crate) fn redirect(status: u16, to: &str) -> Answer {
    let response = Response::builder().status(status).header("location", to);
    response.body(Full::default()).unwrap()
}

/// A builder that trusts the servers of these tests, with its own crypto provider and without
/// proxies.
pub(crate) fn builder() -> ClientBuilder {
    with_proxies().no_proxy()
}

/// The same, with the proxies of the environment.
pub(crate) fn with_proxies() -> ClientBuilder {
    let mut roots = RootCertStore::empty();
    roots.add(identity().0.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    ClientBuilder::new().tls_backend_preconfigured(config)
}

type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

fn identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let names = ["127.0.0.1".to_owned(), "api.example".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        (cert.der().clone(), key)
    })
}

fn acceptor() -> TlsAcceptor {
    let (certificate, key) = identity();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.clone_key())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Below HTTP and above TLS.
struct Recording {
    stream: Box<dyn Stream>,
    log: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Recording {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.log.lock().unwrap().extend_from_slice(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Recording {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
