//! An outbound reverse proxy with axum. It adds its own credential to the requests that it forwards, and
//! its end users never see it. The example runs for ten seconds, with fifty end users, tokens that expire
//! (after 3 s), and a revocation.
//!
//! ```text
//! cargo run --example axum_proxy --features axum,test-util
//! cargo run --example axum_proxy --features axum,test-util -- --svg timeline.svg
//! ```
//!
//! Nothing leaves this machine: the API and its token endpoint are the test kit's. The exit code tells
//! whether every upload arrived whole, with no more exchanges than necessary, and with no wrong header. Copy
//! `proxy.rs`, and `operator.rs`, which shows the state of the credential on a port of its own.

#[path = "../common/mod.rs"]
mod common;
mod operator;
mod proxy;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
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

use self::common::{Story, Table};
use self::proxy::{Proxy, forward};

const END_USERS: usize = 50;
const UPLOADS_EACH: usize = 10;
/// The length of an upload: 128 KiB.
const FRAMES: usize = 8;
const FRAME: usize = 16 * 1024;
const END_USERS_CREDENTIAL: &str = "Bearer end-user-";

/// What the end users saw.
#[derive(Default)]
struct Seen {
    /// Answers with a 200, and with the length of the whole upload.
    whole: AtomicUsize,
    /// Answers with a 401.
    unauthorized: AtomicUsize,
    /// Answers with a token or a challenge.
    with_secrets: AtomicUsize,
    /// If all tokens are revoked just after a renewal, a request may be refused with the old token and with
    /// the new one. The end user then gets a 502, and uploads once more.
    refused_twice: AtomicUsize,
}

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let story =
        Story::begin("A reverse proxy: its end users see no 401 and no token", "end users")?;
    let server = RotatingServer::start().await?.with_lifetime(3);
    server.delay_exchanges(Duration::from_millis(100)); // so that there is a wait to see

    // All that the proxy needs:
    let (key, secret) = (server.client_id(), server.client_secret());
    let layer = AuthLayer::rotating(&server.api_root(), key, secret)?
        .rebuild_source(|source| source.observer(story.observer())) // for the timeline
        .with_replay(Same::new().with_cap(256 * 1024)); // this API reads an upload before it refuses it
    let source = layer.source().clone(); // for the table at the end
    let api = layer.layer(Client::builder(TokioExecutor::new()).build_http::<Body>());
    let authority = server.url("").trim_start_matches("http://").parse()?;
    let state = Proxy { api, scheme: http::uri::Scheme::HTTP, authority };
    let app = Router::new().fallback(forward).with_state(state);
    let app = app.layer(from_fn_with_state(story.clone(), record)); // for the timeline
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/v1/documents", listener.local_addr()?);
    tokio::spawn(async { axum::serve(listener, app).await });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("The state of the credential: http://{}/ready and /status", listener.local_addr()?);
    let routes = operator::routes(source.clone().erased());
    tokio::spawn(async { axum::serve(listener, routes).await });

    let seen = Arc::new(Seen::default());
    let mut end_users = JoinSet::new();
    for user in 0..END_USERS {
        let (url, seen, story) = (url.clone(), seen.clone(), story.clone());
        end_users.spawn(async move {
            if let Err(error) = end_user(user, &url, &seen).await {
                story.complain(&format!("end user {user}: {error}"));
            }
        });
    }
    let so_far = || {
        let (whole, exchanges) = (seen.whole.load(Relaxed), server.counts().exchanges);
        format!("{whole} uploads arrived whole; exchanges: {exchanges}")
    };
    story.ten_seconds(|| server.revoke_tokens(), so_far).await;
    end_users.join_all().await;

    let (counts, counters) = (server.counts(), source.status().counters);
    let whole = seen.whole.load(Relaxed);
    let theirs =
        |value: &&http::HeaderValue| value.as_bytes().starts_with(END_USERS_CREDENTIAL.as_bytes());
    let leaked = server
        .requests()
        .iter()
        .flat_map(|it| it.headers.get_all("authorization"))
        .filter(theirs)
        .count();
    let users = Table::new("What the end users saw")
        .row("uploads that arrived whole", whole)
        .row("answers with a 401", seen.unauthorized.load(Relaxed))
        .row("answers with our token, or a challenge", seen.with_secrets.load(Relaxed))
        .row("answers with a 502, uploaded once more", seen.refused_twice.load(Relaxed));
    let api = Table::new("What the API saw")
        .row("uploads answered 200", counts.accepted)
        .row("uploads answered 401, and sent again", counts.refused)
        .row("requests with an end user's credential", leaked);
    let proxy = Table::new("What the proxy did")
        .row("exchanges", counts.exchanges)
        .row("tokens adopted from responses", counters.rotations_adopted);
    story.end(&[users, api, proxy], "copy `examples/axum_proxy/proxy.rs` into your server.")?;
    // The first token, and one because of the revocation. Two more are allowed for a busy machine.
    let well = whole == END_USERS * UPLOADS_EACH && counts.exchanges <= 4 && counts.refused > 0;
    let kept_apart = leaked == 0 && seen.with_secrets.load(Relaxed) == 0;
    Ok(if well && kept_apart { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tells the timeline about a request as the proxy sees it. The end user sees less.
async fn record(State(story): State<Story>, request: Request<Body>, next: Next) -> Response {
    let credential = request.headers().get("authorization").and_then(|it| it.to_str().ok());
    let user = credential.and_then(|it| it.strip_prefix(END_USERS_CREDENTIAL)?.parse().ok());
    let began = story.now();
    let response = next.run(request).await;
    let recovery = response.extensions().get().copied();
    story.answered(user.unwrap_or(0), began, response.status().is_success(), recovery);
    response
}

/// Uploads about once a second.
async fn end_user(user: usize, url: &str, seen: &Seen) -> Result<(), BoxError> {
    let http: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).build_http();
    for number in 0..UPLOADS_EACH {
        if upload(&http, user, url, seen).await? == StatusCode::BAD_GATEWAY {
            seen.refused_twice.fetch_add(1, Relaxed);
            upload(&http, user, url, seen).await?;
        }
        sleep(Duration::from_millis(if number == 0 { 20 * user as u64 } else { 950 })).await;
    }
    Ok(())
}

/// Uploads 128 KiB as a stream, and checks the whole answer.
async fn upload(
    http: &Client<HttpConnector, Body>,
    user: usize,
    url: &str,
    seen: &Seen,
) -> Result<StatusCode, BoxError> {
    let frames = (0..FRAMES).map(|_| Ok::<_, BoxError>(Bytes::from(vec![b'x'; FRAME])));
    let request = Request::post(url)
        .header("authorization", format!("{END_USERS_CREDENTIAL}{user}"))
        .body(Body::from_stream(stream::iter(frames)))?;
    let (head, body) = http.clone().oneshot(request).await?.into_parts();
    let text = String::from_utf8(body.collect().await?.to_bytes().into())?;
    let ok = head.status == StatusCode::OK;
    let whole = ok && text.contains(&format!("\"length\":{}", FRAMES * FRAME));
    let secrets = ["authorization", "www-authenticate"].map(|name| head.headers.contains_key(name));
    seen.whole.fetch_add(usize::from(whole), Relaxed);
    seen.unauthorized.fetch_add(usize::from(head.status == StatusCode::UNAUTHORIZED), Relaxed);
    seen.with_secrets.fetch_add(usize::from(secrets.contains(&true)), Relaxed);
    match ok == whole {
        true => Ok(head.status),
        false => Err(format!("{} {text}", head.status).into()),
    }
}
