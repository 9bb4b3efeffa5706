//! An outbound reverse proxy with axum. It adds its own credential to the requests that it forwards, and
//! its end users never see it. The example runs for ten seconds, with fifty end users, tokens that expire
//! (after 3 s), and a revocation.
//!
//! ```text
//! cargo run --example axum_proxy --features axum,test-util
//! ```
//!
//! Nothing leaves this machine: the API and its token endpoint are the test kit's. The exit code tells
//! whether every upload arrived whole, with no more exchanges than necessary, and with no wrong header. Copy
//! `proxy.rs`.

mod proxy;

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::replay::Same;
use tower_outbound_auth::testkit::RotatingServer;
use tower_outbound_auth::{AuthLayer, BoxError};

use self::proxy::{Proxy, forward};

const END_USERS: usize = 50;
const UPLOADS_EACH: usize = 10;
/// The length of an upload: 128 KiB.
const FRAMES: usize = 8;
const FRAME: usize = 16 * 1024;
/// If all tokens are revoked just after a renewal, a request may be refused with the old token and with
/// the new one. The end user then gets a 502, and uploads once more.
static REFUSED_TWICE: AtomicUsize = AtomicUsize::new(0);

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let server = RotatingServer::start().await?.with_lifetime(3);
    server.delay_exchanges(Duration::from_millis(100)); // so that there is a wait to see

    // All that the proxy needs:
    let (key, secret) = (server.client_id(), server.client_secret());
    let layer = AuthLayer::rotating(&server.api_root(), key, secret)?
        .with_replay(Same::new().with_cap(256 * 1024)); // this API reads an upload before it refuses it
    let source = layer.source().clone(); // for the table at the end
    let api = layer.layer(Client::builder(TokioExecutor::new()).build_http::<Body>());
    let authority = server.url("").trim_start_matches("http://").parse()?;
    let state = Proxy { api, scheme: http::uri::Scheme::HTTP, authority };
    let app = Router::new().fallback(forward).with_state(state);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/v1/documents", listener.local_addr()?);
    tokio::spawn(async { axum::serve(listener, app).await });

    let mut end_users = JoinSet::new();
    (0..END_USERS).for_each(|user| drop(end_users.spawn(end_user(user, url.clone()))));
    for second in 1..=10 {
        sleep(Duration::from_secs(1)).await;
        if second == 4 {
            server.revoke_tokens();
        }
        let (counts, revoked) = (server.counts(), if second == 4 { ", all revoked" } else { "" });
        println!(
            "{second:>2} s: {} answered, {} exchanges{revoked}",
            counts.accepted, counts.exchanges
        );
    }
    let mut whole = 0;
    for uploads in end_users.join_all().await {
        whole += uploads.unwrap_or_else(|error| {
            eprintln!("an end user: {error}");
            0
        });
    }

    let (counts, status) = (server.counts(), source.status());
    let ours = |value: &http::HeaderValue| !value.as_bytes().starts_with(b"Bearer end-user");
    let kept_apart =
        server.requests().iter().all(|it| it.headers.get_all("authorization").iter().all(ours));
    println!("\nuploads that arrived whole               {whole:>6}");
    println!("exchanges                                {:>6}", counts.exchanges);
    println!("tokens adopted from responses            {:>6}", status.counters.rotations_adopted);
    println!("401s, of which no end user saw one       {:>6}", counts.refused);
    println!("uploads that were refused twice          {:>6}", REFUSED_TWICE.load(Relaxed));
    // The first token, and one because of the revocation. Two more are allowed for a busy machine.
    let well = whole == END_USERS * UPLOADS_EACH && counts.exchanges <= 4 && counts.refused > 0;
    Ok(if well && kept_apart { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Uploads about once a second. Returns how many uploads arrived whole.
async fn end_user(user: usize, url: String) -> Result<usize, BoxError> {
    let http: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).build_http();
    let mut whole = 0;
    for number in 0..UPLOADS_EACH {
        let mut status = upload(&http, user, &url).await?;
        if status == StatusCode::BAD_GATEWAY {
            REFUSED_TWICE.fetch_add(1, Relaxed);
            status = upload(&http, user, &url).await?;
        }
        whole += usize::from(status == StatusCode::OK);
        sleep(Duration::from_millis(if number == 0 { 20 * user as u64 } else { 950 })).await;
    }
    Ok(whole)
}

/// Uploads 128 KiB as a stream, and checks the whole answer.
async fn upload(
    http: &Client<HttpConnector, Body>,
    user: usize,
    url: &str,
) -> Result<StatusCode, BoxError> {
    let frames = (0..FRAMES).map(|_| Ok::<_, BoxError>(Bytes::from(vec![b'x'; FRAME])));
    let request = Request::post(url)
        .header("authorization", format!("Bearer end-user-{user}"))
        .body(Body::from_stream(stream::iter(frames)))?;
    let (head, body) = http.clone().oneshot(request).await?.into_parts();
    let text = String::from_utf8(body.collect().await?.to_bytes().into())?;
    let whole = text.contains(&format!("\"length\":{}", FRAMES * FRAME));
    let no_token = !head.headers.contains_key("authorization");
    if no_token && (head.status != StatusCode::OK || whole) {
        return Ok(head.status);
    }
    Err(format!("{} {:?} {text}", head.status, head.headers).into())
}
