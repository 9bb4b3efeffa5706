//! The cost of requests that wait or are sent again: in instructions (which needs `valgrind`) and in allocations,
//! including tokio's own.
//!
//! `cargo bench --features test-util,rotating --bench cold_path`. Each row is the cost above `bare`, the same service
//! without a layer on the same runtime. There is no goal, because these requests wait for a network.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::cell::Cell;
use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use allocation_counter::measure;
use http::{Request, Response};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
use tower_outbound_auth::replay::Off;
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};
use tower_outbound_auth::{AuthLayer, TokenSource};

use common::callgrind::{Counts, Row, runs_a_row};
use common::{Api, Body, ours, request};

const HOUR: Duration = Duration::from_secs(3_600);

const ROWS: &[Row] = &[
    ("bare", |n| run(n, Api, || {})),
    ("a usable token", |n| World::new().run_with(n, |_| {})),
    ("waits for a token", |n| World::new().run_with(n, |world| world.clock.advance(HOUR))),
    ("refused, renewed and sent again", |n| World::new().run_refused(n)),
    ("in the last tenth, the endpoint down", |n| {
        World::new().in_the_last_tenth().run_with(n, |_| {});
    }),
    ("after the end, the endpoint down", |n| World::new().after_the_end().run_failing(n)),
];

fn main() {
    if runs_a_row(ROWS) {
        return;
    }
    let counts = Counts::of(ROWS);
    println!("{:<40} {:>8} {:>12}", "row", "instr", "allocations");
    for (row, run) in ROWS {
        let instructions = counts.as_ref().map(|counts| counts.over(row, "bare"));
        let instructions = instructions.map_or_else(|| "-".to_owned(), |it| format!("{it:.0}"));
        let of = |loops| measure(|| run(loops)).count_total;
        let allocations = (of(3_000) - of(1_000)) as f64 / 2_000.0;
        println!("{row:<40} {instructions:>8} {allocations:>12.1}");
    }
}

/// A source whose clock and endpoint the bench controls.
struct World {
    clock: ManualClock,
    exchange: ScriptedExchange,
    layer: AuthLayer<HeaderScheme>,
}

impl World {
    fn new() -> World {
        let (clock, exchange) = (ManualClock::new(), ScriptedExchange::new());
        let source = TokenSource::builder(HeaderScheme::bearer(), exchange.clone());
        let layer = ours::over(source.clock(clock.clone()).build());
        runtime().block_on(layer.source().token()).unwrap();
        World { clock, exchange, layer }
    }

    fn down(self) -> World {
        let down = ExchangeError::new(ExchangeErrorKind::Unreachable, "down");
        self.exchange.fail_next(10_000, down);
        self
    }

    /// The attempt in the hard margin has failed, and there is a pause.
    fn in_the_last_tenth(self) -> World {
        let world = self.down();
        world.clock.advance(HOUR - Duration::from_secs(20));
        let _ = runtime().block_on(world.layer.source().token());
        world
    }

    fn after_the_end(self) -> World {
        let world = self.down();
        world.clock.advance(HOUR);
        let _ = runtime().block_on(world.layer.source().token());
        world
    }

    fn run_with(&self, loops: usize, before: impl Fn(&World)) {
        run(loops, self.layer.clone().with_replay(Off).layer(Api), || before(self));
    }

    /// Each request is refused once.
    fn run_refused(&self, loops: usize) {
        let sendings = Cell::new(0_usize);
        let api = service_fn(|request: Request<Body>| {
            drop(std::hint::black_box(request));
            let status =
                if sendings.replace(sendings.get() + 1).is_multiple_of(2) { 401 } else { 200 };
            let response = Response::builder().status(status).body(Body::default());
            ready(Ok::<_, Infallible>(response.unwrap()))
        });
        run(loops, self.layer.layer(api), || {});
        assert_eq!(sendings.get(), 2 * loops);
    }

    fn run_failing(&self, loops: usize) {
        let mut service = self.layer.layer(Api);
        runtime().block_on(async {
            for _ in 0..loops {
                let error = service.ready().await.unwrap().call(request()).await;
                assert!(error.is_err());
            }
        });
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn run<S>(loops: usize, mut service: S, before: impl Fn())
where
    S: Service<Request<Body>, Response = Response<Body>, Error: std::fmt::Debug>,
{
    runtime().block_on(async {
        for _ in 0..loops {
            before();
            let response = service.ready().await.unwrap().call(request()).await.unwrap();
            assert_eq!(response.status(), 200);
        }
    });
}
