//! Promise 5: nobody waits while a token is usable, not even the request that triggers the refresh.

use futures::future::join_all;
use tower::Layer;
use tower_outbound_auth::exchange::Reason;

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn inside_the_refresh_ahead_window_ten_thousand_callers_wait_for_nothing() {
    let world = world_with_delay(secs(5));
    let service = world.layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    tokio::time::sleep(HOUR.mul_f64(0.91)).await;
    let start = now();
    let calls = (0..10_000).map(|_| send(&service, get("/")));
    assert!(join_all(calls).await.iter().all(Result::is_ok));
    assert_eq!(start.elapsed(), secs(0));
    assert!(world.api.tokens().iter().all(|token| token == "token-1"));
    world.source.settled().await;
    assert_eq!(world.exchange.reasons(), [Reason::First, Reason::RefreshAhead]);
    send(&service, get("/")).await.unwrap();
    assert_eq!(world.api.tokens().last().unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn a_slow_token_endpoint_is_not_noticed_at_all() {
    let world = world_with_delay(secs(5));
    world.exchange.set_lifetime(Some(secs(600)));
    let service = world.layer.layer(world.api.clone());
    send(&service, get("/")).await.unwrap();
    for _ in 0..3_000 {
        tokio::time::sleep(secs(1)).await;
        let start = now();
        send(&service, get("/")).await.unwrap();
        assert_eq!(start.elapsed(), secs(0));
    }
    assert!(world.exchange.exchanges() >= 5);
}

#[tokio::test(start_paused = true)]
async fn a_token_from_the_source_needs_no_wait_either() {
    let world = world_with_delay(secs(5));
    world.source.token().await.unwrap();
    tokio::time::sleep(HOUR.mul_f64(0.91)).await;
    let start = now();
    assert_eq!(world.source.token().await.unwrap().expose(), "token-1");
    assert_eq!(start.elapsed(), secs(0));
    world.source.settled().await;
    assert_eq!(world.exchange.exchanges(), 2, "but it asked for a successor");
}

#[test]
fn a_fresh_token_needs_no_runtime() {
    use futures::FutureExt;
    use tower_outbound_auth::TokenSource;
    use tower_outbound_auth::scheme::HeaderScheme;
    let source = TokenSource::fixed(HeaderScheme::bearer(), "fixed").unwrap();
    assert_eq!(source.token().now_or_never().unwrap().unwrap().expose(), "fixed");
}
