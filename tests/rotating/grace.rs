//! An API that refuses a token as soon as it has sent the next one.

use futures::future::join_all;
use http::{Request, StatusCode};
use http_body_util::Full;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::testkit::{ManualClock, RotatingServer};

use super::{Setup, http, millis, secs, until};

#[tokio::test]
async fn refusals_that_arrive_before_the_new_token_wait_for_it() {
    let setup = Setup::new().await;
    setup.source.token().await.unwrap();
    setup.server.set_grace(Some(secs(0)));
    for burst in 1..=5 {
        let before = setup.server.counts();
        setup.server.delay_requests(millis(500));
        let others = async {
            until(|| setup.server.counts().accepted > before.accepted).await;
            setup.server.delay_requests(secs(0));
            let others = join_all((0..49).map(|_| setup.get("/overtaking")));
            let successor = async {
                until(|| setup.server.counts().refused == before.refused + 49).await;
                setup.clock.advance(millis(500));
            };
            tokio::join!(others, successor).0
        };
        let (first, others) = tokio::join!(setup.get("/first"), others);
        assert_eq!(first.unwrap().status(), StatusCode::OK);
        let others: Vec<_> = others.into_iter().map(|it| it.unwrap().status()).collect();
        let good = others.iter().filter(|status| **status == StatusCode::OK).count();
        assert_eq!(
            good, 1,
            "all requests were sent again with the new token, which is accepted once"
        );
        assert_eq!(setup.server.counts().requests, burst * (1 + 2 * 49));
    }
    assert_eq!(setup.exchanges(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bursts_in_real_time_cause_no_exchange() {
    let server = RotatingServer::start().await.unwrap();
    let (key, secret) = (server.client_id(), server.client_secret());
    let layer = AuthLayer::rotating(&server.api_root(), key, secret).unwrap();
    let (source, api) = (layer.source().clone(), layer.layer(http()));
    let setup = Setup { clock: ManualClock::new(), server, source, api }; // this clock is not used
    setup.source.token().await.unwrap();
    setup.server.set_grace(Some(secs(0)));
    setup.server.delay_requests(millis(50));
    for _ in 0..5 {
        let before = setup.server.counts();
        for response in join_all((0..50).map(|_| setup.get("/orders"))).await {
            response.unwrap();
        }
        let counts = setup.server.counts();
        assert!(counts.accepted - before.accepted >= 2, "one request was accepted with each token");
        assert!(counts.requests - before.requests < 100, "each request is sent at most twice");
        assert_eq!(counts.exchanges, 1);
    }
}

/// A hundred requests, one at a time. After each of them `then` is called.
async fn a_hundred_one_at_a_time(setup: &Setup, then: impl Fn()) {
    setup.server.set_grace(Some(secs(0)));
    let api = setup.layer().layer(ConcurrencyLimitLayer::new(1).layer(http()));
    let get = async || {
        let request = Request::get(setup.server.url("/orders")).body(Full::default()).unwrap();
        let response = api.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        then();
    };
    join_all((0..100).map(|_| get())).await;
}

#[tokio::test]
async fn with_one_request_at_a_time_a_hundred_callers_are_all_served_with_one_exchange() {
    let setup = Setup::new().await;
    a_hundred_one_at_a_time(&setup, || {}).await;
    let counts = setup.server.counts();
    assert_eq!((counts.exchanges, counts.requests, counts.refused), (1, 100, 0));
}

#[tokio::test]
async fn with_one_request_at_a_time_a_revocation_costs_all_callers_one_exchange() {
    let setup = Setup::new().await;
    let revocation = || {
        if setup.server.counts().accepted == 30 {
            setup.server.revoke_tokens();
        }
    };
    a_hundred_one_at_a_time(&setup, revocation).await;
    let counts = setup.server.counts();
    assert_eq!((counts.exchanges, counts.accepted), (2, 100));
    assert!(counts.refused >= 1);
}
