//! hyper over the simulated network. Its URLs say `https`, because a credential is not sent over plain http.
//! There is no real TLS.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::Service;
use turmoil::net::{TcpListener, TcpStream};

use crate::{History, secs};

const PORT: u16 = 443;

pub(crate) type Http = Client<Connector, Full<Bytes>>;

/// A client with a pool, for the API.
pub(crate) fn pooled(http2: bool) -> Http {
    // A connection that has lost a packet is dead, because this simulation sends no packet twice.
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(2)
        .http2_only(http2)
        .timer(TokioTimer::new())
        .http2_keep_alive_interval(secs(1))
        .http2_keep_alive_timeout(secs(1))
        .http2_keep_alive_while_idle(true)
        .build(Connector)
}

/// A client with a connection for each request, like the crate's own client for token endpoints.
pub(crate) fn unpooled() -> Http {
    Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(Connector)
}

/// Connects to the host that a URL names.
#[derive(Clone)]
pub(crate) struct Connector;

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Stream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(async move {
            let host = uri.host().unwrap_or_default().to_owned();
            Ok(TokioIo::new(Stream(TcpStream::connect((host, PORT)).await?)))
        })
    }
}

pub(crate) struct Stream(TcpStream);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Answers requests until its host crashes.
pub(crate) async fn serve<F, Fut>(http2: bool, history: History, answer: F) -> turmoil::Result
where
    F: Fn(Request<Incoming>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (stream, from) = listener.accept().await?;
        history.note(format_args!("accepted {from}"));
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let response = answer(request);
            async move { Ok::<_, Infallible>(response.await) }
        });
        let stream = TokioIo::new(stream);
        // The client handles the end of a connection.
        tokio::spawn(async move {
            let _ = match http2 {
                true => {
                    let mut server = http2::Builder::new(TokioExecutor::new());
                    server.timer(TokioTimer::new()).auto_date_header(false);
                    server.serve_connection(stream, service).await
                }
                false => {
                    let mut server = http1::Builder::new();
                    server.timer(TokioTimer::new()).auto_date_header(false);
                    server.serve_connection(stream, service).await
                }
            };
        });
    }
}
