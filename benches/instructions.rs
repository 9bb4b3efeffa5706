//! Instructions per request above `bare`, beside the floors.
//!
//! `cargo bench --features test-util --bench instructions` prints the table. It needs `valgrind`. With
//! `-- --check` it fails if a ratio to a floor is higher than in `instructions.txt`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::env;
use std::process::ExitCode;

use http::Request;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service};
use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::replay::Off;
use tower_outbound_auth::scheme::Adopt;
use tower_outbound_auth::system::HeaderScheme;

use common::callgrind::{Counts, Row, runs_a_row};
use common::floor_with_checks::checked;
use common::rotating::{HandsOut, jwt};
use common::{
    Api, Body, Unboxing, floor, once, ours, request, request_of_http2, request_with_boxed_body,
    request_with_host, request_with_ten, request_without_authority, rotating,
};

/// The file has ratios and not counts: counts change with the compiler and with `http`, but then the
/// floors change too.
const WRITTEN_DOWN: &str = include_str!("instructions.txt");
const TOLERANCE: f64 = 1.03;

const ROWS: &[Row] = &[
    ("bare", |n| run(n, Api, request)),
    ("c1", |n| run(n, floor::c1(Api), request)),
    ("c2", |n| run(n, floor::c2(Api), request)),
    ("c3", |n| run(n, floor::c3(Api), request)),
    ("checks", |n| run(n, checked(Api), request)),
    ("full, clocks stopped", |n| run(n, stopped(ours::layer()).layer(Api), request)),
    ("full", |n| run(n, ours::layer().with_replay(Off).layer(Api), request)),
    ("full, clocks stopped, observed", |n| {
        let layer = ours::layer().rebuild_source(|source| source.observer(ours::Observes));
        run(n, stopped(layer).layer(Api), request);
    }),
    ("full, custom header, clocks stopped", |n| {
        run(n, stopped(ours::custom_header()).layer(Api), request);
    }),
    ("full, custom header", |n| run(n, ours::custom_header().with_replay(Off).layer(Api), request)),
    ("replay armed", |n| run(n, ours::layer().layer(Api), request)),
    ("replay armed, clocks stopped", |n| {
        run(
            n,
            ours::layer()
                .rebuild_source(|source| source.clock(ours::Stopped::default()))
                .layer(Api),
            request,
        );
    }),
    ("full, service cloned per request", |n| {
        run_clones(n, &ours::layer().with_replay(Off).layer(Api));
    }),
    ("full, DPoP", |n| run(n, ours::dpop().with_replay(Off).layer(Api), request)),
    // Realistic requests, each with the same request without a layer.
    ("bare, with Host", |n| run(n, Api, request_with_host)),
    ("with Host", |n| run(n, stopped(ours::layer()).layer(Api), request_with_host)),
    ("bare, ten headers", |n| run(n, Api, request_with_ten)),
    ("ten headers", |n| run(n, stopped(ours::layer()).layer(Api), request_with_ten)),
    ("bare, HTTP/2", |n| run(n, Api, request_of_http2)),
    ("HTTP/2", |n| run(n, stopped(ours::layer()).layer(Api), request_of_http2)),
    ("second origin", |n| run(n, stopped(ours::second_origin()).layer(Api), request)),
    ("bare, Origin::relative", |n| run(n, Api, request_without_authority)),
    ("Origin::relative", |n| {
        run(n, stopped(ours::relative()).layer(Api), request_without_authority);
    }),
    ("bare, boxed body", |n| run(n, Unboxing, request_with_boxed_body)),
    ("boxed body", |n| run(n, stopped(ours::layer()).layer(Unboxing), request_with_boxed_body)),
    ("bare, boxed service", |n| run(n, BoxCloneSyncService::new(Api), request)),
    ("boxed service", |n| {
        let inner = BoxCloneSyncService::new(Api);
        run(n, stopped(ours::layer()).layer(inner), request);
    }),
    ("bare, a token in each response", |n| run(n, handing_out(), request)),
    ("WhenDue", |n| {
        let layer = rotating::layer(Adopt::WhenDue, ours::Stopped::default(), jwt(0, 1024));
        run(n, layer.with_replay(Off).layer(handing_out()), request);
    }),
];

/// Each row is the cost above the row without a layer.
const OVER: &[(&str, &str)] = &[
    ("with Host", "bare, with Host"),
    ("ten headers", "bare, ten headers"),
    ("HTTP/2", "bare, HTTP/2"),
    ("Origin::relative", "bare, Origin::relative"),
    ("boxed body", "bare, boxed body"),
    ("boxed service", "bare, boxed service"),
    ("WhenDue", "bare, a token in each response"),
];

fn main() -> ExitCode {
    if runs_a_row(ROWS) {
        return ExitCode::SUCCESS;
    }
    let Some(counts) = Counts::of(ROWS) else { return ExitCode::SUCCESS };
    let over = |row| counts.over(row, "bare");
    println!("{:<40} {:>8} {:>8} {:>8}", "row", "instr", "x C1", "x C2");
    let bare = |row: &str| OVER.iter().find(|(it, _)| *it == row).map_or("bare", |(_, bare)| *bare);
    for (row, _) in ROWS.iter().filter(|(row, _)| !row.starts_with("bare")) {
        let (count, c1, c2) = (counts.over(row, bare(row)), over("c1"), over("c2"));
        println!("{row:<40} {count:>8.0} {:>8.2} {:>8.2}", count / c1, count / c2);
    }
    let ratios = [
        ("full, clocks stopped / c2", over("full, clocks stopped") / over("c2")),
        ("full, clocks stopped / checks", over("full, clocks stopped") / over("checks")),
        ("replay armed / (c1 + c3)", over("replay armed") / (over("c1") + over("c3"))),
        (
            "with Host / full, clocks stopped",
            counts.over("with Host", "bare, with Host") / over("full, clocks stopped"),
        ),
        (
            "WhenDue / full, clocks stopped",
            counts.over("WhenDue", "bare, a token in each response") / over("full, clocks stopped"),
        ),
    ];
    let held = ratios.map(|(name, ratio)| is_held(name, ratio));
    let check = env::args().any(|argument| argument == "--check");
    ExitCode::from(u8::from(check && held.contains(&false)))
}

/// Whether a ratio is not higher than in the file.
fn is_held(name: &str, ratio: f64) -> bool {
    let mut lines = WRITTEN_DOWN.lines().filter_map(|line| line.split_once(" = "));
    let (_, written) = lines.find(|(row, _)| *row == name).expect("it is written down");
    let allowed = written.parse::<f64>().unwrap() * TOLERANCE;
    let held = ratio <= allowed;
    let verdict = if held { "held" } else { "GROWN" };
    println!("{name:<40} {ratio:>8.3}, at most {allowed:.3}: {verdict}");
    held
}

/// With clocks that cost nothing, and without a second sending.
fn stopped(layer: AuthLayer<HeaderScheme>) -> AuthLayer<HeaderScheme, Off> {
    layer.rebuild_source(|source| source.clock(ours::Stopped::default())).with_replay(Off)
}

/// Sends the same token in each response.
fn handing_out() -> HandsOut {
    HandsOut::always(&jwt(1, 1024))
}

fn run<B>(loops: usize, mut service: impl Service<Request<B>>, request: fn() -> Request<B>) {
    for _ in 0..loops {
        once(&mut service, request());
    }
}

fn run_clones(loops: usize, service: &(impl Service<Request<Body>> + Clone)) {
    for _ in 0..loops {
        once(&mut service.clone(), request());
    }
}
