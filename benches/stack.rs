//! The layer's share of a whole stack: hyper-util's client and hyper's server, over a loopback socket.
//!
//! `cargo bench --features test-util --bench stack`. The figures are processor time of the client's thread per
//! request, connection tasks included; the server has a thread of its own. All rows take turns in short rounds;
//! what a row costs is the median over the rounds of its time less that of the bare client in the same round.
//! Sixteen callers at a time, as in a service that is not idle.
//!
//! A token on the wire costs something whoever puts it there: over HTTP/2 a sensitive value of 1 KiB is encoded
//! anew for each request (RFC 7541 section 7.1.3). So what is this layer's own is its cost over tower-http's
//! fixed token.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fmt::Debug;
use std::net::SocketAddr;

use futures::future::join_all;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::runtime::Runtime;
use tower::{Layer, Service};
use tower_http::auth::AddAuthorizationLayer;
use tower_outbound_auth::replay::Off;

use common::by_hand::Formatting;
use common::goals::short;
use common::rounds::median;
use common::{Body, cpu_time, loopback, ours, token};

const CALLERS: usize = 16;
/// In a round, for each caller.
const REQUESTS: usize = 32;

/// A row, and what gives the time of a round of it.
type Row = (&'static str, Box<dyn Fn(&Runtime) -> f64>);

fn main() {
    let rounds = if short() { 50 } else { 400 };
    println!("{:<38} {:>8} {:>18} {:>18}", "row", "µs", "over bare", "over fixed");
    for http2 in [false, true] {
        let (runtime, address) = (loopback::runtime(), loopback::serve());
        let rows = rows(http2, address);
        let mut times = vec![Vec::new(); rows.len()];
        for _ in 0..rounds {
            for (row, times) in rows.iter().zip(&mut times) {
                times.push(row.1(&runtime) / 1e3);
            }
        }
        for ((name, _), of_row) in rows.iter().zip(&times) {
            let whole = median(of_row.clone());
            let over = |base: &[f64]| {
                let more = median(of_row.iter().zip(base).map(|(it, base)| it - base).collect());
                format!("{more:.2} = {:.1} %", 100.0 * more / whole)
            };
            let version = if http2 { "HTTP/2" } else { "HTTP/1.1" };
            let name = format!("{version}, {name}");
            println!("{name:<38} {whole:>8.2} {:>18} {:>18}", over(&times[0]), over(&times[1]));
        }
    }
}

fn rows(http2: bool, address: SocketAddr) -> Vec<Row> {
    let client = || loopback::client(http2);
    let ours = || loopback::at(address, ours::layer());
    vec![
        row("bare client", address, client()),
        row("tower-http's fixed token", address, fixed().layer(client())),
        row("this layer, no replay", address, ours().with_replay(Off).layer(client())),
        row("this layer, replay armed", address, ours().layer(client())),
        row("by hand: RwLock and format!", address, Formatting::new(client())),
    ]
}

fn fixed() -> AddAuthorizationLayer {
    AddAuthorizationLayer::bearer(&token())
}

fn row<S>(name: &'static str, address: SocketAddr, service: S) -> Row
where
    S: Service<Request<Body>, Response = Response<Incoming>, Error: Debug> + Clone + 'static,
{
    let round = move |runtime: &Runtime| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| (service.clone(), loopback::requests(address, REQUESTS)))
            .collect();
        let calls = callers.into_iter().map(|(mut service, requests)| async move {
            loopback::send(&mut service, requests).await;
        });
        let start = cpu_time::nanos();
        runtime.block_on(join_all(calls));
        (cpu_time::nanos() - start) / (CALLERS * REQUESTS) as f64
    };
    (name, Box::new(round))
}
