//! What is sent, when, and to which server.

use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_outbound_auth::exchange::Reason;
use tower_outbound_auth::testkit::{AtlasServer, ServerCounts};
use tower_outbound_auth::{Error, ErrorKind, Foreign};

use super::{Http, Setup, http, layer, secs, until};

#[tokio::test]
async fn an_exchange_is_an_empty_post_with_the_credentials_as_headers() {
    let setup = Setup::new().await;
    setup.get("/documents").await.unwrap();

    let exchanges = setup.server.exchange_requests();
    let [exchange] = &exchanges[..] else { panic!("{exchanges:?}") };
    assert_eq!(exchange.method, Method::POST);
    assert_eq!(exchange.path, "/v1/docstream/authtoken");
    assert_eq!(exchange.headers["client-id"], setup.server.client_id());
    assert_eq!(exchange.headers["client-secret"], setup.server.client_secret());
    assert!(exchange.body.is_empty());
    assert_eq!(exchange.headers[CONTENT_LENGTH], "0", "some gateways answer 411 without a length");
    assert!(!exchange.headers.contains_key(AUTHORIZATION));
    assert!(!exchange.headers.contains_key("token"));
}

#[tokio::test]
async fn an_api_call_carries_the_bare_token_and_neither_credentials_nor_authorization() {
    let setup = Setup::new().await;
    let response = setup.post("/documents?page=2", "a document").await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.body(), r#"{"length":10,"method":"POST","path":"/documents"}"#);

    let token = setup.source.token().await.unwrap();
    let requests = setup.server.requests();
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!(request.path, "/documents?page=2");
    assert_eq!(request.body, "a document");
    assert_eq!(request.headers.get_all("token").iter().collect::<Vec<_>>(), [token.expose()]);
    for name in ["authorization", "client-id", "client-secret"] {
        assert!(!request.headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn a_token_is_used_for_every_request_until_it_expires() {
    let setup = Setup::new().await;
    for _ in 0..10 {
        assert_eq!(setup.get("/documents").await.unwrap().status(), StatusCode::OK);
        setup.clock.advance(secs(287)); // 2,870 s in all: refresh-ahead begins at 2,880 s at the earliest
    }
    assert_eq!(setup.exchanges(), 1);

    setup.clock.advance(secs(3_600 - 2_870));
    assert_eq!(setup.get("/documents").await.unwrap().status(), StatusCode::OK);
    assert_eq!(setup.exchanges(), 2);
    assert_eq!(setup.source.status().counters.exchanges_for(Reason::Expired), 1);
    assert_eq!(setup.server.counts().refused, 0, "an expired token is not sent");
}

#[tokio::test]
async fn nobody_waits_for_a_renewal_ahead_of_expiry() {
    let setup = Setup::new().await;
    setup.get("/documents").await.unwrap();
    let first = setup.source.token().await.unwrap().generation();

    setup.clock.advance(secs(3_300)); // over 90 % of the life, so refresh-ahead is due
    setup.server.delay_exchanges(secs(5));
    for _ in 0..3 {
        assert_eq!(setup.get("/documents").await.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(setup.source.status().generation, Some(first), "its exchange has not ended");
    until(|| setup.exchanges() == 2).await;
    setup.clock.advance(secs(5));
    setup.source.settled().await;

    assert!(setup.source.status().generation > Some(first));
    assert_eq!(setup.get("/documents").await.unwrap().status(), StatusCode::OK);
    assert_eq!(setup.source.status().counters.exchanges_for(Reason::RefreshAhead), 1);
    assert_eq!(setup.exchanges(), 2);
}

#[tokio::test]
async fn exchanges_and_requests_work_over_http_2() {
    let setup = Setup::new().await;
    let client: Http = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let api = layer(&setup.server)
        .rebuild_source(|source| source.clock(setup.clock.clone()))
        .layer(client);
    for _ in 0..2 {
        let request = Request::post(setup.server.url("/documents")).body(Full::from("text"));
        let response = api.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(
            (response.status(), response.version()),
            (StatusCode::OK, http::Version::HTTP_2)
        );
        setup.server.revoke_tokens();
    }
    let counts = setup.server.counts();
    assert_eq!((counts.exchanges, counts.accepted, counts.refused), (2, 2, 1));
    assert!(setup.server.requests().iter().all(|request| request.body == "text"));
}

#[tokio::test]
async fn a_foreign_server_gets_no_request() {
    let (setup, foreign) = (Setup::new().await, AtlasServer::start().await.unwrap());
    let request = Request::get(foreign.url("/documents")).body(Full::default()).unwrap();

    let error = setup.send(request).await.unwrap_err();
    assert_eq!(error.downcast_ref::<Error>().unwrap().kind(), ErrorKind::ForeignOrigin);
    assert!(error.to_string().contains(&foreign.origin().to_string()), "{error}");
    assert_eq!(foreign.counts(), ServerCounts::default());
    assert_eq!(setup.exchanges(), 0, "no token is obtained for a foreign request");
}

#[tokio::test]
async fn a_redirect_does_not_carry_the_token_to_another_server() {
    let (setup, foreign) = (Setup::new().await, AtlasServer::start().await.unwrap());
    for (status, path) in [(302, "/found"), (307, "/temporary"), (308, "/permanent")] {
        let status = StatusCode::from_u16(status).unwrap();
        setup.server.redirect_path(path, status, &foreign.url(path));
        let api = ServiceBuilder::new()
            .layer(FollowRedirectLayer::new())
            .layer(layer(&setup.server).with_foreign(Foreign::SendUnauthenticated))
            .service(http());
        let request = Request::get(setup.server.url(path)).body(Full::default()).unwrap();
        let response = api.oneshot(request).await.unwrap();
        assert_eq!(
            response.status(),
            StatusCode::UNAUTHORIZED,
            "the caller gets the other server's answer"
        );
    }
    assert!(setup.server.requests().iter().all(|request| request.headers.contains_key("token")));
    let leaked = foreign.requests();
    assert_eq!(leaked.len(), 3, "no request was sent again because of that 401");
    assert!(leaked.iter().all(|request| !request.headers.contains_key("token")), "{leaked:?}");
}
