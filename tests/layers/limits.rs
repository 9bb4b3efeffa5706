//! The cost of a refusal for an API, over real sockets: requests and connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{OAuthServer, ScriptedExchange};
use tower_outbound_auth::{AuthLayer, Origin, TokenSource};

use super::*;

/// While the token is renewed, other requests may be refused too, and each of these is sent again. With one
/// request at a time there are few.
#[tokio::test]
async fn with_one_request_at_a_time_fifty_callers_of_a_revoked_token_need_one_exchange_and_at_most_sixty_requests()
 {
    for http2 in [false, true] {
        let server = OAuthServer::start().await.unwrap();
        let (id, secret) = (server.client_id(), server.client_secret());
        let layer =
            AuthLayer::client_credentials(server.endpoint(), id, secret, server.origin()).unwrap();
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).http2_only(http2).build(connector);
        let api = layer.layer(ConcurrencyLimitLayer::new(1).layer(client));
        layer.source().token().await.unwrap();
        server.revoke_tokens();
        let before = server.counts();

        let callers: JoinSet<_> = (0..50)
            .map(|caller| {
                let request = Request::post(server.url("/documents"));
                let request = request.body(Body::from(format!("document {caller}"))).unwrap();
                let answer = api.clone().oneshot(request);
                async { answer.await.unwrap().status() }
            })
            .collect();
        let all = tokio::time::timeout(Duration::from_secs(20), callers.join_all()).await;
        assert!(all.expect("no hang").iter().all(|status| *status == 200));

        let counts = server.counts();
        assert_eq!(counts.exchanges - before.exchanges, 1);
        assert_eq!(counts.accepted, 50);
        assert!((1..=10).contains(&counts.refused), "{} requests", 50 + counts.refused);
    }
}

/// An HTTP/1.1 server that refuses the first token, with a body of this length. Counts its connections.
async fn refuses_once(length: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::<AtomicUsize>::default();
    let count = connections.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let answer = hyper::service::service_fn(move |request: Request<Incoming>| async move {
                let refused = request.headers()["authorization"] == "Bearer token-1";
                let (status, length) = if refused { (401, length) } else { (200, 0) };
                Response::builder().status(status).body(Body::from(vec![b'x'; length]))
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), answer);
            tokio::spawn(connection);
        }
    });
    (origin, connections)
}

/// A client closes a connection if the body of an answer was not read to its end.
#[tokio::test]
async fn a_refusal_costs_no_connection_unless_its_body_is_long() {
    for (length, connections) in [(0, 1), (1_000, 1), (16 * 1024, 1), (4 << 20, 2)] {
        let (origin, connected) = refuses_once(length).await;
        let source = TokenSource::new(HeaderScheme::bearer(), ScriptedExchange::new());
        let layer = AuthLayer::new(source).with_origin(Origin::parse(&origin).unwrap());
        let api = layer.layer(Client::builder(TokioExecutor::new()).build_http());
        let request = Request::post(&origin).body(Body::from("text")).unwrap();
        assert_eq!(api.oneshot(request).await.unwrap().status(), 200, "{length} bytes");
        assert_eq!(connected.load(Ordering::SeqCst), connections, "{length} bytes");
    }
}
