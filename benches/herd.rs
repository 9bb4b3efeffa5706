//! Many callers at once: without a token, while the token is due for renewal, and with an endpoint that
//! refuses.
//!
//! `cargo bench --features test-util --bench herd`. The token endpoint takes 50 ms. Each time is compared with
//! a floor from the same run with as many tasks: a sleep of 50 ms and a request without the layer, or a
//! request with a fresh token. Times are medians over the rounds. The number of exchanges must be right in
//! each round.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod common;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use http::Request;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::Auth;
use tower_outbound_auth::clock::SystemClock;
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};

use common::goals::{Goals, short};
use common::rounds::median;
use common::{Api, Body, ours, request};

const LATENCY: Duration = Duration::from_millis(50);
/// A token's life. It is due for renewal after 80 to 90 % of it.
const LIFE: Duration = Duration::from_secs(3_600);

fn main() -> ExitCode {
    let runtime = Runtime::new().unwrap();
    let (rounds, mut goals) = (if short() { 3 } else { 15 }, Goals::new());
    without_a_token(&runtime, &mut goals, rounds);
    a_hundred_thousand(&runtime, &mut goals, rounds.min(5));
    in_the_window(&runtime, &mut goals, rounds);
    refusing(&runtime, &mut goals, rounds);
    goals.exit()
}

fn without_a_token(runtime: &Runtime, goals: &mut Goals, rounds: usize) {
    let herds = Herds::of(rounds, || {
        let (exchange, service) = cold();
        let floor = herd(runtime, 10_000, || sleep(request()));
        let ours = herd(runtime, 10_000, || succeed(service.clone(), request()));
        (floor, ours, exchange.exchanges())
    });
    goals.exactly("10,000 callers without a token: exchanges", herds.exchanges(), 1);
    let (floor, ours) = herds.median(|herd| herd.wait(0.99));
    goals.figure("10,000 callers without a token: p99, ms", floor, ours, floor + 5.0);
}

fn a_hundred_thousand(runtime: &Runtime, goals: &mut Goals, rounds: usize) {
    let herds = Herds::of(rounds, || {
        let (exchange, service) = cold();
        let floor = herd(runtime, 100_000, || sleep(request()));
        let ours = herd(runtime, 100_000, || succeed(service.clone(), request()));
        (floor, ours, exchange.exchanges())
    });
    goals.exactly("100,000 callers without a token: exchanges", herds.exchanges(), 1);
    let (floor, ours) = herds.median(|herd| herd.span);
    goals.figure("100,000 callers: first call to last answer, ms", floor, ours, floor + 30.0);
}

/// The wait is what the layer adds, since the API answers at once; the floor has a fresh token.
fn in_the_window(runtime: &Runtime, goals: &mut Goals, rounds: usize) {
    let herds = Herds::of(rounds, || {
        let (clock, exchange) = (ManualClock::new(), slow());
        let layer =
            ours::exchanging(exchange.clone()).rebuild_source(|source| source.clock(clock.clone()));
        runtime.block_on(layer.source().token()).unwrap();
        let service = layer.layer(Api);
        let floor = herd(runtime, 10_000, || succeed(service.clone(), request()));
        clock.advance(LIFE.mul_f64(0.95));
        let ours = herd(runtime, 10_000, || succeed(service.clone(), request()));
        runtime.block_on(layer.source().settled());
        (floor, ours, exchange.exchanges() - 1)
    });
    goals.exactly("10,000 callers in the window: exchanges", herds.exchanges(), 1);
    let (floor, ours) = herds.median(|herd| herd.wait(0.99));
    goals.figure("10,000 callers in the window: p99, ms", floor, ours, floor + 1.0);
}

fn refusing(runtime: &Runtime, goals: &mut Goals, rounds: usize) {
    let herds = Herds::of(rounds, || {
        let (exchange, service) = cold();
        let refused = ExchangeError::new(ExchangeErrorKind::Refused, "an unknown client");
        exchange.fail_next(1_000, refused);
        let floor = herd(runtime, 100, || sleep(request()));
        let ours = herd(runtime, 100, || fail(service.clone(), request()));
        (floor, ours, exchange.exchanges())
    });
    goals.exactly("100 callers, an endpoint that refuses: exchanges", herds.exchanges(), 1);
    let (floor, ours) = herds.median(|herd| herd.span);
    goals.figure("first call to last answer, ms", floor, ours, floor + 5.0);
}

