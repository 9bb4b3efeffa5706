//! From the events of the crate and of an example to facts.

use std::time::Duration;

use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind, Reason};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};
use tower_outbound_auth::{Recovery, TokenSource};
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt;

use crate::ms;
use crate::timeline::collect::duration;
use crate::timeline::model::{Answer, Fate, Outcome};
use crate::timeline::{Collector, Labels, Timeline, svg, text};

/// What the collector makes of the events of a story, on this thread.
fn timeline_of(story: impl FnOnce(&ManualClock)) -> Timeline {
    let clock = ManualClock::new();
    let collector = Collector::new(clock.clone());
    // Tests on other threads have no subscriber. With a second one in the process, tracing does not remember that.
    let second = Dispatch::new(tracing_subscriber::registry());
    let subscriber = tracing_subscriber::registry().with(collector.clone());
    tracing::subscriber::with_default(subscriber, || story(&clock));
    drop(second);
    collector.timeline()
}

/// What the collector makes of a source whose tokens live for a minute.
fn timeline_of_a_source(exchange: ScriptedExchange, token: fn(u32) -> bool) -> Timeline {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    timeline_of(|clock| {
        let builder = TokenSource::builder(HeaderScheme::bearer(), exchange);
        let source = builder.clock(clock.clone()).build();
        runtime.block_on(async {
            for attempt in 0..2 {
                let outcome = source.token().await;
                assert_eq!(outcome.is_ok(), token(attempt), "{outcome:?}");
                source.settled().await;
                clock.advance(ms(55_000));
            }
        });
    })
}

#[test]
fn the_event_of_a_successful_exchange_tells_when_its_token_expires() {
    let exchange = ScriptedExchange::new().with_lifetime(ms(60_000));
    let timeline = timeline_of_a_source(exchange, |_| true);
    let [first, second] = timeline.lives[..] else { panic!("{timeline:?}") };
    assert_eq!((first.begins, first.expires), (ms(0), Some(ms(60_000))));
    assert_eq!((second.begins, second.expires), (ms(55_000), Some(ms(115_000))));
    assert_eq!((first.ends, first.fate), (ms(55_000), Fate::Replaced));
}

#[test]
fn the_event_of_an_exchange_that_succeeds_again_tells_it_too() {
    let exchange = ScriptedExchange::new().with_lifetime(ms(60_000));
    exchange.fail_next(1, ExchangeError::new(ExchangeErrorKind::Unavailable, "no answer"));
    let timeline = timeline_of_a_source(exchange, |attempt| attempt == 1);
    assert_eq!(timeline.lives[0].expires, Some(ms(115_000)));
    let outcomes: Vec<_> = timeline.exchanges.iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, [Outcome::Failure, Outcome::Token]);
}

#[test]
fn an_answer_has_the_time_that_the_example_says() {
    let timeline = timeline_of(|clock| {
        clock.advance(ms(1_500));
        let (began, took) = (ms(1_250), Duration::from_micros(250_125));
        for (caller, ok, recovery) in [
            (7_u64, true, None),
            (8, true, Some(Recovery::Replayed.as_str())),
            (9, false, Some(Recovery::NotReplayable.as_str())),
            (10, false, None),
        ] {
            tracing::info!(target: "example", caller, ?began, ?took, ok, recovery, "answered");
        }
        tracing::info!(target: "example", "all tokens revoked");
    });
    let first = timeline.requests[0];
    assert_eq!((first.caller, first.begins), (7, ms(1_250)));
    assert_eq!(first.took(), Duration::from_micros(250_125));
    let answers: Vec<_> = timeline.requests.iter().map(|it| it.answer).collect();
    assert_eq!(answers, [Answer::AtOnce, Answer::SentAgain, Answer::Refused, Answer::Failed]);
    assert_eq!(timeline.revocations, [ms(1_500)]);
}

#[test]
fn a_rotated_token_is_a_life() {
    let timeline = timeline_of(|clock| {
        clock.advance(ms(10));
        let generation = format_args!("2");
        tracing::trace!(target: "tower_outbound_auth", %generation, "adopted a rotated token");
    });
    assert_eq!((timeline.lives[0].first, timeline.lives[0].begins), (2, ms(10)));
}

#[test]
fn no_text_of_an_event_gets_into_a_drawing() {
    const CANARY: &str = "canary-3f1c";
    let timeline = timeline_of(|_| {
        let (took, expires_in, reason) = (ms(10), ms(20), Reason::First);
        tracing::warn!(
            target: "tower_outbound_auth", system = CANARY, error = CANARY, cause = CANARY, ?reason,
            ?took, failures = 1, "exchange failed",
        );
        tracing::info!(
            target: "tower_outbound_auth", system = CANARY, generation = %CANARY, reason = %CANARY,
            ?took, ?expires_in, "exchange succeeds again",
        );
        tracing::debug!(target: "tower_outbound_auth", ?reason, "exchange begins {CANARY}");
        tracing::info!(
            target: "example", caller = 1_u64, began = ?took, ?took, ok = true, recovery = CANARY,
            token = CANARY, "answered",
        );
        tracing::info!(target: "example", CANARY);
        tracing::info!(target: "another", ?reason, token = CANARY, "exchange begins");
    });
    assert_eq!((timeline.exchanges.len(), timeline.requests.len()), (1, 1), "it did listen");
    let labels = Labels { title: "A run", callers: "callers" };
    let drawn = svg::draw(&timeline, &labels) + &text::draw(&timeline, &labels);
    assert!(!drawn.contains("canary") && !format!("{timeline:?}").contains("canary"));
}

#[test]
fn other_events_of_the_process_cost_nothing() {
    timeline_of(|_| {
        assert!(!tracing::enabled!(target: "hyper", tracing::Level::ERROR));
        assert!(tracing::enabled!(target: "tower_outbound_auth", tracing::Level::TRACE));
    });
}

#[test]
fn every_form_of_a_duration_is_read() {
    for nanos in [0, 1, 999, 1_500, 104_500_000, 999_999_999, 1_000_000_000, 90_061_000_000_000] {
        let duration_ = Duration::from_nanos(nanos);
        let read = duration(&format!("{duration_:?}")).unwrap();
        assert!(
            read.abs_diff(duration_) <= Duration::from_nanos(1),
            "{duration_:?} is not {read:?}"
        );
    }
    for text in ["", "s", "1", "-1s", "1 s", "NaNs", "infs", "1e300s", "canary"] {
        assert_eq!(duration(text), None, "{text}");
    }
}
