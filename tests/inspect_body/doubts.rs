//! A judge that doubts bodies.

use tokio::time::sleep_until;
use tower::ServiceExt;
use tower_outbound_auth::exchange::Reason;
use tower_outbound_auth::{InspectBodyLayer, Recovery};

use crate::*;

const NOT_FOUND: &str = r#"{"error":"not found, or the session is over"}"#;

/// Doubts a 404 whose body leaves it open whether the session is over.
fn doubting() -> Judge {
    Judge::new(|response| match response.body_member("/error") {
        _ if response.is_refusal() => Verdict::Refused,
        Some(error) if error.as_str().is_some_and(|it| it.contains("session is over")) => {
            Verdict::Doubted
        }
        _ => Verdict::Accepted,
    })
}

#[tokio::test(start_paused = true)]
async fn an_honest_404_each_second_costs_one_renewal_a_minute_and_none_of_the_budget() {
    let (world, seen) = (world(), Seen::default());
    let inspect = InspectBodyLayer::new(|response| response.status == 404);
    let honest = inspect.layer(api(&seen, |_| response(404, NOT_FOUND)));
    let service = world.layer.clone().with_judge(doubting()).layer(honest);
    let (start, mut renewed) = (now(), Vec::new());
    for second in 0..600 {
        sleep_until(start + millis(1_000 * second)).await;
        let before = world.exchange.exchanges();
        let answer = service.clone().oneshot(get()).await.unwrap();
        let recovery = answer.extensions().get::<Recovery>().copied();
        assert_eq!(text(answer).await, NOT_FOUND);
        let is_renewed = world.exchange.exchanges() > before;
        let expected = if is_renewed { Recovery::Replayed } else { Recovery::RenewedLately };
        assert_eq!(recovery, Some(expected), "{second}");
        renewed.extend(is_renewed.then_some(second));
    }
    assert_eq!(renewed, (0..600).step_by(60).collect::<Vec<_>>());
    let status = world.source.status();
    assert_eq!(status.renewal_budget, 5);
    assert_eq!((status.counters.doubts, status.counters.refusals), (600, 0));
    assert_eq!(status.counters.exchanges_for(Reason::Doubted), 10);
    assert_eq!(seen.lock().unwrap().len(), 600 + 10);
}

#[tokio::test(start_paused = true)]
async fn a_doubted_post_is_not_sent_again() {
    let (world, seen) = (world(), Seen::default());
    let inspect = InspectBodyLayer::new(|_| true);
    let honest = inspect.layer(api(&seen, |_| response(404, NOT_FOUND)));
    let service = world.layer.clone().with_judge(doubting()).layer(honest);
    let answer = service.oneshot(post("x")).await.unwrap();
    assert_eq!(answer.extensions().get(), Some(&Recovery::NotReplayable));
    assert_eq!(text(answer).await, NOT_FOUND);
    assert_eq!(seen.lock().unwrap().len(), 1);
}