type Client = Auth<Api>;

fn slow() -> ScriptedExchange {
    ScriptedExchange::new().with_lifetime(LIFE).with_delay(LATENCY, SystemClock::new())
}

/// A service that must still obtain its first token.
fn cold() -> (ScriptedExchange, Client) {
    let exchange = slow();
    (exchange.clone(), ours::exchanging(exchange).layer(Api))
}

/// The floor: a request without the layer, after a plain sleep.
async fn sleep(request: Request<Body>) {
    tokio::time::sleep(LATENCY).await;
    assert_eq!(Api.oneshot(request).await.unwrap().status(), 200);
}

async fn succeed(client: Client, request: Request<Body>) {
    assert_eq!(client.oneshot(request).await.unwrap().status(), 200);
}

async fn fail(client: Client, request: Request<Body>) {
    assert!(client.oneshot(request).await.is_err());
}

/// The results of many tasks that began at the same time.
struct Herd {
    /// How long each task waited, in order, in milliseconds.
    waits: Vec<f64>,
    /// From the first call to the last answer, in milliseconds.
    span: f64,
}

impl Herd {
    fn wait(&self, part: f64) -> f64 {
        self.waits[(self.waits.len() as f64 * part) as usize]
    }
}

fn herd<F>(runtime: &Runtime, callers: usize, call: impl Fn() -> F) -> Herd
where
    F: Future<Output = ()> + Send + 'static,
{
    let calls: Vec<_> = (0..callers).map(|_| call()).collect();
    let (left, done) = (Arc::new(AtomicUsize::new(callers)), Arc::new(Notify::new()));
    let timed = |call: F| {
        let (left, done) = (left.clone(), done.clone());
        async move {
            let start = Instant::now();
            call.await;
            let end = Instant::now();
            // The last task wakes the bench: checking each task would take time from the tasks that
            // wait.
            if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                done.notify_one();
            }
            (start, end)
        }
    };
    let times = runtime.block_on(async {
        let tasks: Vec<_> = calls.into_iter().map(|call| tokio::spawn(timed(call))).collect();
        done.notified().await;
        join_all(tasks).await
    });
    let times: Vec<_> = times.into_iter().map(Result::unwrap).collect();
    let millis = |from: Instant, to: Instant| (to - from).as_secs_f64() * 1e3;
    let mut waits: Vec<_> = times.iter().map(|(start, end)| millis(*start, *end)).collect();
    waits.sort_by(f64::total_cmp);
    let first = times.iter().map(|(start, _)| *start).min().unwrap();
    let last = times.iter().map(|(_, end)| *end).max().unwrap();
    Herd { waits, span: millis(first, last) }
}

/// For each round: the floor, ours, and our exchanges.
struct Herds(Vec<(Herd, Herd, usize)>);

impl Herds {
    fn of(rounds: usize, round: impl Fn() -> (Herd, Herd, usize)) -> Herds {
        Herds((0..rounds).map(|_| round()).collect())
    }

    /// The number of exchanges in the worst round: one that is not 1, if there is any.
    fn exchanges(&self) -> usize {
        self.0.iter().map(|(.., exchanges)| *exchanges).find(|it| *it != 1).unwrap_or(1)
    }

    /// The median of the floor over the rounds. For ours, that plus the median of the difference in a round.
    fn median(&self, figure: impl Fn(&Herd) -> f64) -> (f64, f64) {
        let pairs: Vec<_> =
            self.0.iter().map(|(floor, ours, _)| (figure(floor), figure(ours))).collect();
        let floor = median(pairs.iter().map(|(floor, _)| *floor).collect());
        (floor, floor + median(pairs.iter().map(|(floor, ours)| ours - floor).collect()))
    }
}
