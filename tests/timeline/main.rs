//! The timeline of the examples: what a reader of its pictures relies on.
#![allow(clippy::unwrap_used)] // the helpers are tests as well

#[path = "../../examples/common/timeline/mod.rs"]
mod timeline;

mod collect;
mod drawings;
mod model;
mod xml;

use std::time::Duration;

use tower_outbound_auth::exchange::Reason;

use self::timeline::model::{Answer, Event, What};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// An exchange that ended at `at` after 100 ms, with a token of three seconds.
fn exchanged(at: u64, reason: Reason, generation: u64) -> Event {
    let (took, expires_in) = (ms(100), Some(ms(2_900)));
    let what = What::ExchangeSucceeded { refresh: at, reason, took, generation, expires_in };
    Event { at: ms(at), what }
}

fn failed(at: u64, reason: Reason) -> Event {
    Event { at: ms(at), what: What::ExchangeFailed { refresh: at, reason, took: ms(100) } }
}

fn adopted(at: u64, generation: u64) -> Event {
    Event { at: ms(at), what: What::TokenAdopted { generation, expires_in: None } }
}

fn answered(caller: u64, began: u64, ended: u64, answer: Answer) -> Event {
    let what = What::Answered { caller, began: ms(began), took: ms(ended - began), answer };
    Event { at: ms(ended), what }
}

fn revoked(at: u64) -> Event {
    Event { at: ms(at), what: What::Mark("all tokens are revoked") }
}

/// A first token, a renewal ahead of its expiry, and a revocation, in ten seconds.
fn a_run() -> Vec<Event> {
    vec![
        Event { at: ms(0), what: What::ExchangeBegan { refresh: 100, reason: Reason::First } },
        exchanged(100, Reason::First, 1),
        answered(0, 0, 104, Answer::AtOnce),
        answered(1, 0, 108, Answer::AtOnce),
        answered(0, 1_000, 1_004, Answer::AtOnce),
        exchanged(2_600, Reason::RefreshAhead, 2),
        revoked(4_000),
        exchanged(4_110, Reason::Refused, 3),
        answered(1, 4_006, 4_114, Answer::SentAgain),
        answered(0, 9_996, 10_000, Answer::AtOnce),
    ]
}
