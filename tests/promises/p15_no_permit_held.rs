//! Promise 15: no permit of the inner service is held while waiting for a token.

use futures::future::join_all;
use http::{Request, Response};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_outbound_auth::exchange::{self, ExchangeErrorKind};
use tower_outbound_auth::system::{Atlas, ClientAuth, ClientCredentials, HeaderScheme};
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{AuthLayer, BoxError, ErrorKind, Origin, TokenSource};

use crate::support::*;

const TOKENS: &str = r#"{"access_token":"issued","expires_in":3600}"#;

/// A host that is both the token endpoint and the API.
async fn both(request: Request<Body>) -> Result<Response<Body>, BoxError> {
    tokio::time::sleep(millis(10)).await;
    if request.uri().path() == "/authtoken" {
        return Ok(Response::new(Body::from(TOKENS)));
    }
    let status = if request.headers().contains_key("token") { 200 } else { 401 };
    Ok(Response::builder().status(status).body(Body::default())?)
}

fn atlas() -> Atlas {
    Atlas::new("https://api.example/authtoken", "id", "secret").unwrap()
}

/// Callers that share one limited client with the exchange all succeed.
async fn all_succeed<T>(client: T, callers: usize)
where
    T: Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Clone + Send + 'static,
    T::Future: Send,
{
    let source =
        TokenSource::builder_over_http(atlas(), client.clone()).clock(TokioClock::new()).build();
    let service =
        AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap()).layer(client);
    let calls = (0..callers).map(|_| {
        tokio::spawn({
            let service = service.clone();
            async move { send(&service, get("/")).await }
        })
    });
    let answers = tokio::time::timeout(secs(9), join_all(calls)).await.expect("no deadlock");
    for answer in answers {
        assert_eq!(answer.unwrap().unwrap().status(), 200);
    }
    assert_eq!(source.status().counters.exchanges(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_its_token_holds_no_permit() {
    let world = world_with_delay(secs(5));
    let limit = tower::limit::GlobalConcurrencyLimitLayer::new(1);
    let limited = limit.layer(world.api.clone());
    let mut service = world.layer.layer(limited.clone());
    let call = tokio::spawn(service.ready().await.unwrap().call(get("/")));
    tokio::time::sleep(secs(1)).await;
    tokio::time::timeout(secs(1), send(&limited, get("/direct"))).await.expect("free").unwrap();
    call.await.unwrap().unwrap();
    assert_eq!(world.api.tokens(), ["none", "token-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_concurrency_limit_of_one_shared_with_the_exchange_does_not_deadlock() {
    let limit = ConcurrencyLimitLayer::new(1);
    all_succeed(limit.layer(service_fn(both)), 8).await;
    let shared = tower::limit::GlobalConcurrencyLimitLayer::new(1);
    all_succeed(shared.layer(service_fn(both)), 8).await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_four_with_sixteen_callers_shared_with_the_exchange_does_not_deadlock() {
    let shared = tower::limit::GlobalConcurrencyLimitLayer::new(4);
    all_succeed(shared.layer(service_fn(both)), 16).await;
}

#[tokio::test(start_paused = true)]
async fn a_buffer_of_one_shared_with_the_exchange_does_not_deadlock() {
    all_succeed(tower::buffer::Buffer::new(service_fn(both), 1), 8).await;
    all_succeed(tower::buffer::Buffer::new(tower::util::BoxService::new(service_fn(both)), 1), 8)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_foreign_request_gives_back_the_permit_of_its_service() {
    let world = world();
    let limit = tower::limit::GlobalConcurrencyLimitLayer::new(1);
    let mut service = world.layer.layer(limit.layer(world.api.clone()));
    let foreign = Request::get("https://evil.test/").body(Body::default()).unwrap();
    let error = service.ready().await.unwrap().call(foreign).await.unwrap_err();
    assert_eq!(ours(&error).kind(), ErrorKind::ForeignOrigin);
    let other = service.clone();
    tokio::time::timeout(secs(1), send(&other, get("/")))
        .await
        .expect("the permit is free")
        .unwrap();
    assert_eq!(world.api.tokens(), ["token-1"], "only the other request was sent");
    drop(service);
}

#[tokio::test(start_paused = true)]
async fn the_token_is_read_after_readiness() {
    let world = world_with_delay(secs(5));
    world.exchange.set_lifetime(Some(secs(60)));
    let limited = tower::limit::GlobalConcurrencyLimitLayer::new(1).layer(world.api.clone());
    let service = world.layer.layer(limited.clone());
    // Ready at once, it gives its permit back to wait for the token …
    let call = tokio::spawn(send(&service, get("/")));
    tokio::time::sleep(secs(1)).await;
    // … and when it has that, somebody else has the permit, for longer than the token lives.
    world.api.delay(secs(100));
    let direct = tokio::spawn(send(&limited, get("/direct")));
    tokio::time::sleep(secs(1)).await;
    world.api.delay(secs(0));
    direct.await.unwrap().unwrap();
    call.await.unwrap().unwrap();
    assert_eq!(world.api.tokens(), ["none", "token-2"]);
    assert_eq!(world.exchange.exchanges(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_newer_token_that_came_during_readiness_is_sent() {
    let world = world_with_delay(secs(5));
    let limited = tower::limit::GlobalConcurrencyLimitLayer::new(1).layer(world.api.clone());
    let service = world.layer.layer(limited.clone());
    let call = tokio::spawn(send(&service, get("/")));
    tokio::time::sleep(secs(1)).await;
    world.api.delay(secs(100));
    let direct = tokio::spawn(send(&limited, get("/direct")));
    tokio::time::sleep(secs(10)).await;
    // It has its token and waits for the permit. Meanwhile that token is replaced.
    let first = world.source.token().await.unwrap();
    assert_eq!(world.source.reject(&first).await.unwrap().expose(), "token-2");
    world.api.delay(secs(0));
    direct.await.unwrap().unwrap();
    call.await.unwrap().unwrap();
    assert_eq!(world.api.tokens(), ["none", "token-2"]);
}

#[tokio::test(start_paused = true)]
async fn with_a_limit_of_one_below_the_layer_the_tokens_reach_the_api_in_order() {
    let world = world();
    let service = ServiceBuilder::new()
        .layer(world.layer.clone())
        .layer(tower::limit::GlobalConcurrencyLimitLayer::new(1))
        .service(world.api.clone());
    send(&service, get("/")).await.unwrap();
    world.api.delay(millis(10));
    world.api.revoke("token-1");
    let calls = (0..50).map(|_| send(&service, get("/")));
    for answer in join_all(calls).await {
        assert_eq!(answer.unwrap().status(), 200);
    }
    assert_eq!(world.exchange.exchanges(), 2);
    let tokens = world.api.tokens();
    assert!(tokens.is_sorted(), "{tokens:?}");
    // The next request may be sent before the exchange ends.
    let old = tokens.iter().filter(|token| *token == "token-1").count();
    assert!((2..=3).contains(&old), "accepted once, refused once or twice: {tokens:?}");
}

#[tokio::test(start_paused = true)]
async fn an_exchange_may_go_through_another_source() {
    let gateway = world();
    let api = gateway.layer.layer(service_fn(|request: Request<Body>| async move {
        assert_eq!(request.headers()["authorization"], "Bearer token-1");
        both(request).await
    }));
    let source = TokenSource::builder_over_http(atlas(), api).clock(TokioClock::new()).build();
    assert_eq!(source.token().await.unwrap().expose(), "issued");
    assert_eq!(gateway.exchange.exchanges(), 1);
}

/// The other layer would replace the credentials of the client, and the endpoint would refuse the exchange.
#[tokio::test(start_paused = true)]
async fn another_source_that_would_replace_a_header_of_the_exchange_request_is_an_error() {
    let gateway = world();
    let api = gateway.layer.layer(gateway.api.clone());
    let oauth = ClientCredentials::new(format!("{API}/token"), "id", "secret").unwrap();
    let source = TokenSource::builder_over_http(oauth, api).clock(TokioClock::new()).build();
    let error = source.token().await.unwrap_err();
    let exchange = error.exchange().unwrap();
    assert_eq!(exchange.kind(), ExchangeErrorKind::Configuration);
    for says in ["authorization", "another layer", "Exempt"] {
        assert!(exchange.to_string().contains(says), "{says}: {exchange}");
    }
    assert_eq!((gateway.api.requests(), gateway.exchange.exchanges()), (0, 0), "nothing is sent");
    // The id and secret in the body leave the header to the gateway's layer.
    let api = gateway.layer.layer(service_fn(|request: Request<Body>| async move {
        assert_eq!(request.headers()["authorization"], "Bearer token-1");
        let token = r#"{"access_token":"issued","expires_in":60}"#;
        Ok::<_, BoxError>(Response::new(Body::from(token)))
    }));
    let oauth = ClientCredentials::new(format!("{API}/token"), "id", "secret").unwrap();
    let source = TokenSource::builder_over_http(oauth.with_auth(ClientAuth::Post), api);
    let source = source.clock(TokioClock::new()).build();
    assert_eq!(source.token().await.unwrap().expose(), "issued");
}

#[tokio::test(start_paused = true)]
async fn an_exchange_through_its_own_source_is_a_reentrant_error() {
    // The client of the token endpoint is the stack that needs the token. It finds the stack when it is called.
    let stack = std::sync::Arc::new(std::sync::OnceLock::new());
    let client = service_fn({
        let stack = stack.clone();
        move |request: Request<Body>| {
            let stack: tower::util::BoxCloneSyncService<_, _, BoxError> =
                std::sync::OnceLock::get(&stack).cloned().unwrap();
            stack.oneshot(request)
        }
    });
    let source = TokenSource::builder_over_http(atlas(), client).clock(TokioClock::new()).build();
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
    let _ = stack.set(tower::util::BoxCloneSyncService::new(layer.layer(service_fn(both))));

    let start = now();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Reentrant);
    assert_eq!(start.elapsed(), secs(0));
}

#[tokio::test(start_paused = true)]
async fn an_exchange_through_its_own_source_behind_a_buffer_is_a_reentrant_error() {
    let stack = std::sync::Arc::new(std::sync::OnceLock::new());
    let client = service_fn({
        let stack = stack.clone();
        move |request: Request<Body>| {
            let stack: tower::buffer::Buffer<Request<Body>, _> =
                std::sync::OnceLock::get(&stack).cloned().unwrap();
            stack.oneshot(request)
        }
    });
    let source = TokenSource::builder_over_http(atlas(), client).clock(TokioClock::new()).build();
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
    let service = tower::util::BoxService::new(layer.layer(service_fn(both)));
    let _ = stack.set(tower::buffer::Buffer::new(service, 4));

    let start = now();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Reentrant);
    assert_eq!(start.elapsed(), secs(0));
}

/// The exchange goes through its own layer with the usable token, and the API refuses it. The 401 must not wait for the
/// exchange that it belongs to.
#[tokio::test(start_paused = true)]
async fn an_exchange_whose_own_request_is_refused_does_not_wait_for_itself() {
    let stack = std::sync::Arc::new(std::sync::OnceLock::new());
    let exchanges = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let client = service_fn({
        let stack = stack.clone();
        move |request: Request<Body>| {
            let stack: tower::util::BoxCloneSyncService<_, _, BoxError> =
                std::sync::OnceLock::get(&stack).cloned().unwrap();
            let first = exchanges.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
            async move { if first { both(request).await } else { stack.oneshot(request).await } }
        }
    });
    let source = TokenSource::builder_over_http(atlas(), client).clock(TokioClock::new()).build();
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
    let refusing = service_fn(|_: Request<Body>| async {
        Ok::<_, BoxError>(Response::builder().status(401).body(Body::default())?)
    });
    let _ = stack.set(tower::util::BoxCloneSyncService::new(layer.layer(refusing)));

    source.token().await.unwrap();
    tokio::time::sleep(HOUR.mul_f64(0.91)).await;
    source.token().await.unwrap(); // begins the refresh
    let start = now();
    source.settled().await;
    assert_eq!(start.elapsed(), secs(0));
    assert_eq!(source.status().last_error.unwrap().kind(), ExchangeErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_asks_its_own_source_for_a_token_gets_a_reentrant_error() {
    let own = std::sync::Arc::new(std::sync::OnceLock::<TokenSource<HeaderScheme>>::new());
    let exchange = exchange::from_fn({
        let own = own.clone();
        move || {
            let own = own.clone();
            async move {
                let error = own.get().unwrap().token().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Reentrant);
                Ok(exchange::Issued::new("in-the-end"))
            }
        }
    });
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange).clock(TokioClock::new()).build();
    let _ = own.set(source.clone());
    assert_eq!(source.token().await.unwrap().expose(), "in-the-end");
}
