//! The cost of an API that sends a token with each response.
//!
//! `cargo bench --features test-util --bench rotation`. `Adopt::WhenDue` is counted in instructions (which needs
//! `valgrind`), and in nanoseconds on one thread and on two. `Adopt::EveryNewer` is compared with a hand-written
//! `Mutex` around a `String`: with the current token again in each response, with a newer one now and then, and
//! with another one each time.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::process::ExitCode;
use std::sync::atomic::Ordering;

use http::Request;
use tower::{Layer, Service};
use tower_outbound_auth::clock::SystemClock;
use tower_outbound_auth::replay::Off;
use tower_outbound_auth::scheme::Adopt;

use common::by_hand::Rotated;
use common::callgrind::{Counts, Row, runs_a_row};
use common::goals::{Goals, short};
use common::rotating::{HandsOut, jwt, layer, scheme};
use common::rounds::{self, measure};
use common::{Body, once, request};

/// A usual length, and a length that would show if the layer read the token.
const USUAL: usize = 1024;
const LONG: usize = 4096;

const ROWS: &[Row] = &[
    ("bare", |n| run(n, HandsOut::always(&jwt(1, USUAL)))),
    ("when due", |n| run(n, when_due(&jwt(1, USUAL)))),
    ("bare, long token", |n| run(n, HandsOut::always(&jwt(1, LONG)))),
    ("when due, long token", |n| run(n, when_due(&jwt(1, LONG)))),
    ("bare, malformed token", |n| run(n, HandsOut::always("no token at all"))),
    ("when due, malformed token", |n| run(n, when_due("no token at all"))),
    ("bare, current token", |n| run(n, HandsOut::always(&jwt(0, USUAL)))),
    ("every newer, current token", |n| run(n, every_newer(HandsOut::always(&jwt(0, USUAL))))),
    ("bare, another each time", |n| run(n, HandsOut::one_in(1, &tokens()))),
    ("every newer, another each time", |n| run(n, every_newer(HandsOut::one_in(1, &tokens())))),
];

fn main() -> ExitCode {
    if runs_a_row(ROWS) {
        return ExitCode::SUCCESS;
    }
    let mut goals = Goals::new();
    if let Some(counts) = Counts::of(ROWS) {
        instructions(&counts, &mut goals);
    }
    verifications(&mut goals);
    nanoseconds(&goals, if short() { 20 } else { 100 });
    goals.exit()
}

fn instructions(counts: &Counts, goals: &mut Goals) {
    let over = |row, bare| counts.over(row, bare);
    let when_due = over("when due", "bare");
    goals.note("when due: instructions", format!("{when_due:.0}"));
    let more = |row, bare| (over(row, bare) - when_due).abs() as i64;
    let long = more("when due, long token", "bare, long token");
    let malformed = more("when due, malformed token", "bare, malformed token");
    goals.count("when due, a token four times as long: instructions more", long, 8);
    goals.count("when due, a malformed token: instructions more", malformed, 8);
    let current = over("every newer, current token", "bare, current token");
    goals.note("every newer, the current token: instructions", format!("{current:.0}"));
    let each = over("every newer, another each time", "bare, another each time");
    goals.note("every newer, another each time: instructions", format!("{each:.0}"));
}

/// At most one for each newer token. With two threads the count depends on the schedule, so it is shown but
/// does not fail.
fn verifications(goals: &mut Goals) {
    for threads in [1, 2] {
        let api = HandsOut::one_in(100, &tokens());
        let layer = layer(Adopt::EveryNewer, SystemClock::new(), jwt(0, USUAL));
        let row = rounds::row("", layer.clone().with_replay(Off).layer(api.clone()));
        for _ in 0..10 {
            row.1(threads);
        }
        let (newer, scheme) = (api.handed_out(), layer.source().presentation());
        let verified = scheme.verified.load(Ordering::Relaxed);
        if threads == 1 {
            let what = "every newer, 1T: signatures verified";
            goals.count(what, verified as i64, newer as i64);
        } else {
            let what = "every newer, 2T: signatures verified per newer token";
            goals.figure(what, 1.0, verified as f64 / newer as f64, 1.0);
        }
    }
}

fn nanoseconds(goals: &Goals, times: usize) {
    let current = || HandsOut::always(&jwt(0, USUAL));
    let now_and_then = || HandsOut::one_in(100, &tokens());
    let each_time = || HandsOut::one_in(1, &tokens());
    let by_hand = |api| Rotated::new(api, jwt(0, USUAL));
    let rows = [
        rounds::row("bare", current()),
        rounds::row("when due", when_due(&jwt(1, USUAL))),
        rounds::row("every newer", every_newer(current())),
        rounds::row("by hand", by_hand(current())),
        rounds::row("bare", now_and_then()),
        rounds::row("every newer", every_newer(now_and_then())),
        rounds::row("by hand", by_hand(now_and_then())),
        rounds::row("by hand, verifying", by_hand(now_and_then()).verifying(scheme())),
        rounds::row("bare", each_time()),
        rounds::row("every newer", every_newer(each_time())),
        rounds::row("by hand", by_hand(each_time())),
        rounds::row("by hand, verifying", by_hand(each_time()).verifying(scheme())),
    ];
    let bare = |row: usize| (0..=row).rfind(|it| rows[*it].0 == "bare").unwrap();
    let [one, two] = [1, 2].map(|threads| measure(times, &rows, threads, bare));
    goals.note("when due: 2T / 1T", format!("{:.2}", two[1] / one[1]));
    goals.note("when due: ns, 1 thread", format!("{:.0}", one[1]));
    for (threads, ns) in [(1, one), (2, two)] {
        let row = |what: &str| format!("every newer, {what}, {threads}T: ns (floor: by hand)");
        goals.figure(&row("current token"), ns[3], ns[2], ns[3]);
        goals.figure(&row("1 in 100"), ns[6], ns[5], ns[6]);
        goals.figure(&row("1 in 100, both verify"), ns[7], ns[5], ns[7]);
        goals.figure(&row("each time, both verify"), ns[11], ns[9], 2.0 * ns[11]);
    }
}

/// Different tokens, all issued after the first, and all valid.
fn tokens() -> Vec<String> {
    (1..=64).map(|number| jwt(number, USUAL)).collect()
}

fn when_due(handed_out: &str) -> impl Service<Request<Body>> + Clone + Send + use<> {
    let (api, first) = (HandsOut::always(handed_out), jwt(0, USUAL));
    layer(Adopt::WhenDue, SystemClock::new(), first).with_replay(Off).layer(api)
}

fn every_newer(api: HandsOut) -> impl Service<Request<Body>> + Clone + Send {
    let layer = layer(Adopt::EveryNewer, SystemClock::new(), jwt(0, USUAL));
    layer.with_replay(Off).layer(api)
}

fn run(loops: usize, mut service: impl Service<Request<Body>>) {
    for _ in 0..loops {
        once(&mut service, request());
    }
}
