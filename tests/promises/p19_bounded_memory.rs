//! Promise 19: nothing is left behind, whatever the number of waiters and failures. (Live bytes are
//! counted in `tests/allocations.rs`.)

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use http::{Request, Response};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_outbound_auth::exchange::{self, Issued};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{BoxError, TokenSource};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn waiters_that_give_up_are_forgotten() {
    let world = world_with_delay(secs(5));
    let waits: Vec<_> = (0..10_000)
        .map(|_| {
            let mut wait = Box::pin({
                let source = world.source.clone();
                async move { source.token().await }
            });
            assert!((&mut wait).now_or_never().is_none());
            wait
        })
        .collect();
    assert_eq!(world.source.status().waiters, 10_000);
    drop(waits);
    assert_eq!(world.source.status().waiters, 0);
}

#[tokio::test(start_paused = true)]
async fn the_copy_for_a_second_sending_is_freed_when_the_response_comes() {
    let world = world();
    world.source.token().await.unwrap();
    let alive: Arc<[u8]> = Arc::from(*b"a body");
    let api =
        service_fn(async |_: Request<Body>| Ok::<_, BoxError>(Response::new(Body::default())));
    let mut service = world.layer.layer(api);
    let body = Body::from(Bytes::from_owner(alive.clone()));
    let request = Request::post(API).body(body).unwrap();
    let mut call = pin!(service.ready().await.unwrap().call(request));
    assert_eq!(Arc::strong_count(&alive), 2);
    (&mut call).await.unwrap();
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[tokio::test(start_paused = true)]
async fn after_the_last_handle_is_dropped_nothing_is_left() {
    let alive = Arc::new(());
    let exchange = exchange::from_fn({
        let alive = alive.clone();
        move || {
            let alive = alive.clone();
            async move {
                tokio::time::sleep(secs(1)).await;
                drop(alive);
                Ok(Issued::new("token"))
            }
        }
    });
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange).clock(TokioClock::new()).build();
    let layer = tower_outbound_auth::AuthLayer::new(source.clone())
        .with_origin(tower_outbound_auth::Origin::parse(API).unwrap());
    let service = layer.layer(Api::default());
    send(&service, get("/")).await.unwrap();
    let token = source.token().await.unwrap();
    assert!(source.reject(&token).now_or_never().is_none(), "an exchange is under way");
    drop((source, layer, service, token));
    assert!(Arc::strong_count(&alive) > 1, "it goes on by itself");
    tokio::time::sleep(secs(2)).await;
    assert_eq!(Arc::strong_count(&alive), 1, "and then nothing is left");
}

#[test]
fn an_exchange_whose_runtime_ends_leaves_nothing() {
    let alive = Arc::new(());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let exchange = exchange::from_fn({
            let alive = alive.clone();
            move || {
                let alive = alive.clone();
                async move {
                    std::future::pending::<()>().await;
                    drop(alive);
                    Ok(Issued::new("token"))
                }
            }
        });
        let source = TokenSource::new(HeaderScheme::bearer(), exchange);
        assert!(source.token().now_or_never().is_none());
        tokio::task::yield_now().await;
    });
    drop(runtime);
    assert_eq!(Arc::strong_count(&alive), 1);
}
