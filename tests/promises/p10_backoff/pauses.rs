//! A failing token endpoint is asked once per pause. Callers in between get the stored error at once.

use futures::future::join_all;
use tower_outbound_auth::ErrorKind;
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_refusing_endpoint_is_asked_once_by_a_hundred_callers() {
    let world = world_with_delay(millis(50));
    let refused = ExchangeError::new(ExchangeErrorKind::Refused, "no").with_code("invalid_client");
    world.exchange.fail_next(1_000, refused);
    let start = now();
    let errors = join_all((0..100).map(|_| world.source.token())).await;
    assert_eq!(start.elapsed(), millis(50), "all are answered within its latency");
    for error in errors {
        let error = error.unwrap_err();
        assert_eq!(error.exchange().unwrap().code(), Some("invalid_client"));
        assert!(!error.is_transient());
    }
    for _ in 0..100 {
        world.source.token().await.unwrap_err();
    }
    assert_eq!(start.elapsed(), millis(50), "and everybody after them at once");
    assert_eq!(world.exchange.exchanges(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_ten_minutes_costs_one_exchange_per_pause() {
    let world = world();
    world.exchange.fail_next(10_000, unavailable());
    let start = now();
    while start.elapsed() < secs(600) {
        world.source.token().await.unwrap_err();
        tokio::time::sleep(millis(100)).await;
    }
    // 1, 2, 4, 8, 16, then every 30 s, each shortened by at most a fifth.
    let asked = world.exchange.exchanges();
    assert!((24..=31).contains(&asked), "{asked}");
    world.exchange.recover();
    tokio::time::sleep(secs(30)).await;
    let token = format!("token-{}", asked + 1);
    assert_eq!(world.source.token().await.unwrap().expose(), token);
}

#[tokio::test(start_paused = true)]
async fn the_stored_error_says_how_old_it_is_and_when_the_next_attempt_is_due() {
    let world = world();
    world.exchange.fail_next(1, unavailable().with_retry_after(secs(40)));
    world.source.token().await.unwrap_err();
    tokio::time::sleep(secs(10)).await;
    let error = world.source.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exchange);
    assert_eq!(error.retry_after(), Some(secs(30)));
    assert_eq!(error.age(), Some(secs(10)));
    assert!(error.is_transient());
    assert_eq!(
        error.to_string(),
        "no token: scripted outage; that was 10.0 s ago; the next attempt is due in 30.0 s"
    );
    tokio::time::sleep(secs(30)).await;
    assert_eq!(world.source.token().await.unwrap().expose(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn the_first_refusal_after_an_outage_has_the_first_pause_of_refusals() {
    let world = world();
    world.exchange.fail_next(6, unavailable());
    let refused =
        ExchangeError::new(ExchangeErrorKind::Refused, "the secret was rotated meanwhile");
    world.exchange.fail_next(2, refused);
    for _ in 0..6 {
        let error = world.source.token().await.unwrap_err();
        tokio::time::sleep(error.retry_after().unwrap()).await;
    }
    for most in [10, 20] {
        let pause = world.source.token().await.unwrap_err().retry_after().unwrap();
        assert!((secs(most) * 4 / 5..=secs(most)).contains(&pause), "{pause:?}");
        tokio::time::sleep(pause).await;
    }
    world.source.token().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pause_leaves_one_attempt_before_a_usable_token_ends() {
    let world = world();
    world.source.token().await.unwrap();
    // The refresh-ahead attempts fail, but for the last moments of the life.
    world.exchange.fail_next(10_000, unavailable());
    let start = now();
    while start.elapsed() < HOUR - secs(60) {
        world.source.token().await.unwrap();
        tokio::time::sleep(millis(500)).await;
    }
    world.exchange.recover();
    let failed = world.exchange.exchanges() - 1;
    while start.elapsed() < HOUR + secs(10) {
        world.source.token().await.expect("renewed before the old token ended");
        tokio::time::sleep(millis(500)).await;
    }
    let successor = format!("token-{}", 1 + failed + 1);
    assert_eq!(world.source.token().await.unwrap().expose(), successor);
}

#[tokio::test(start_paused = true)]
async fn retry_now_lifts_the_pause() {
    let world = world();
    world.exchange.fail_next(1, unavailable().with_retry_after(secs(300)));
    world.source.token().await.unwrap_err();
    world.source.token().await.unwrap_err();
    world.source.retry_now();
    assert_eq!(world.source.token().await.unwrap().expose(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn retry_now_lifts_the_pause_while_a_token_is_usable() {
    let world = world();
    world.source.token().await.unwrap();
    tokio::time::sleep(HOUR.mul_f64(0.91)).await;
    world.exchange.fail_next(1, unavailable().with_retry_after(secs(200)));
    world.source.token().await.unwrap();
    world.source.settled().await;
    world.source.token().await.unwrap();
    world.source.settled().await;
    assert_eq!(world.exchange.exchanges(), 2);
    world.source.retry_now();
    let service = tower::Layer::layer(&world.layer, world.api.clone());
    send(&service, get("/")).await.unwrap();
    world.source.settled().await;
    assert_eq!(world.exchange.exchanges(), 3);
}

#[tokio::test(start_paused = true)]
async fn warm_up_waits_through_an_outage_until_its_deadline_and_ends_at_a_refusal() {
    let world = world();
    world.exchange.fail_next(3, unavailable());
    world.source.warm_up(secs(30)).await.unwrap();
    assert_eq!(world.exchange.exchanges(), 4);

    let down = world_with_delay(millis(1));
    down.exchange.fail_next(10_000, unavailable());
    let start = now();
    let error = down.source.warm_up(secs(30)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exchange);
    assert_eq!(start.elapsed(), secs(30));

    let refused = world_with_delay(millis(1));
    let no = ExchangeError::new(ExchangeErrorKind::Refused, "no");
    refused.exchange.fail_next(10_000, no);
    let start = now();
    refused.source.warm_up(secs(30)).await.unwrap_err();
    assert_eq!(start.elapsed(), millis(1), "a wrong secret is said at once");
}
