//! The layer's part of a whole stack: a real client, over a loopback socket, to hyper's server.
//!
//! `cargo bench --features test-util --bench stack`. The server has its own process, so all figures are of the
//! client's process, including its connection tasks. Two tables:
//!
//! - **Processor time** per request. All rows take turns in short rounds. The cost of a row is the median over the
//!   rounds of its time minus that of the bare client in the same round.
//! - **Instructions** of an HTTP/1.1 request, by callgrind (which needs `valgrind`), one request after the other.
//!
//! Any token on the wire has a cost: over HTTP/2, a sensitive value of 1 KiB is encoded again for each request
//! (RFC 7541 section 7.1.3). So this layer's own cost is the difference to tower-http's fixed token.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::error::Error;
use std::fmt::Debug;
use std::net::SocketAddr;

use http::{Request, Response};
use hyper::body::Body as HttpBody;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};
use tower::util::MapRequest;
use tower::{Layer, Service};
use tower_http::auth::AddAuthorizationLayer;
use tower_outbound_auth::replay::Off;

use common::by_hand::Formatting;
use common::callgrind::{self, Counts, runs_a_row};
use common::floor_with_checks::checked_at;
use common::goals::{Goals, short};
use common::loopback::Server;
use common::rounds::median;
use common::{Body, cpu_time, loopback, token};

/// The requests of a round, of all tasks together.
const REQUESTS: usize = 512;

/// A row, and the function that returns the time of one round.
type Row = (&'static str, Box<dyn Fn(&Runtime) -> f64>);

const INSTRUCTIONS: &[callgrind::Row] = &[
    ("bare client", |n| one_by_one(n, |_, client| client)),
    ("tower-http's fixed token", |n| one_by_one(n, |_, client| fixed().layer(client))),
    ("the checks by hand", |n| one_by_one(n, checked_at)),
    ("this layer, no replay", |n| {
        one_by_one(n, |at, client| loopback::layer(at).with_replay(Off).layer(client));
    }),
    ("this layer, replay armed", |n| one_by_one(n, |at, client| loopback::layer(at).layer(client))),
    ("by hand: RwLock and format!", |n| one_by_one(n, |_, client| Formatting::new(client))),
];

fn main() {
    if loopback::is_server() || runs_a_row(INSTRUCTIONS) {
        return;
    }
    let server = Server::start();
    let (one, two) = (loopback::runtime(), two_workers());
    println!("{:<44} {:>8} {:>18} {:>18}", "row", "µs", "over bare", "over fixed");
    let at = server.address;
    times("HTTP/1.1, 16 tasks, 1 thread", &one, &rows(at, 16, || loopback::client(false)));
    times("HTTP/2, 16 tasks, 1 thread", &one, &rows(at, 16, || loopback::client(true)));
    times("HTTP/1.1, 8 tasks, 2 workers", &two, &rows(at, 8, || loopback::client(false)));
    let _within = two.enter();
    times("Channel, 8 tasks, 2 workers", &two, &rows(at, 8, || channel(at)));
    if let Some(counts) = Counts::of(INSTRUCTIONS) {
        instructions(&counts);
    }
}

fn two_workers() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn times(stack: &str, runtime: &Runtime, rows: &[Row]) {
    println!("{stack}");
    let mut times = vec![Vec::new(); rows.len()];
    for _ in 0..if short() { 50 } else { 400 } {
        for (row, times) in rows.iter().zip(&mut times) {
            times.push(row.1(runtime) / 1e3);
        }
    }
    for ((name, _), of_row) in rows.iter().zip(&times) {
        let whole = median(of_row.clone());
        let over = |base: &[f64]| {
            let more = median(of_row.iter().zip(base).map(|(it, base)| it - base).collect());
            format!("{more:.2} = {:.1} %", 100.0 * more / whole)
        };
        println!("  {name:<42} {whole:>8.2} {:>18} {:>18}", over(&times[0]), over(&times[1]));
    }
}

fn instructions(counts: &Counts) {
    let goals = Goals::new();
    let over = |row| counts.over(row, "bare client");
    let fixed = over("tower-http's fixed token");
    for (row, _) in &INSTRUCTIONS[1..] {
        goals.note(&format!("instructions: {row}"), format!("{:.0}", over(row)));
    }
    let ours = over("this layer, no replay");
    let checks = over("the checks by hand") / fixed;
    goals.figure("instructions: this layer, no replay, x fixed token", checks, ours / fixed, 1.6);
}

fn rows<S, RB>(address: SocketAddr, tasks: usize, client: impl Fn() -> S) -> Vec<Row>
where
    S: Service<Request<Body>, Response = Response<RB>, Error: Error + Send + Sync, Future: Send>,
    S: Clone + Send + 'static,
    RB: HttpBody<Data: Send, Error: Debug> + Send + Unpin + 'static,
{
    let ours = || loopback::layer(address);
    vec![
        row("bare client", address, tasks, client()),
        row("tower-http's fixed token", address, tasks, fixed().layer(client())),
        row("this layer, no replay", address, tasks, ours().with_replay(Off).layer(client())),
        row("this layer, replay armed", address, tasks, ours().layer(client())),
        row("by hand: RwLock and format!", address, tasks, Formatting::new(client())),
    ]
}

/// tonic's client. Call this within a runtime.
fn channel(
    address: SocketAddr,
) -> MapRequest<Channel, fn(Request<Body>) -> Request<tonic::body::Body>> {
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    MapRequest::new(channel, |request| request.map(tonic::body::Body::new))
}

fn fixed() -> AddAuthorizationLayer {
    AddAuthorizationLayer::bearer(&token())
}

fn row<S, RB>(name: &'static str, address: SocketAddr, tasks: usize, service: S) -> Row
where
    S: Service<Request<Body>, Response = Response<RB>, Error: Debug, Future: Send>,
    S: Clone + Send + 'static,
    RB: HttpBody<Data: Send, Error: Debug> + Send + Unpin + 'static,
{
    let round = move |runtime: &Runtime| {
        let callers: Vec<_> = (0..tasks)
            .map(|_| (service.clone(), loopback::requests(address, REQUESTS / tasks)))
            .collect();
        let calls = callers.into_iter().map(|(mut service, requests)| async move {
            loopback::send(&mut service, requests).await;
        });
        let start = cpu_time::of_process();
        runtime.block_on(async { calls.collect::<JoinSet<()>>().join_all().await });
        (cpu_time::of_process() - start) / REQUESTS as f64
    };
    (name, Box::new(round))
}

/// This many requests through `layer` over hyper-util's client, one after the other.
fn one_by_one<S, RB>(count: usize, layer: impl Fn(SocketAddr, loopback::Client) -> S)
where
    S: Service<Request<Body>, Response = Response<RB>, Error: Debug>,
    RB: HttpBody<Error: Debug>,
{
    let server = Server::start();
    let mut service = layer(server.address, loopback::client(false));
    let requests = loopback::requests(server.address, count);
    loopback::runtime().block_on(loopback::send(&mut service, requests));
}
