//! Promise 3: an attempt's outcome reaches everybody who waited for it.

use std::sync::Arc;

use futures::future::join_all;
use tower::Layer;
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};
use tower_outbound_auth::{ErrorKind, TokenSource};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_success_gives_the_same_token_to_all_who_waited() {
    let world = world_with_delay(millis(50));
    let start = now();
    for token in join_all((0..1_000).map(|_| world.source.token())).await {
        assert_eq!(token.unwrap().expose(), "token-1");
    }
    assert_eq!(start.elapsed(), millis(50));
}

#[tokio::test(start_paused = true)]
async fn a_failure_reaches_all_who_waited_after_one_latency() {
    let world = world_with_delay(millis(50));
    world.exchange.fail_next(1_000, unavailable());
    let service = world.layer.layer(world.api.clone());
    let start = now();
    for answer in join_all((0..100).map(|_| send(&service, get("/")))).await {
        let error = answer.unwrap_err();
        assert_eq!(ours(&error).kind(), ErrorKind::Exchange);
        assert_eq!(ours(&error).exchange().unwrap().to_string(), "scripted outage");
    }
    assert_eq!(start.elapsed(), millis(50), "nobody waits for a second attempt");
    assert_eq!(world.exchange.exchanges(), 1);
    assert_eq!(world.api.requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_token_is_published_before_anybody_is_woken() {
    let world = world_with_delay(millis(50));
    let wait = world.source.token();
    let source = world.source.clone();
    let (generation, token) = {
        let token = wait.await.unwrap();
        (source.status().generation, token)
    };
    assert_eq!(generation, Some(token.generation()));
    assert!(!source.status().exchange_under_way);
}

#[tokio::test(start_paused = true)]
async fn waiters_get_the_token_of_their_exchange_even_if_it_was_refused_meanwhile() {
    let world = world_with_delay(millis(50));
    let first = world.source.token();
    let mut others = Box::pin(join_all((0..100).map(|_| world.source.token())));
    assert!(futures::poll!(&mut others).is_pending());
    let token = first.await.unwrap();
    // Another request learns that the token is refused, and the next exchange fails.
    world.exchange.fail_next(1, unavailable());
    world.source.reject(&token).await.unwrap_err();
    for other in others.await {
        assert_eq!(other.unwrap().expose(), "token-1", "what they were given, not what is there");
    }
}

/// With real threads: a caller that begins to wait while the exchange ends gets the token or is woken.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_caller_that_begins_to_wait_while_the_exchange_ends_is_woken() {
    let (clock, exchange) = (ManualClock::new(), ScriptedExchange::new());
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange.clone()).clock(clock.clone()).build();
    for round in 1..=500 {
        let start = Arc::new(tokio::sync::Barrier::new(16));
        let callers = (0..16).map(|nth| {
            let (source, start) = (source.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                (0..nth * 30).for_each(|_| std::hint::spin_loop());
                source.token().await.unwrap().expose().to_owned()
            })
        });
        // In real time: the manual clock stands still, so a caller that is not woken would wait for ever.
        let all = tokio::time::timeout(secs(20), join_all(callers)).await.expect("nobody hangs");
        for token in all {
            assert_eq!(token.unwrap(), format!("token-{round}"));
        }
        clock.advance(HOUR);
    }
    assert_eq!(exchange.exchanges(), 500);
}
