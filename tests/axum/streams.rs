//! Bodies over real sockets: end user, proxy and API.

use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use http_body_util::BodyExt;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tower_outbound_auth::replay::{Same, Wrap};

use super::*;

const LENGTH: usize = 1 << 20;
const FRAME: usize = 16 * 1024;

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    origin
}

/// The accepted bodies: length and hash.
type Accepted = Arc<Mutex<Vec<(usize, Vec<u8>)>>>;

/// Refuses `token-1` after its head, but reads the body, so that a client that is still writing gets
/// the answer.
async fn upload(State(accepted): State<Accepted>, request: Request<Body>) -> Response {
    let refused = request.headers()["authorization"] == "Bearer token-1";
    let mut body = request.into_body();
    if refused {
        tokio::spawn(body.collect());
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let (mut length, mut hash) = (0, Sha256::new());
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return StatusCode::BAD_REQUEST.into_response() };
        let data = frame.into_data().unwrap();
        length += data.len();
        hash.update(data);
    }
    accepted.lock().unwrap().push((length, hash.finalize().to_vec()));
    StatusCode::OK.into_response()
}

fn http<B>(http2: bool) -> Client<HttpConnector, B>
where
    B: http_body::Body<Data: Send> + Send,
{
    Client::builder(TokioExecutor::new()).http2_only(http2).build_http()
}

/// A proxy and an API, each on a socket. The proxy's client sends boxed or unboxed bodies. Loopback takes a
/// whole upload before the refusal of its head arrives, so all of it is kept.
async fn proxy_on_a_socket(api: &str, http2: bool, boxed: bool) -> String {
    let source = TokenSource::new(HeaderScheme::bearer(), ScriptedExchange::new());
    let layer = bound(&source, api);
    serve(match boxed {
        true => {
            app(layer.with_replay(Same::new().with_cap(2 * LENGTH)).layer(http::<Body>(http2)), api)
        }
        false => app(layer.with_replay(Wrap::new().with_cap(2 * LENGTH)).layer(http(http2)), api),
    })
    .await
}

fn frame(n: usize) -> Bytes {
    let mut rng = fastrand::Rng::with_seed(n as u64);
    (0..FRAME).map(|_| rng.u8(..)).collect()
}

#[tokio::test]
async fn an_upload_of_1_mib_that_is_refused_early_arrives_byte_for_byte() {
    let mut hash = Sha256::new();
    (0..LENGTH / FRAME).for_each(|n| hash.update(frame(n)));
    let whole = (LENGTH, hash.finalize().to_vec());
    for (http2, boxed) in [(false, true), (false, false), (true, true), (true, false)] {
        let accepted = Accepted::default();
        let api = serve(Router::new().fallback(upload).with_state(accepted.clone())).await;
        let proxy = proxy_on_a_socket(&api, http2, boxed).await;
        let frames =
            futures::stream::iter((0..LENGTH / FRAME).map(|n| Ok::<_, BoxError>(frame(n))));
        let request = Request::post(&proxy).body(Body::from_stream(frames)).unwrap();
        let answer = http(http2).oneshot(request);
        let answer = tokio::time::timeout(Duration::from_secs(20), answer).await.expect("no hang");
        let case = format!("HTTP/2: {http2}, boxed: {boxed}");
        assert_eq!(answer.unwrap().status(), 200, "{case}");
        assert_eq!(accepted.lock().unwrap().as_slice(), std::slice::from_ref(&whole), "{case}");
    }
}

/// The bytes that the API has received so far. Its answer echoes them as they arrive.
type Got = UnboundedSender<Bytes>;

async fn echo(State(got): State<Got>, request: Request<Body>) -> Response {
    let noted = futures::StreamExt::inspect(request.into_body().into_data_stream(), move |data| {
        if let Ok(data) = data {
            drop(got.unbounded_send(data.clone()));
        }
    });
    Response::new(Body::from_stream(noted))
}

/// The end user writes the second frame only after the first one has come back.
#[tokio::test]
async fn bodies_are_forwarded_frame_by_frame() {
    use futures::StreamExt;
    for http2 in [false, true] {
        let (got, mut seen) = unbounded();
        let api = serve(Router::new().fallback(echo).with_state(got)).await;
        let proxy = proxy_on_a_socket(&api, http2, true).await;
        let (writer, frames) = unbounded::<Result<Bytes, BoxError>>();
        writer.unbounded_send(Ok("one".into())).unwrap();
        let request = Request::post(&proxy).body(Body::from_stream(frames)).unwrap();
        let both = async {
            let mut echoed = http(http2).oneshot(request).await.unwrap().into_body();
            for (text, next) in [("one", Some("two")), ("two", None)] {
                assert_eq!(
                    seen.next().await.unwrap(),
                    text,
                    "the API receives the frame before the end of the body"
                );
                let back = echoed.frame().await.unwrap().unwrap().into_data().unwrap();
                assert_eq!(
                    back, text,
                    "the end user receives the frame before the end of the body"
                );
                if let Some(next) = next {
                    writer.unbounded_send(Ok(Bytes::from(next))).unwrap();
                }
            }
            writer.close_channel();
            assert!(echoed.collect().await.unwrap().to_bytes().is_empty());
        };
        tokio::time::timeout(Duration::from_secs(20), both).await.expect("no hang");
    }
}
