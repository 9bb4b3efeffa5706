//! The socket under the embedded servers: bind, accept, answer, stop.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// The longest body of a request. A test that sends more is wrong.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// The answer of an embedded server.
pub(super) type Answer = Response<Full<Bytes>>;

/// Makes the answers of an embedded server. It gets requests with their whole body.
pub(super) trait Handler: Send + Sync + 'static {
    fn handle(&self, request: Request<Bytes>) -> impl Future<Output = Answer> + Send;
}

/// A server on its own port of 127.0.0.1, for HTTP/1.1 and for HTTP/2 without TLS.
///
/// It runs on the runtime that started it. When it is dropped, it stops listening, and its connections
/// are closed.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    accepting: AbortHandle,
}

impl Server {
    pub(super) async fn start(handler: Arc<impl Handler>) -> io::Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, handler)).abort_handle();
        Ok(Server { address, accepting })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:<port>`, to which a path can be added.
    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Never panics: an abort is a message to the runtime. If the runtime has ended, nothing happens.
impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Owns the connections: when this task is aborted, they end too.
async fn accept(listener: TcpListener, handler: Arc<impl Handler>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => connections.spawn(serve(stream, handler.clone())),
            // There are probably no free file descriptors; other connections will soon release
            // some.
            Err(_) => connections.spawn(tokio::time::sleep(Duration::from_millis(10))),
        };
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, handler: Arc<impl Handler>) {
    let _ = stream.set_nodelay(true); // without it, small answers may wait for 40 ms
    let service = service_fn(|request| {
        let handler = handler.clone();
        async move { Ok::<_, Infallible>(answer(&*handler, request).await) }
    });
    let server = auto::Builder::new(TokioExecutor::new());
    // It does not matter how a connection ends.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(handler: &impl Handler, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => handler.handle(Request::from_parts(head, body.to_bytes())).await,
        Err(_) => plain(StatusCode::BAD_REQUEST, "the body is longer than 16 MiB, or broke off"),
    }
}

/// An answer with a status and a text.
pub(super) fn plain(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer
}

/// An answer with a status and JSON.
pub(super) fn json(status: StatusCode, body: &serde_json::Value) -> Answer {
    let mut answer = plain(status, body.to_string());
    let json = http::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(http::header::CONTENT_TYPE, json);
    answer
}
