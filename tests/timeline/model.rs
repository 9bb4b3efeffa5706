//! From facts to lives, exchanges and waits.

use tower_outbound_auth::exchange::Reason;

use crate::timeline::Timeline;
use crate::timeline::model::{Answer, Event, Fate, Life, Outcome, What};
use crate::{a_run, adopted, answered, exchanged, failed, ms, revoked};

fn lives(events: &[Event]) -> Vec<Life> {
    Timeline::of(events).lives
}

#[test]
fn a_token_is_in_use_from_its_publication_to_its_replacement() {
    let lives = lives(&a_run());
    let first = lives[0];
    assert_eq!((first.begins, first.ends, first.fate), (ms(100), ms(2_600), Fate::Replaced));
    assert_eq!(first.expires, Some(ms(3_000)), "the rest of its life is known");
}

#[test]
fn a_refused_token_is_in_use_until_its_refusal_and_not_until_its_replacement() {
    let lives = lives(&a_run());
    let (refused, next) = (lives[1], lives[2]);
    assert_eq!((refused.ends, refused.fate), (ms(4_010), Fate::Refused));
    assert_eq!(next.begins, ms(4_110));
}

#[test]
fn a_token_stays_refused_if_its_renewal_fails() {
    let events = [
        exchanged(100, Reason::First, 1),
        failed(1_100, Reason::Refused),
        exchanged(2_100, Reason::Refused, 2),
    ];
    let first = lives(&events)[0];
    assert_eq!((first.ends, first.fate), (ms(1_000), Fate::Refused));
}

#[test]
fn a_token_without_a_replacement_is_in_use_until_it_expires() {
    let late = [exchanged(100, Reason::First, 1), exchanged(5_000, Reason::Expired, 2)];
    let first = lives(&late)[0];
    assert_eq!((first.ends, first.fate), (ms(3_000), Fate::Expired));
    let never = [exchanged(100, Reason::First, 1), revoked(5_000)];
    assert_eq!(lives(&never)[0].ends, ms(3_000));
}

#[test]
fn the_last_token_is_in_use_at_the_end_of_the_recording() {
    let last = lives(&[exchanged(100, Reason::First, 1), revoked(900)])[0];
    assert_eq!((last.ends, last.fate), (ms(900), Fate::InUse));
}

#[test]
fn tokens_that_responses_bring_one_after_another_are_one_entry() {
    let mut events = vec![exchanged(100, Reason::First, 1)];
    events.extend((2..=500).map(|generation| adopted(100 + generation, generation)));
    events.push(exchanged(1_000, Reason::Refused, 501));
    events.extend((502..=900).map(|generation| adopted(1_000 + generation, generation)));
    let lives = lives(&events);
    let numbers: Vec<_> = lives.iter().map(|life| (life.first, life.last)).collect();
    assert_eq!(numbers, [(1, 1), (2, 500), (501, 501), (502, 900)]);
    assert_eq!((lives[1].begins, lives[1].ends), (ms(102), ms(900)), "until the refusal");
}

#[test]
fn the_order_in_which_events_arrive_does_not_matter() {
    let mut backwards = a_run();
    backwards.reverse();
    assert_eq!(Timeline::of(&backwards), Timeline::of(&a_run()));
    // Two threads: the event of the newer token came first.
    let swapped = lives(&[adopted(200, 3), adopted(204, 2), revoked(300)]);
    assert_eq!((swapped[0].first, swapped[0].last, swapped[0].ends), (2, 3, ms(300)));
}

#[test]
fn an_exchange_is_as_long_as_it_took_and_one_without_an_end_is_under_way() {
    let what = What::ExchangeBegan { refresh: 2, reason: Reason::Expired };
    let began = Event { at: ms(800), what };
    let events = [failed(600, Reason::First), began, revoked(1_000)];
    let exchanges = Timeline::of(&events).exchanges;
    let ends: Vec<_> = exchanges.iter().map(|it| (it.begins, it.ends, it.outcome)).collect();
    let failure = (ms(500), ms(600), Outcome::Failure);
    assert_eq!(ends, [failure, (ms(800), ms(1_000), Outcome::UnderWay)]);
}

#[test]
fn an_exchange_that_ended_is_not_under_way() {
    let outcomes: Vec<_> = Timeline::of(&a_run()).exchanges.iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, [Outcome::Token; 3]);
}

#[test]
fn requests_wait_for_the_first_token_and_for_a_new_one_after_a_refusal() {
    let timeline = Timeline::of(&a_run());
    let waits: Vec<_> = timeline.requests.iter().map(|it| it.waited_for).collect();
    let (first, refused) = (Some(Reason::First), Some(Reason::Refused));
    assert_eq!(waits, [first, first, None, refused, None]);
    assert_eq!(timeline.waits_for(Reason::First).count(), 2);
}

#[test]
fn a_request_that_meets_a_renewal_in_the_background_does_not_count_as_waiting() {
    let events = [
        exchanged(100, Reason::First, 1),
        exchanged(2_600, Reason::RefreshAhead, 2),
        answered(0, 2_590, 2_610, Answer::AtOnce),
    ];
    let timeline = Timeline::of(&events);
    assert_eq!(timeline.requests[0].waited_for, None);
    assert_eq!(timeline.took_during(Reason::RefreshAhead), [ms(20)], "but one can see its time");
}

#[test]
fn a_request_that_a_token_served_before_its_refusal_did_not_wait() {
    let events = [exchanged(1_000, Reason::Refused, 2), answered(0, 990, 1_010, Answer::AtOnce)];
    assert_eq!(Timeline::of(&events).requests[0].waited_for, None);
}

#[test]
fn without_events_there_is_nothing() {
    assert_eq!(Timeline::of(&[]), Timeline::default());
}
