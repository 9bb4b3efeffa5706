//! Instructions per request, counted by callgrind: exact, and the same however busy the machine is.
//!
//! `cargo bench --features test-util --bench instructions` prints the table; it needs `valgrind`. Each row
//! is run with two lengths of its loop, and the difference divided, so that neither the start of the process
//! nor the making of the service is in the figure. `bare` is taken off every row.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::env;
use std::process::{Command, ExitCode};

use http::Request;
use tower::{Layer, Service};
use tower_outbound_auth::replay::Off;

use common::{Api, Body, floor, once, ours, request};

const SHORT: usize = 1_000;
const LONG: usize = 3_000;

/// A row, and what runs it.
type Row = (&'static str, fn(usize));

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
    if let Ok(row) = env::var("OUTBOUND_AUTH_ROW") {
        let loops = env::var("OUTBOUND_AUTH_LOOPS").unwrap().parse().unwrap();
        ROWS.iter().find(|(name, _)| *name == row).expect("a row").1(loops);
        return ExitCode::SUCCESS;
    }
    let counts: Option<Vec<_>> =
        ROWS.iter().map(|(row, _)| Some((*row, per_request(row)?))).collect();
    let Some(counts) = counts else {
        eprintln!("skipped: there is no valgrind here");
        return ExitCode::SUCCESS;
    };
    let of = |row| counts.iter().find(|(name, _)| *name == row).unwrap().1;
    let over = |row| of(row) - of("bare");
    println!("{:<40} {:>8} {:>8} {:>8}", "row", "instr", "x C1", "x C2");
    for (row, _) in &counts {
        let (count, c1, c2) = (over(row), over("c1"), over("c2"));
        println!("{row:<40} {count:>8.0} {:>8.2} {:>8.2}", count / c1, count / c2);
    }
    ExitCode::SUCCESS
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

/// What one more turn of the row's loop costs; none without valgrind.
fn per_request(row: &str) -> Option<f64> {
    let (short, long) = (count(row, SHORT)?, count(row, LONG)?);
    Some((long - short) as f64 / (LONG - SHORT) as f64)
}

fn count(row: &str, loops: usize) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().ok()?)
        .env("OUTBOUND_AUTH_ROW", row)
        .env("OUTBOUND_AUTH_LOOPS", loops.to_string())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let line = text.lines().find(|line| line.contains("Collected"))?;
    line.rsplit(' ').next()?.trim().parse().ok()
}
