//! From facts to a timeline.

use std::collections::BTreeMap;
use std::time::Duration;

use tower_outbound_auth::exchange::Reason;

use super::model::{Answer, Event, Exchange, Fate, Life, Outcome, Request, Timeline, What};

impl Timeline {
    /// The events may come in any order.
    pub(crate) fn of(events: &[Event]) -> Timeline {
        let mut events = events.to_vec();
        events.sort_by_key(|event| event.at);
        let end = events.last().map_or(Duration::ZERO, |event| event.at);
        let exchanges = exchanges(&events, end);
        let lives = merged(&lives(&events, &exchanges, end));
        let requests = requests(&events, &exchanges);
        let mark = |event: &Event| match event.what {
            What::Mark(text) => Some((event.at, text)),
            _ => None,
        };
        let marks = events.iter().filter_map(mark).collect();
        Timeline { end, lives, exchanges, requests, marks }
    }
}

fn exchanges(events: &[Event], end: Duration) -> Vec<Exchange> {
    let mut found: BTreeMap<u64, Exchange> = BTreeMap::new();
    for event in events {
        let (refresh, reason, took, outcome) = match event.what {
            What::ExchangeBegan { refresh, reason } => {
                let (begins, outcome) = (event.at, Outcome::UnderWay);
                // Its end may have been told before.
                found.entry(refresh).or_insert(Exchange { begins, ends: end, reason, outcome });
                continue;
            }
            What::ExchangeSucceeded { refresh, reason, took, .. } => {
                (refresh, reason, took, Outcome::Token)
            }
            What::ExchangeFailed { refresh, reason, took } => {
                (refresh, reason, took, Outcome::Failure)
            }
            _ => continue,
        };
        let begins = event.at.saturating_sub(took);
        found.insert(refresh, Exchange { begins, ends: event.at, reason, outcome });
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by_key(|exchange| exchange.begins);
    found
}

/// One for each token.
fn lives(events: &[Event], exchanges: &[Exchange], end: Duration) -> Vec<Life> {
    let begun = events.iter().filter_map(|event| {
        let (generation, expires_in, from_responses) = match event.what {
            What::ExchangeSucceeded { generation, expires_in, .. } => {
                (generation, expires_in, false)
            }
            What::TokenAdopted { generation, expires_in } => (generation, expires_in, true),
            _ => return None,
        };
        let (first, last, begins) = (generation, generation, event.at);
        let expires = expires_in.map(|it| begins.saturating_add(it));
        Some(Life { first, last, from_responses, begins, ends: end, expires, fate: Fate::InUse })
    });
    let mut lives: Vec<Life> = begun.collect();
    lives.sort_by_key(|life| life.first); // events of two threads may come in the wrong order
    for at in 1..lives.len() {
        let next = lives[at].begins.max(lives[at - 1].begins);
        lives[at].begins = next;
        (lives[at - 1].ends, lives[at - 1].fate) = (next, Fate::Replaced);
    }
    for life in &mut lives {
        if let Some(expires) = life.expires.filter(|it| *it < life.ends) {
            (life.ends, life.fate) = (expires.max(life.begins), Fate::Expired);
        }
    }
    for refused in exchanges.iter().filter(|it| it.reason == Reason::Refused) {
        let in_use = |life: &&mut Life| life.begins <= refused.begins && refused.begins < life.ends;
        if let Some(life) = lives.iter_mut().find(in_use) {
            (life.ends, life.fate) = (refused.begins, Fate::Refused);
        }
    }
    lives
}

fn merged(lives: &[Life]) -> Vec<Life> {
    let mut merged: Vec<Life> = Vec::new();
    for life in lives {
        match merged.last_mut() {
            Some(last)
                if last.from_responses && life.from_responses && last.fate == Fate::Replaced =>
            {
                *last = Life { first: last.first, begins: last.begins, ..*life };
            }
            _ => merged.push(*life),
        }
    }
    merged
}

fn requests(events: &[Event], exchanges: &[Exchange]) -> Vec<Request> {
    let request = |event: &Event| {
        let What::Answered { caller, began, took, answer } = event.what else { return None };
        let (begins, ends) = (began, began.saturating_add(took));
        let waited = exchanges.iter().find(|it| {
            // A usable token is used while the next one is obtained, and a refused one until it is refused.
            let holds_up = match it.reason {
                Reason::RefreshAhead | Reason::Doubted => false,
                Reason::Refused => answer != Answer::AtOnce,
                _ => true,
            };
            holds_up && it.outcome != Outcome::UnderWay && begins < it.ends && it.ends <= ends
        });
        Some(Request { caller, begins, ends, answer, waited_for: waited.map(|it| it.reason) })
    };
    events.iter().filter_map(request).collect()
}
