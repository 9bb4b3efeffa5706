//! An API that refuses a token from the moment on in which it has handed out the next.

use futures::future::join_all;
use http::{Request, StatusCode};
use http_body_util::Full;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::clock::SystemClock;
use tower_outbound_auth::scheme::Rotating;
use tower_outbound_auth::testkit::RotatingServer;

use super::{Setup, http, layer, millis, secs, until};

#[tokio::test]
async fn refusals_that_overtake_the_successor_wait_for_it() {
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
        assert_eq!(good, 1, "they were all sent again with the successor, which is good once");
        assert_eq!(setup.server.counts().requests, burst * (1 + 2 * 49));
    }
    assert_eq!(setup.exchanges(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bursts_in_real_time_cause_no_exchange() {
    let server = RotatingServer::start().await.unwrap();
    let scheme = Rotating::new(&server.api_root(), server.client_id(), server.client_secret());
    let layer = layer(scheme.unwrap());
    let (source, api) = (layer.source().clone(), layer.layer(http()));
    let setup = Setup { source, api, ..Setup::new().await };
    let setup = Setup { server: server.with_clock(SystemClock::new()), ..setup };
    setup.source.token().await.unwrap();
    setup.server.set_grace(Some(secs(0)));
    setup.server.delay_requests(millis(50));
    for _ in 0..5 {
        let before = setup.server.counts();
        for response in join_all((0..50).map(|_| setup.get("/orders"))).await {
            response.unwrap();
        }
        let counts = setup.server.counts();
        assert!(counts.accepted - before.accepted >= 2, "one with each of the tokens");
        assert!(counts.requests - before.requests < 100, "at most one replay each");
        assert_eq!(counts.exchanges, 1);
    }
}

#[tokio::test]
async fn with_one_request_at_a_time_a_hundred_callers_are_all_served_at_once() {
    let setup = Setup::new().await;
    setup.server.set_grace(Some(secs(0)));
    let server = &setup.server;
    let scheme = Rotating::new(&server.api_root(), server.client_id(), server.client_secret());
    let layer = layer(scheme.unwrap()).with_clock(setup.clock.clone());
    let api = layer.layer(ConcurrencyLimitLayer::new(1).layer(http()));
    let get = async || {
        let request = Request::get(server.url("/orders")).body(Full::default()).unwrap();
        api.clone().oneshot(request).await.unwrap().status()
    };
    for status in join_all((0..100).map(|_| get())).await {
        assert_eq!(status, StatusCode::OK);
    }
    let counts = server.counts();
    assert_eq!((counts.exchanges, counts.requests, counts.refused), (1, 100, 0));
}
