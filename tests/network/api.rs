//! The connection to the API: a request is sent again only because it was refused.

use std::time::Instant;

use tower_outbound_auth::Recovery;
use tower_outbound_auth::testkit::{After, Fault};

use super::*;

/// Another connection to the API: through a proxy, and new for each request.
async fn through_a_proxy(setup: &Setup) -> (FaultProxy, Auth<Http>, String) {
    let proxy = FaultProxy::start(setup.server.address()).await.unwrap();
    let url = proxy.url("/documents");
    let origin = tower_outbound_auth::Origin::parse(&proxy.url("")).unwrap();
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
    let api = AuthLayer::new(setup.source.clone()).with_origin(origin).layer(client);
    (proxy, api, url)
}

#[tokio::test]
async fn a_lost_answer_of_the_api_is_the_client_s_error_and_causes_no_second_sending() {
    for fault in [Fault::Cut(After::Nothing), Fault::Cut(After::Bytes(9))] {
        for is_good in [true, false] {
            let setup = Setup::new().await;
            let (proxy, api, url) = through_a_proxy(&setup).await;
            setup.source.token().await.unwrap();
            if !is_good {
                setup.server.revoke_tokens();
            }
            proxy.script([fault]);
            let error = get(&api, &url).await.unwrap_err();
            assert!(Error::find(&*error).is_none(), "{fault:?} {error}");
            setup.source.settled().await;
            let counts = setup.server.counts();
            assert_eq!((counts.requests, counts.exchanges), (1, 1), "{fault:?}");
            assert_eq!(get(&api, &url).await.unwrap().status(), StatusCode::OK);
        }
    }
}

#[tokio::test]
async fn a_second_sending_whose_answer_is_lost_is_the_last() {
    for fault in [Fault::Reset, Fault::Cut(After::Nothing), Fault::Cut(After::Bytes(9))] {
        let setup = Setup::new().await;
        let (proxy, api, url) = through_a_proxy(&setup).await;
        setup.source.token().await.unwrap();
        setup.server.revoke_tokens();
        proxy.script([Fault::None, fault]);
        let response = get(&api, &url).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{fault:?}");
        assert_eq!(response.extensions().get(), Some(&Recovery::ResendFailed), "{fault:?}");
        assert_eq!((proxy.connections(), setup.exchanges()), (2, 2), "{fault:?}");
        assert_eq!(get(&api, &url).await.unwrap().status(), StatusCode::OK);
        assert_eq!(setup.exchanges(), 2, "the renewed token is used");
    }
}

#[tokio::test]
async fn a_refusal_whose_body_does_not_arrive_is_followed_by_a_second_sending() {
    for fault in [Fault::Stall(After::Head), Fault::Cut(After::Head)] {
        let setup = Setup::in_real_time(secs(10)).await;
        let (proxy, api, url) = through_a_proxy(&setup).await;
        setup.source.token().await.unwrap();
        setup.server.revoke_tokens();
        proxy.script([fault]);
        let began = Instant::now();
        let response = get(&api, &url).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{fault:?}");
        assert_eq!(response.extensions().get(), Some(&Recovery::Replayed), "{fault:?}");
        assert!(began.elapsed() < secs(60), "the second sending does not wait for the body");
        until(|| proxy.open_connections() == 0).await;
        assert_eq!((proxy.connections(), setup.exchanges()), (2, 2), "{fault:?}");
    }
}

/// A caller that gives up leaves no connection and no renewal behind.
#[tokio::test]
async fn a_caller_that_gives_up_ends_its_connection_to_a_silent_api() {
    let setup = Setup::new().await;
    let (proxy, api, url) = through_a_proxy(&setup).await;
    setup.source.token().await.unwrap();
    for fault in [Fault::BlackHole, Fault::Stall(After::Nothing)] {
        proxy.set_fault(fault);
        let before = proxy.request_bytes();
        tokio::select! {
            answer = get(&api, &url) => panic!("{answer:?}"),
            () = until(|| proxy.request_bytes() > before) => {}
        }
        until(|| proxy.open_connections() == 0).await;
    }
    assert_eq!((proxy.connections(), setup.exchanges()), (2, 1));
}
