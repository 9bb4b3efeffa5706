//! From what a source and an example tell to facts.

use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind, Reason};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};
use tower_outbound_auth::{Recovery, TokenSource};

use crate::ms;
use crate::timeline::model::{Answer, Fate, Outcome};
use crate::timeline::{Collector, Timeline};

/// What the collector keeps of a source that is asked twice, 55 s apart. `ok`: whether each gets a token.
async fn timeline_of_a_source(exchange: ScriptedExchange, ok: [bool; 2]) -> Timeline {
    let clock = ManualClock::new();
    let collector = Collector::new(clock.clone());
    let source = TokenSource::builder(HeaderScheme::bearer(), exchange)
        .clock(clock.clone())
        .observer(collector.clone())
        .build();
    for ok in ok {
        let outcome = source.token().await;
        assert_eq!(outcome.is_ok(), ok, "{outcome:?}");
        source.settled().await;
        tokio::task::yield_now().await; // the task of the refresh tells its end
        clock.advance(ms(55_000));
    }
    collector.timeline()
}

#[tokio::test]
async fn a_token_of_an_exchange_has_its_life() {
    let exchange = ScriptedExchange::new().with_lifetime(ms(60_000));
    let timeline = timeline_of_a_source(exchange, [true, true]).await;
    let [first, second] = timeline.lives[..] else { panic!("{timeline:?}") };
    assert_eq!((first.begins, first.expires), (ms(0), Some(ms(60_000))));
    assert_eq!((second.begins, second.expires), (ms(55_000), Some(ms(115_000))));
    assert_eq!((first.ends, first.fate), (ms(55_000), Fate::Replaced));
}

#[tokio::test]
async fn a_failed_exchange_is_one_too() {
    let exchange = ScriptedExchange::new().with_lifetime(ms(60_000));
    exchange.fail_next(1, ExchangeError::new(ExchangeErrorKind::Unavailable, "no answer"));
    let timeline = timeline_of_a_source(exchange, [false, true]).await;
    assert_eq!(timeline.lives[0].expires, Some(ms(115_000)));
    let exchanges = timeline.exchanges.iter().map(|it| (it.reason, it.outcome));
    let exchanges: Vec<_> = exchanges.collect();
    assert_eq!(exchanges, [(Reason::First, Outcome::Failure), (Reason::First, Outcome::Token)]);
}

#[test]
fn an_answer_has_the_time_that_the_example_says() {
    let clock = ManualClock::new();
    let collector = Collector::new(clock.clone());
    clock.advance(ms(1_500));
    for (caller, ok, recovery) in [
        (7, true, None),
        (8, true, Some(Recovery::Replayed)),
        (9, false, Some(Recovery::NotReplayable)),
        (10, false, None),
    ] {
        collector.answered(caller, ms(1_250), ok, recovery);
    }
    collector.mark("all tokens are revoked");
    let timeline = collector.timeline();
    let first = timeline.requests[0];
    assert_eq!((first.caller, first.begins, first.took()), (7, ms(1_250), ms(250)));
    let answers: Vec<_> = timeline.requests.iter().map(|it| it.answer).collect();
    assert_eq!(answers, [Answer::AtOnce, Answer::SentAgain, Answer::Refused, Answer::Failed]);
    assert_eq!(timeline.marks, [(ms(1_500), "all tokens are revoked")]);
}
