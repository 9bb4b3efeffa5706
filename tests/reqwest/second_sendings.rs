//! What the caller gets if a second sending fails.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::exchange::{self, Issued};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{AuthLayer, ErrorKind, Origin, Recovery, TokenSource};

use super::adapters::{Adapter, layer, ours};
use super::log::Log;
use super::server::{Scheme, Server, answer, builder, contains, redirect};

const HANDED_OVER: [Adapter; 3] =
    [Adapter::HandedOver, Adapter::HandedOverMiddlewares, Adapter::MiddlewareOverHandedOver];

fn timed(url: &str) -> reqwest::Request {
    let mut request = reqwest::Request::new(Method::GET, url.parse().unwrap());
    *request.timeout_mut() = Some(Duration::from_millis(300));
    request
}

#[tokio::test]
async fn a_second_sending_that_went_elsewhere_is_reported_instead_of_the_refusal() {
    for adapter in HANDED_OVER {
        let elsewhere = Server::start(Scheme::Http, |_| async { answer(200, "elsewhere") }).await;
        let away = elsewhere.url("/landed");
        let home = Server::start(Scheme::Http, move |request| {
            let is_first = request.headers()["token"] == "token-1";
            let answer = if is_first { answer(401, "") } else { redirect(307, &away) };
            async move { answer }
        });
        let home = home.await;
        let (layer, _) = layer("token", &home.origin);
        let error = adapter.over(layer).get(&home.origin).await.unwrap_err();
        assert!(contains(&elsewhere.read(), "token-2"), "{adapter:?}: it was the second one");
        assert_eq!(ours(&error).kind(), ErrorKind::SentElsewhere, "{adapter:?}");
    }
}

#[tokio::test]
async fn the_refusal_can_be_read_after_the_client_has_timed_out() {
    for by_client in [true, false] {
        let server = Server::start(Scheme::Http, |request| {
            let is_first = request.headers()["dpop"] == "token-1";
            async move { if is_first { answer(401, "a text") } else { pending().await } }
        });
        let server = server.await;
        let (layer, _) = layer("dpop", &server.origin);
        let client = match by_client {
            true => builder().timeout(Duration::from_millis(300)),
            false => builder(),
        };
        let mut request = timed(&server.origin);
        if by_client {
            *request.timeout_mut() = None;
        }
        let answer = layer.reqwest(client).unwrap().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.extensions().get(), Some(&Recovery::ResendFailed));
        assert_eq!(answer.text().await.unwrap(), "", "the timeout was the client's: {by_client}");
    }
}

#[tokio::test]
async fn a_timeout_while_the_token_is_renewed_gives_the_refusal() {
    let server = Server::start(Scheme::Http, |_| async { answer(401, "") }).await;
    let exchanges = AtomicUsize::new(0);
    let login = exchange::from_fn(move || {
        let is_first = exchanges.fetch_add(1, Ordering::SeqCst) == 0;
        async move { if is_first { Ok(Issued::new("one")) } else { pending().await } }
    });
    let layer = AuthLayer::new(TokenSource::new(HeaderScheme::bearer(), login))
        .with_origin(Origin::parse(&server.origin).unwrap());
    let api = layer.reqwest(builder()).unwrap();
    let answer = api.oneshot(timed(&server.origin)).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.extensions().get(), Some(&Recovery::OutOfTime));
}

#[tokio::test]
async fn the_log_shows_no_url_that_a_middleware_has_wrapped_in_its_error() {
    let log = Log::default();
    let guard = log.on_this_thread();
    let server = Server::start(Scheme::Http, |request| {
        let status = if request.headers()["dpop"] == "token-1" { 401 } else { 503 };
        async move { answer(status, "") }
    });
    let server = server.await;
    let (layer, _) = layer("dpop", &server.origin);
    let client = builder().redirect(layer.reqwest_redirects()).build().unwrap();
    let client = super::middlewares::failing_on(503, client);
    let request = reqwest::Request::new(Method::GET, server.url("/?key=a-canary").parse().unwrap());
    let answer = layer.layer(client).oneshot(request).await.unwrap();
    drop(guard);
    assert_eq!(answer.extensions().get(), Some(&Recovery::ResendFailed));
    let text = log.text();
    assert!(text.contains("could not be sent again") && text.contains("503"), "{text}");
    assert!(!text.contains("a-canary"), "{text}");
}
