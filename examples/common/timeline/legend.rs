//! The legend of the SVG: only what is in the picture.

use super::lanes::renewed_from;
use super::model::{Answer, Fate, Outcome, Timeline};
use super::pen::{DOT, Marks, rect, text, wide};
use super::svg::class_of;

/// Between two entries.
const GAP: f64 = 16.0;
const LINE: f64 = 20.0;

/// The legend, and the height of the picture with it.
pub(super) fn draw(timeline: &Timeline, (left, right): (f64, f64), top: f64) -> (String, f64) {
    let (mut drawn, mut x, mut y) = (String::new(), left, top);
    for (class, what) in entries(timeline) {
        let width = 18.0 + wide(what);
        if x > left && x + width > right {
            (x, y) = (left, y + LINE);
        }
        let mark = |class, thick, from, to| {
            let mut marks = Marks::new(0.0, 0.1);
            marks.add(y - 4.0, from, to);
            marks.path(class, thick)
        };
        drawn += &match class {
            "refused" | "again" | "failed" => mark(class, DOT, x + 6.0, x + 6.0),
            "mark" | "wait" => mark(class, 2.4, x, x + 12.0),
            _ => rect(class, x, y - 9.0, 12.0, 10.0),
        };
        drawn += &text("small", x + 18.0, y, what);
        x += width + GAP;
    }
    (drawn, y + 16.0)
}

/// The class of each sign in the picture, and what it means.
fn entries(timeline: &Timeline) -> Vec<(&'static str, &'static str)> {
    let Timeline { lives, exchanges, requests, .. } = timeline;
    let exchange = |class| exchanges.iter().any(|it| class_of(it) == class);
    let answer = |answer| requests.iter().any(|it| it.answer == answer);
    let refused = answer(Answer::SentAgain) || answer(Answer::Refused);
    let fate =
        |fates: &[Fate]| lives.iter().any(|it| fates.contains(&it.fate) && it.expires.is_some());
    let renewed = lives.iter().any(|it| renewed_from(it, exchanges).is_some());
    let all = [
        (!lives.is_empty(), "token", "token in use"),
        (renewed, "renewed", "in use while it is renewed"),
        (fate(&[Fate::Replaced, Fate::InUse]), "rest", "the rest of its life"),
        (fate(&[Fate::Refused]), "lost", "the rest, after a refusal"),
        (exchange("before"), "before", "exchange: requests wait for it"),
        (exchange("behind"), "behind", "exchange: no request waits for it"),
        (exchange("after"), "after", "exchange after a refusal"),
        (
            exchanges.iter().any(|it| it.outcome == Outcome::Failure),
            "failure",
            "exchange that failed",
        ),
        (!requests.is_empty(), "mark", "request"),
        (
            requests.iter().any(|it| it.waited_for.is_some()),
            "wait",
            "request that waited, as long as it took",
        ),
        (refused, "refused", "its first sending was refused (401)"),
        (answer(Answer::SentAgain), "again", "its second sending was answered"),
        (answer(Answer::Failed), "failed", "it failed"),
    ];
    all.into_iter()
        .filter(|(is_drawn, ..)| *is_drawn)
        .map(|(_, class, what)| (class, what))
        .collect()
}
