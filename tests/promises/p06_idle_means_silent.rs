//! Promise 6: no traffic, no exchange.

use tower::Layer;

use tower_outbound_auth::exchange::ExchangeErrorKind;

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn an_idle_source_never_exchanges() {
    let world = world();
    let _service = world.layer.layer(world.api.clone());
    tokio::time::sleep(24 * HOUR).await;
    assert_eq!(world.exchange.exchanges(), 0, "before the first request");
    world.source.token().await.unwrap();
    tokio::time::sleep(30 * 24 * HOUR).await;
    assert_eq!(world.exchange.exchanges(), 1, "after the last one");
}

#[tokio::test(start_paused = true)]
async fn a_failed_exchange_is_not_repeated_without_a_request() {
    let world = world();
    world.exchange.fail_next(1_000, unavailable());
    let error = world.source.token().await.unwrap_err();
    assert_eq!(exchange_kind(&error), ExchangeErrorKind::Unavailable);
    tokio::time::sleep(24 * HOUR).await;
    assert_eq!(world.exchange.exchanges(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_day_of_traffic_costs_as_few_exchanges_as_the_windows_allow() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    for _ in 0..(24 * 360) {
        send(&service, get("/")).await.unwrap();
        tokio::time::sleep(secs(10)).await;
    }
    // A day of tokens of one hour, each used for at least 80 % of its life.
    assert!(world.exchange.exchanges() <= 30, "{}", world.exchange.exchanges());
    assert!(world.exchange.exchanges() >= 26);
}
