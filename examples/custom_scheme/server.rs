//! A small server with sessions. `POST /login` takes a password and returns a session. Every other path
//! needs a valid session in `X-Session`. `/forget-all-sessions` answers and then forgets all sessions.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;

/// Sessions have numbers. This is the number of the only valid one.
static SESSION: AtomicUsize = AtomicUsize::new(1);

/// Starts the server on a free port of this machine. Returns its URL.
pub(crate) async fn start() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let builder = Builder::new(TokioExecutor::new());
            tokio::spawn(async move {
                builder.serve_connection(TokioIo::new(stream), service_fn(answer)).await.ok();
            });
        }
    });
    Ok(url)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    let session = format!("session-{}", SESSION.load(Ordering::Relaxed));
    let known = head.headers.get("x-session").is_some_and(|it| *it == *session);
    let (status, text) = match head.uri.path() {
        "/login" if body == "open sesame" => (200, session),
        "/login" => (403, "wrong password".to_owned()),
        _ if !known => (419, "unknown session".to_owned()),
        path => {
            let forget = usize::from(path == "/forget-all-sessions");
            SESSION.fetch_add(forget, Ordering::Relaxed);
            (200, "here you are".to_owned())
        }
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    Ok(response)
}
