//! A stream of 1 MiB over real sockets is refused early, in the middle or at its end, with fast and slow
//! writers, with a cap above and below its length, on HTTP/1.1 and HTTP/2. The server reports the length
//! and hash of what it received.
//!
//! On HTTP/1.1, some servers answer before they have read the body, and close their connection. A client
//! that is still writing may then find the broken connection before the answer. No layer sees that refusal,
//! and the call fails with the client's own error. The tests accept this, but never half a body.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::replay::{ReplayBody, Wrap};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::ScriptedExchange;
use tower_outbound_auth::{AuthLayer, BoxError, Origin, Recovery, TokenSource};

const LENGTH: usize = 1 << 20;
const FRAME: usize = 16 * 1_024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Early,
    Halfway,
    Late,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    Fast,
    Slow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cap {
    Over,
    Under,
}

/// How the server treats the rest of a body that was refused before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// On HTTP/1.1 the connection is closed, on HTTP/2 the stream.
    Cut,
    /// The server reads it to its end, so that the client always gets the answer.
    Read,
}

/// All frames differ.
fn frame(n: usize) -> Bytes {
    let seed = n as u64;
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..FRAME).map(|_| rng.u8(..)).collect()
}

fn hash_of_all() -> Vec<u8> {
    let mut hash = Sha256::new();
    (0..LENGTH / FRAME).for_each(|n| hash.update(frame(n)));
    hash.finalize().to_vec()
}

type Upload = StreamBody<Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, Infallible>> + Send>>>;

/// Counts the frames that are read from it.
fn upload(writer: Writer, read: Arc<AtomicUsize>) -> Upload {
    let frames = futures::stream::unfold(0, move |n| {
        let read = read.clone();
        async move {
            if n == LENGTH / FRAME {
                return None;
            }
            if writer == Writer::Slow && n % 4 == 3 {
                tokio::time::sleep(Duration::from_millis(2)).await; // real time, because the sockets are real
            }
            read.fetch_add(1, Ordering::SeqCst);
            Some((Ok(Frame::data(frame(n))), n + 1))
        }
    });
    StreamBody::new(Box::pin(frames))
}

/// The bodies that a server accepted: length and hash.
type Accepted = Arc<Mutex<Vec<(usize, Vec<u8>)>>>;

/// Refuses `token-1` after it has read this much.
async fn serve(
    refused: Refused,
    rest: Rest,
    request: Request<Incoming>,
    accepted: Accepted,
) -> Result<Response<Full<Bytes>>, BoxError> {
    let refuse = request.headers()["authorization"] == "Bearer token-1";
    let until = match refused {
        Refused::Early if refuse => 0,
        Refused::Halfway if refuse => LENGTH / 2,
        _ => usize::MAX,
    };
    let (mut body, mut length, mut hash) = (request.into_body(), 0, Sha256::new());
    while length < until
        && let Some(frame) = body.frame().await
    {
        let data = frame?.into_data().unwrap();
        length += data.len();
        hash.update(data);
    }
    if refuse {
        if rest == Rest::Read {
            tokio::spawn(body.collect());
        }
        let response = Response::builder().status(401).header("x-reason", "old");
        return Ok(response.body(Full::from("no"))?);
    }
    accepted.lock().unwrap().push((length, hash.finalize().to_vec()));
    Ok(Response::new(Full::default()))
}

/// Its address, and the bodies that it accepted.
async fn server(refused: Refused, rest: Rest) -> (String, Accepted) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let accepted = Accepted::default();
    let log = accepted.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let accepted = log.clone();
            let service =
                service_fn(move |request| serve(refused, rest, request, accepted.clone()));
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                drop(builder.serve_connection(TokioIo::new(socket), service).await);
            });
        }
    });
    (origin, accepted)
}

async fn run(protocol: Protocol, refused: Refused, rest: Rest, writer: Writer, cap: Cap) {
    let case = format!("{protocol:?}, {refused:?}, {rest:?}, {writer:?}, {cap:?}");
    let (origin, accepted) = server(refused, rest).await;
    let client = Client::builder(TokioExecutor::new())
        .http2_only(protocol == Protocol::Http2)
        .build_http::<ReplayBody<Upload>>();
    let source = TokenSource::new(HeaderScheme::bearer(), ScriptedExchange::new());
    let cap_bytes = if cap == Cap::Over { 2 * LENGTH } else { 64 * 1_024 };
    let service = AuthLayer::new(source.clone())
        .with_origin(Origin::parse(&origin).unwrap())
        .with_replay(Wrap::new().with_cap(cap_bytes))
        .layer(client);

    let read = Arc::new(AtomicUsize::new(0));
    let body = upload(writer, read.clone());
    let call = service.oneshot(Request::post(&origin).body(body).unwrap());
    let answer = tokio::time::timeout(Duration::from_secs(10), call).await.expect("no hang");

    let accepted = accepted.lock().unwrap().clone();
    // Over HTTP/1.1, a server that stops reading closes the connection, and a sending may fail for
    // this reason.
    let may_die = protocol == Protocol::Http1 && refused != Refused::Late && rest == Rest::Cut;
    match answer {
        Ok(answer) if answer.status() == 200 => {
            assert!(cap == Cap::Over || refused == Refused::Early, "{case}: too much was kept");
            assert_eq!(answer.extensions().get(), Some(&Recovery::Replayed));
            assert_eq!(accepted, [(LENGTH, hash_of_all())], "{case}: byte for byte");
            assert_eq!(read.load(Ordering::SeqCst), LENGTH / FRAME, "{case}: read once");
        }
        Ok(answer) if answer.extensions().get() == Some(&Recovery::ResendFailed) => {
            assert!(may_die, "{case}");
            assert_eq!(answer.status(), 401);
            assert!(accepted.is_empty(), "{case}: half a body was accepted");
        }
        Ok(answer) => {
            assert_eq!(cap, Cap::Under, "{case}: it could be sent again");
            assert_eq!(answer.status(), 401);
            assert_eq!(answer.extensions().get(), Some(&Recovery::NotReplayable));
            assert_eq!(answer.headers()["x-reason"], "old");
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "no");
            assert!(accepted.is_empty(), "{case}: refused, and accepted");
            source.settled().await;
            assert_eq!(source.status().counters.exchanges(), 2, "{case}: renewed for the next");
        }
        Err(error) => {
            assert!(may_die, "{case}: {error:?}");
            assert!(error.is::<hyper_util::client::legacy::Error>(), "{case}: {error:?}");
            assert!(accepted.is_empty(), "{case}: half a body was accepted");
        }
    }
}

async fn all_of(protocol: Protocol, refused: Refused) {
    for rest in [Rest::Cut, Rest::Read] {
        for writer in [Writer::Fast, Writer::Slow] {
            for cap in [Cap::Over, Cap::Under] {
                run(protocol, refused, rest, writer, cap).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_1_refused_early() {
    all_of(Protocol::Http1, Refused::Early).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_1_refused_halfway() {
    all_of(Protocol::Http1, Refused::Halfway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_1_refused_late() {
    all_of(Protocol::Http1, Refused::Late).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_2_refused_early() {
    all_of(Protocol::Http2, Refused::Early).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_2_refused_halfway() {
    all_of(Protocol::Http2, Refused::Halfway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_2_refused_late() {
    all_of(Protocol::Http2, Refused::Late).await;
}
