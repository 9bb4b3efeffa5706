//! A server on this machine, and hyper-util's client for it.

use std::convert::Infallible;
use std::env;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as HttpBody, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tower::{Service, ServiceExt};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{AuthLayer, Origin, TokenSource};

use super::{Body, token};

pub(crate) type Client = hyper_util::client::legacy::Client<HttpConnector, Body>;

/// An environment variable that makes a process a server.
const SERVER: &str = "OUTBOUND_AUTH_SERVER";

/// A server in its own process, so that this process's figures are only the client's.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts this program again. Its `main` must call [`is_server`] first.
    pub(crate) fn start() -> Server {
        let program = env::current_exe().unwrap();
        let mut command = Command::new(program);
        // The server ends with this process: when its standard input ends.
        let command = command.env(SERVER, "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Server { process, address: line.trim().parse().unwrap() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Serves until the standard input ends, if this process was started for that.
pub(crate) fn is_server() -> bool {
    let serves = env::var_os(SERVER).is_some();
    if serves {
        println!("{}", serve());
        let _ = std::io::stdin().read_line(&mut String::new());
    }
    serves
}

/// A runtime with one thread, the caller's.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A server on its own runtime and thread, so that its work is not in the client's figures. It answers
/// all requests in the same way until the process ends.
pub(crate) fn serve() -> SocketAddr {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    let served = server.serve_connection(TokioIo::new(stream), service_fn(answer));
                    served.await.unwrap();
                });
            }
        });
    });
    receiver.recv().unwrap()
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    request.into_body().collect().await.unwrap();
    Ok(Response::new(Full::from(Bytes::from_static(b"answer"))))
}

pub(crate) fn client(http2: bool) -> Client {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .http2_only(http2)
        .build(connector)
}

/// The layer for this server, with a fixed token.
pub(crate) fn layer(address: SocketAddr) -> AuthLayer<HeaderScheme> {
    let source = TokenSource::fixed(HeaderScheme::bearer(), token()).unwrap();
    AuthLayer::new(source).with_origin(Origin::parse(&format!("http://{address}")).unwrap())
}

/// The usual request, for this server. It has room for hyper's headers; otherwise one more header would
/// make the map grow.
pub(crate) fn requests(address: SocketAddr, count: usize) -> Vec<Request<Body>> {
    let uri: http::Uri = format!("http://{address}/v1/things").parse().unwrap();
    let request = |_| {
        let mut request = super::request();
        *request.uri_mut() = uri.clone();
        request.headers_mut().reserve(8);
        request
    };
    (0..count).map(request).collect()
}

/// One request after the other, each until its response has ended.
pub(crate) async fn send<S, RB>(service: &mut S, requests: Vec<Request<Body>>)
where
    S: Service<Request<Body>, Response = Response<RB>, Error: std::fmt::Debug>,
    RB: HttpBody<Error: std::fmt::Debug>,
{
    for request in requests {
        let response = service.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.unwrap();
    }
}
