//! Nanoseconds per request, on one thread and on two, as ratios to the floors in the same run.
//!
//! `cargo bench --features test-util --bench ratios`. Only the ratios can be compared with another machine;
//! `common/rounds.rs` describes the method. Every figure is the cost above `bare`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use tower::Layer;
use tower_outbound_auth::replay::Off;

use common::rounds::{cloning, measure, row};
use common::{Api, floor, ours};

const ROUNDS: usize = 200;

fn main() {
    let off = || ours::layer().with_replay(Off);
    let rows = [
        row("bare", Api),
        row("c1", floor::c1(Api)),
        row("c2", floor::c2(Api)),
        row("c3", floor::c3(Api)),
        row(
            "full, clocks stopped",
            off().rebuild_source(|source| source.clock(ours::Stopped::default())).layer(Api),
        ),
        row("full", off().layer(Api)),
        row("full, custom header", ours::custom_header().with_replay(Off).layer(Api)),
        row("replay armed", ours::layer().layer(Api)),
        cloning("full, cloned per request", off().layer(Api)),
    ];
    let [one, two] = [1, 2].map(|threads| measure(ROUNDS, &rows, threads, |_| 0));
    println!(
        "{:<28} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "row", "1T ns", "x C1", "x C2", "2T ns", "x C1", "x C2", "2T/1T"
    );
    for (index, (name, _)) in rows.iter().enumerate() {
        let (a, b) = (one[index], two[index]);
        println!(
            "{name:<28} {a:>7.0} {:>7.2} {:>7.2} {b:>7.0} {:>7.2} {:>7.2} {:>7.2}",
            a / one[1],
            a / one[2],
            b / two[1],
            b / two[2],
            b / a,
        );
    }
}
