//! Promise 14: a request without a token is not sent. A request can be exempted.

use http::header::AUTHORIZATION;
use tower::Layer;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::{CallerHeader, ErrorKind, Exempt, RequestHead};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn without_a_token_nothing_is_sent() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    world.exchange.fail_next(1_000, unavailable());
    for _ in 0..10 {
        let error = send(&service, get("/")).await.unwrap_err();
        assert_eq!(ours(&error).kind(), ErrorKind::Exchange);
        assert_eq!(exchange_kind(ours(&error)), ExchangeErrorKind::Unavailable);
        let pause = ours(&error).retry_after().unwrap();
        assert!((millis(800)..=secs(1)).contains(&pause), "{pause:?}");
    }
    assert_eq!((world.api.requests(), world.exchange.exchanges()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_credential_header_of_the_caller_is_replaced_with_all_its_values() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    let request = || {
        let mut request = get("/");
        request.headers_mut().append(AUTHORIZATION, "Bearer mine".parse().unwrap());
        request.headers_mut().append(AUTHORIZATION, "Basic too".parse().unwrap());
        request
    };
    send(&service, request()).await.unwrap();
    send(&service, request()).await.unwrap(); // the second one has not to wait
    world.api.revoke("token-1");
    send(&service, request()).await.unwrap();
    let seen = world.api.seen();
    for (seen, token) in seen.iter().zip(["token-1", "token-1", "token-1", "token-2"]) {
        let values: Vec<_> = seen.headers.get_all(AUTHORIZATION).iter().collect();
        assert_eq!(values, [&format!("Bearer {token}")]);
        assert!(values[0].is_sensitive());
    }
    assert_eq!(seen.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_credential_header_of_the_caller_can_be_kept_and_exempts_its_request() {
    let world = world();
    let layer = world.layer.clone().with_caller_header(CallerHeader::Keep);
    let service = layer.layer(world.api.clone());
    world.api.revoke("mine");
    let mut request = get("/");
    request.headers_mut().insert(AUTHORIZATION, "Bearer mine".parse().unwrap());
    assert_eq!(send(&service, request).await.unwrap().status(), 401);
    assert_eq!(world.api.tokens(), ["mine"], "sent once, as it was");
    assert_eq!(world.exchange.exchanges(), 0);
    send(&service, get("/")).await.unwrap();
    assert_eq!(world.api.tokens(), ["mine", "token-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_exempt_by_extension_or_predicate() {
    let world = world();
    let health = |head: RequestHead<'_>| head.uri.path() == "/health";
    let service = world.layer.clone().with_exempt_if(health).layer(world.api.clone());
    let mut request = get("/metrics");
    request.extensions_mut().insert(Exempt);
    assert_eq!(send(&service, request).await.unwrap().status(), 401);
    assert_eq!(send(&service, get("/health")).await.unwrap().status(), 401);
    assert_eq!(world.api.tokens(), ["none", "none"]);
    assert_eq!(world.exchange.exchanges(), 0, "neither wait nor renewal");
}
