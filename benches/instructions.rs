//! Instructions per request over `bare`, beside the floors.
//!
//! `cargo bench --features test-util --bench instructions` prints the table; it needs `valgrind`. With
//! `-- --check` it fails if a ratio to the floors has grown over the one in `instructions.txt`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::env;
use std::process::ExitCode;

use http::Request;
use tower::{Layer, Service};
use tower_outbound_auth::replay::Off;

use common::callgrind::{Counts, Row, runs_a_row};
use common::{Api, Body, floor, once, ours, request};

/// What is written down is the ratio, never a count: that one changes with the compiler and with `http`,
/// and the floors then change with it.
const WRITTEN_DOWN: &str = include_str!("instructions.txt");
const TOLERANCE: f64 = 1.03;

const ROWS: &[Row] = &[
    ("bare", |n| run(n, Api)),
    ("c1", |n| run(n, floor::c1(Api))),
    ("c2", |n| run(n, floor::c2(Api))),
    ("c3", |n| run(n, floor::c3(Api))),
    ("full, clocks stopped", |n| {
        run(n, ours::layer().with_clock(ours::Stopped::default()).with_replay(Off).layer(Api));
    }),
    ("full", |n| run(n, ours::layer().with_replay(Off).layer(Api))),
    ("full, custom header, clocks stopped", |n| {
        run(
            n,
            ours::custom_header().with_clock(ours::Stopped::default()).with_replay(Off).layer(Api),
        );
    }),
    ("full, custom header", |n| run(n, ours::custom_header().with_replay(Off).layer(Api))),
    ("replay armed", |n| run(n, ours::layer().layer(Api))),
    ("full, service cloned per request", |n| {
        run_clones(n, &ours::layer().with_replay(Off).layer(Api));
    }),
];

fn main() -> ExitCode {
    if runs_a_row(ROWS) {
        return ExitCode::SUCCESS;
    }
    let Some(counts) = Counts::of(ROWS) else { return ExitCode::SUCCESS };
    let over = |row| counts.over(row, "bare");
    println!("{:<40} {:>8} {:>8} {:>8}", "row", "instr", "x C1", "x C2");
    for (row, _) in ROWS {
        let (count, c1, c2) = (over(row), over("c1"), over("c2"));
        println!("{row:<40} {count:>8.0} {:>8.2} {:>8.2}", count / c1, count / c2);
    }
    let ratios = [
        ("full, clocks stopped / c2", over("full, clocks stopped") / over("c2")),
        ("replay armed / (c1 + c3)", over("replay armed") / (over("c1") + over("c3"))),
    ];
    let held = ratios.map(|(name, ratio)| is_held(name, ratio));
    let check = env::args().any(|argument| argument == "--check");
    ExitCode::from(u8::from(check && held.contains(&false)))
}

/// Whether a ratio is not above what is written down.
fn is_held(name: &str, ratio: f64) -> bool {
    let mut lines = WRITTEN_DOWN.lines().filter_map(|line| line.split_once(" = "));
    let (_, written) = lines.find(|(row, _)| *row == name).expect("it is written down");
    let allowed = written.parse::<f64>().unwrap() * TOLERANCE;
    let held = ratio <= allowed;
    let verdict = if held { "held" } else { "GROWN" };
    println!("{name:<40} {ratio:>8.3}, at most {allowed:.3}: {verdict}");
    held
}

fn run(loops: usize, mut service: impl Service<Request<Body>>) {
    for _ in 0..loops {
        once(&mut service, request());
    }
}

fn run_clones(loops: usize, service: &(impl Service<Request<Body>> + Clone)) {
    for _ in 0..loops {
        once(&mut service.clone(), request());
    }
}
