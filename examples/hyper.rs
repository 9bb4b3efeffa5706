//! A whole stack over hyper, with the layers in the recommended order, on HTTP/1.1 and on HTTP/2. It
//! streams uploads for ten seconds, with tokens that expire (after 3 s) and a revocation.
//!
//! ```text
//! cargo run --example hyper --features test-util
//! cargo run --example hyper --features test-util -- --svg timeline.svg
//! ```
//!
//! Nothing leaves this machine: the server is the test kit's embedded one. The exit code tells
//! whether every caller got its answer, with no more exchanges than necessary.

mod common;

use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tower::ServiceBuilder;
use tower::retry::{Policy, RetryLayer};
use tower_http::decompression::DecompressionLayer;
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_http::trace::TraceLayer;
use tower_outbound_auth::replay::Wrap;
use tower_outbound_auth::testkit::OAuthServer;
use tower_outbound_auth::{AuthLayer, BoxError, Error, Foreign};

use self::common::traffic::{CALLERS, Seen, ten_seconds_of_traffic};
use self::common::{Story, Table};

/// What callers send: a stream with its own error type.
type Upload = UnsyncBoxBody<Bytes, io::Error>;

/// The lines that were read from all streams.
static LINES_READ: AtomicUsize = AtomicUsize::new(0);

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let title = "A whole stack over hyper: streams on HTTP/1.1 and HTTP/2, one revocation";
    let story = Story::begin(title, "callers")?;
    let server = OAuthServer::start().await?.with_lifetime(3);
    server.delay_exchanges(Duration::from_millis(100)); // so that callers have something to wait for

    let (id, secret, origin) = (server.client_id(), server.client_secret(), server.origin());
    let auth = AuthLayer::client_credentials(server.endpoint(), id, secret, origin)?
        .rebuild_source(|source| source.observer(story.observer())) // for the timeline
        .with_replay(Wrap::new()) // any stream: up to 64 KiB of what was sent are kept
        .with_foreign(Foreign::SendUnauthenticated); // a redirect to another origin is followed without the credential

    // The outermost layer first. One layer is in both stacks, so that they share one token.
    let stack = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .timeout(Duration::from_secs(30)) // includes the wait for a token and the second sending
        .layer(FollowRedirectLayer::new()) // above the layer, which then checks the origin of every hop
        .layer(RetryLayer::new(ServerErrors { left: 2 }))
        .layer(auth)
        .layer(DecompressionLayer::new())
        .concurrency_limit(100); // below the layer: a request that waits for a token holds no permit
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true); // without it, each part of a stream may wait for 40 ms
    let http =
        |http2| Client::builder(TokioExecutor::new()).http2_only(http2).build(connector.clone());
    let stacks = [false, true].map(|http2| stack.clone().service(http(http2)));

    let traffic = ten_seconds_of_traffic(&story, &stacks, lines, &server).await;

    let counts = server.counts();
    let [http1, http2] = [&traffic.0[0], &traffic.0[1]];
    let both =
        |count: fn(&Seen) -> &AtomicUsize| [http1, http2].map(|seen| count(seen).load(Relaxed));
    let versions = [http1, http2].map(|seen| seen.version.get().map(|it| format!("{it:?}")));
    let refused_twice = traffic.sum(|it| &it.refused_twice);
    let stacks = Table::new("Two clients, one layer, one token")
        .cells("protocol of the responses", versions.map(Option::unwrap_or_default))
        .cells("callers", [CALLERS / 2; 2])
        .cells("uploads", both(|it| &it.sent))
        .cells("answered 200", both(|it| &it.ok))
        .cells("of these, sent again after a 401", both(|it| &it.healed));
    let arrived = server.requests().iter().filter(|it| it.body.ends_with(b"\n")).count();
    let streams =
        Table::new("Streams, each of two lines: what was sent is kept for a second sending")
            .row("streams of the callers", traffic.sum(|it| &it.sent) + refused_twice)
            .row("lines read from them, each of them once", LINES_READ.load(Relaxed))
            .row("received whole, second sendings included", arrived);
    let exchanges = Table::new("Exchanges").row("for both stacks together", counts.exchanges);
    let next =
        "use `replay::Off` in place of `Wrap::new()`. Then a refused stream is not sent again.";
    story.end(&[stacks, streams, exchanges], next)?;

    // A token of 3 s is renewed after 2.4 to 2.7 s. This makes five exchanges: the first one, one before
    // the revocation, one because of it, and two after it. Three more are allowed for a busy machine.
    Ok(traffic.verdict(&counts, 8))
}

/// Streams a document line by line.
fn lines(document: String) -> Upload {
    let document = Bytes::from(document);
    let lines =
        document.split_inclusive(|byte| *byte == b'\n').map(|line| document.slice_ref(line));
    let frames: Vec<_> = lines.map(|line| Ok(Frame::data(line))).collect();
    let frames = stream::iter(frames).inspect(|_| {
        LINES_READ.fetch_add(1, Relaxed);
    });
    StreamBody::new(frames).boxed_unsync()
}

/// If the server failed, sends a request without a body again. The layer below handles refused
/// tokens.
#[derive(Clone)]
struct ServerErrors {
    left: usize,
}

impl<RB> Policy<Request<Upload>, Response<RB>, BoxError> for ServerErrors {
    type Future = tokio::time::Sleep;

    fn retry(
        &mut self,
        _: &mut Request<Upload>,
        result: &mut Result<Response<RB>, BoxError>,
    ) -> Option<tokio::time::Sleep> {
        let failed = match result {
            Ok(response) => response.status().is_server_error(),
            Err(error) => Error::find(&**error).is_none(), // our own error: there is no token, so a retry is useless
        };
        self.left = self.left.checked_sub(1).filter(|_| failed)?;
        Some(tokio::time::sleep(Duration::from_millis(200)))
    }

    /// A stream cannot be cloned. The layer below still sends a refused request again.
    fn clone_request(&mut self, request: &Request<Upload>) -> Option<Request<Upload>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        let mut again = Request::new(Upload::default());
        *again.method_mut() = request.method().clone();
        *again.uri_mut() = request.uri().clone();
        *again.headers_mut() = request.headers().clone();
        Some(again)
    }
}
