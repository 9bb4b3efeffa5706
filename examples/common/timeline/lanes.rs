//! What both drawings need: words, and the places of things.

use std::collections::BTreeSet;
use std::time::Duration;

use tower_outbound_auth::exchange::Reason;

use super::model::{Answer, Exchange, Life, Outcome, Timeline};

/// What a drawing says besides the facts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Labels<'a> {
    pub(crate) title: &'a str,
    /// Who sends requests, in the plural.
    pub(crate) callers: &'a str,
}

/// A reason as a letter, as a short word, and as a phrase.
pub(crate) fn words(reason: Reason) -> (char, &'static str, &'static str) {
    match reason {
        Reason::First => ('F', "first", "for the first token"),
        Reason::RefreshAhead => ('A', "ahead", "ahead of expiry"),
        Reason::Expiring => ('L', "last tenth", "in the last tenth of a life"),
        Reason::Expired => ('E', "expired", "after expiry"),
        Reason::Refused => ('R', "refused", "after a refusal"),
        Reason::Doubted => ('D', "doubted", "after a doubtful answer"),
        _ => ('?', "other", "for another reason"),
    }
}

/// `5 exchanges: 1 for the first token, .. | 500 requests of 50 callers, 6 of them sent again`.
pub(crate) fn summary(timeline: &Timeline, labels: &Labels<'_>) -> String {
    let reasons = Reason::ALL.iter().filter_map(|reason| {
        let count = timeline.exchanges.iter().filter(|it| it.reason == *reason).count();
        (count > 0).then(|| format!("{count} {}", words(*reason).2))
    });
    let reasons: Vec<_> = reasons.collect();
    let exchanges = match reasons.is_empty() {
        true => "no exchanges".to_owned(),
        false => {
            format!("{}: {}", plural(timeline.exchanges.len(), "exchange"), reasons.join(", "))
        }
    };
    let mut requests = format!(
        "{} of {} {}",
        plural(timeline.requests.len(), "request"),
        callers(timeline).len(),
        labels.callers
    );
    for (answer, what) in [
        (Answer::SentAgain, "sent again"),
        (Answer::Refused, "refused"),
        (Answer::Failed, "failed"),
    ] {
        let count = timeline.requests.iter().filter(|it| it.answer == answer).count();
        if count > 0 {
            requests += &format!(", {count} {what}");
        }
    }
    format!("{exchanges} | {requests}")
}

pub(crate) fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

pub(crate) fn callers(timeline: &Timeline) -> BTreeSet<u64> {
    timeline.requests.iter().map(|it| it.caller).collect()
}

/// The row of each life. A life stands in the first row that is free until its expiry, as far as it is drawn.
pub(crate) fn rows(timeline: &Timeline) -> Vec<usize> {
    let mut free_from: Vec<Duration> = Vec::new();
    let row_of = |life: &Life| {
        let row = free_from.iter().position(|free| *free <= life.begins);
        let row = row.unwrap_or(free_from.len());
        free_from.resize(free_from.len().max(row + 1), Duration::ZERO);
        free_from[row] = life.ends.max(life.expires.unwrap_or_default()).min(timeline.end);
        row
    };
    timeline.lives.iter().map(row_of).collect()
}

/// When the renewal of a token that was in use began, if it replaced this token.
pub(crate) fn renewed_from(life: &Life, exchanges: &[Exchange]) -> Option<Duration> {
    let of_this = |it: &&Exchange| {
        it.reason == Reason::RefreshAhead
            && it.outcome == Outcome::Token
            && life.begins <= it.begins
            && it.ends == life.ends
    };
    exchanges.iter().find(of_this).map(|it| it.begins)
}

/// The name of a life, from the longest text to the shortest.
pub(crate) fn names(life: &Life) -> Vec<String> {
    let Life { first, last, .. } = *life;
    match first == last {
        true => vec![format!("token {first}"), format!("{first}")],
        false => vec![
            format!("tokens {first} to {last}, from responses"),
            format!("tokens {first} to {last}"),
            format!("{first} to {last}"),
        ],
    }
}

/// The distance between two marks of the axis, in seconds: at most twenty marks.
pub(crate) fn step(end: Duration) -> u64 {
    let steps = [1, 2, 5, 10, 30, 60, 300, 600, 1_800];
    let fits = |step: &u64| end.as_secs() / step <= 20;
    steps.into_iter().find(fits).unwrap_or(end.as_secs() / 20)
}
