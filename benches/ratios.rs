//! Nanoseconds per request, on one thread and on two, as ratios to the floors in the same run.
//!
//! `cargo bench --features test-util --bench ratios`. All rows take turns in short rounds, so that what else
//! the machine does hits all of them; a row's figure is the median over the rounds of its time less the time
//! of `bare` in the same round. Only the ratios mean something on another machine. With two threads each has
//! a service value of its own, as a server's tasks have; a figure is then the mean of both threads.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod common;

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use http::Request;
use tower::{Layer, Service};
use tower_outbound_auth::replay::Off;

use common::{Api, Body, floor, once, ours, request};

const ROUNDS: usize = 200;
/// Made before the round, so that only the sending is timed.
const REQUESTS: usize = 4096;

/// A row, and what makes its service; the last says that each request goes through a clone.
type Row = (&'static str, Box<dyn Fn(usize) -> Vec<f64>>);

fn row<S>(name: &'static str, service: S) -> Row
where
    S: Service<Request<Body>> + Clone + Send + 'static,
{
    (name, Box::new(move |threads| round(threads, &service, |service, it| once(service, it))))
}

fn cloning<S>(name: &'static str, service: S) -> Row
where
    S: Service<Request<Body>> + Clone + Send + Sync + 'static,
{
    let shared: &'static S = Box::leak(Box::new(service));
    (name, Box::new(move |threads| round(threads, &shared, |it, rq| once(&mut (*it).clone(), rq))))
}

fn main() {
    let off = || ours::layer().with_replay(Off);
    let rows = [
        row("bare", Api),
        row("c1", floor::c1(Api)),
        row("c2", floor::c2(Api)),
        row("c3", floor::c3(Api)),
        row("full, clocks stopped", off().with_clock(ours::Stopped::default()).layer(Api)),
        row("full", off().layer(Api)),
        row("full, custom header", ours::custom_header().with_replay(Off).layer(Api)),
        row("replay armed", ours::layer().layer(Api)),
        cloning("full, cloned per request", off().layer(Api)),
    ];
    let mut over = [1, 2].map(|threads| measure(&rows, threads));
    println!(
        "{:<28} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "row", "1T ns", "x C1", "x C2", "2T ns", "x C1", "x C2", "2T/1T"
    );
    let [one, two] = &mut over;
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

/// For each row, the median over the rounds of what it costs over `bare`.
fn measure(rows: &[Row], threads: usize) -> Vec<f64> {
    let mut over = vec![Vec::new(); rows.len()];
    for _ in 0..ROUNDS {
        let times: Vec<f64> = rows.iter().map(|(_, run)| mean(&run(threads))).collect();
        for (over, time) in over.iter_mut().zip(&times) {
            over.push(time - times[0]);
        }
    }
    over.into_iter().map(median).collect()
}

/// Nanoseconds per request, for each thread.
fn round<S: Clone + Send>(
    threads: usize,
    service: &S,
    send: impl Fn(&mut S, Request<Body>) + Sync,
) -> Vec<f64> {
    let (waiting, send) = (&AtomicUsize::new(threads), &send);
    let run = |mut service: S| {
        let requests: Vec<_> = (0..REQUESTS).map(|_| request()).collect();
        // All at once: who sleeps is late by more than the round takes.
        waiting.fetch_sub(1, Ordering::SeqCst);
        while waiting.load(Ordering::SeqCst) > 0 {
            spin_loop();
        }
        let start = Instant::now();
        for request in requests {
            send(black_box(&mut service), request);
        }
        start.elapsed().as_secs_f64() * 1e9 / REQUESTS as f64
    };
    if threads == 1 {
        return vec![run(service.clone())];
    }
    thread::scope(|scope| {
        let run = &run;
        let start = |_| {
            let service = service.clone();
            scope.spawn(move || run(service))
        };
        let threads: Vec<_> = (0..threads).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn mean(times: &[f64]) -> f64 {
    times.iter().sum::<f64>() / times.len() as f64
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
