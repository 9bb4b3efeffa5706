//! A server on this machine, and hyper-util's client for it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tower::{Service, ServiceExt};
use tower_outbound_auth::{AuthLayer, Origin, Scheme};

use super::Body;

pub(crate) type Client = hyper_util::client::legacy::Client<HttpConnector, Body>;

/// A runtime of one thread: the caller's.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// On a runtime and a thread of its own, so that its work is not in the client's figures. It answers all
/// requests alike, to the end of the process.
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

/// The layer, for this server.
pub(crate) fn at<S: Scheme, R>(address: SocketAddr, layer: AuthLayer<S, R>) -> AuthLayer<S, R> {
    layer.with_origin(Origin::parse(&format!("http://{address}")).unwrap())
}

/// The same request as everywhere, to this server; with room for hyper's headers, which would else make the
/// map grow where there is one header more.
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

/// One after the other, each to the end of its response.
pub(crate) async fn send<S>(service: &mut S, requests: Vec<Request<Body>>)
where
    S: Service<Request<Body>, Response = Response<Incoming>, Error: std::fmt::Debug>,
{
    for request in requests {
        let response = service.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.unwrap();
    }
}
