//! An API that copes with one request at a time, over real sockets.

use std::time::Duration;

use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::testkit::OAuthServer;

use super::*;

/// While the token is renewed, others may find out by themselves that it is refused: each of them costs one
/// request more. One at a time, they are few.
#[tokio::test]
async fn fifty_callers_of_a_revoked_token_one_at_a_time_are_all_healed_by_one_exchange_and_sixty_requests()
 {
    for http2 in [false, true] {
        let server = OAuthServer::start().await.unwrap();
        let (id, secret) = (server.client_id(), server.client_secret());
        let layer =
            AuthLayer::client_credentials(server.endpoint(), id, secret, server.origin()).unwrap();
        let client = Client::builder(TokioExecutor::new()).http2_only(http2).build_http::<Body>();
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
