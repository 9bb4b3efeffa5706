//! Rounds as in `../common/rounds.rs`, for rows whose requests are of any type, and who make on each thread what
//! cannot be sent to it.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::common::cpu_time;
use crate::common::rounds::{self, REQUESTS};
use crate::row::{Row, position};

const ROUNDS: usize = 200;

/// For each row, the nanoseconds per request that it costs over its own inner end.
pub(crate) fn measure(rows: &[Row], threads: usize) -> Vec<f64> {
    let timed = |row: &Row| -> rounds::Row {
        let time = row.time.clone();
        (row.name, Box::new(move |threads| time(threads)))
    };
    let timed: Vec<_> = rows.iter().map(timed).collect();
    rounds::measure(ROUNDS, &timed, threads, |row| position(rows, rows[row].over))
}

/// Nanoseconds per request; with several threads, their mean.
pub(crate) fn round<S, R>(
    threads: usize,
    own: impl Fn() -> S + Sync,
    request: fn() -> R,
    send: &(impl Fn(&mut S, R) + Sync),
) -> f64 {
    let waiting = &AtomicUsize::new(threads);
    let run = &|| {
        let mut own = own();
        let requests: Vec<_> = (0..REQUESTS).map(|_| request()).collect();
        // All at once: who sleeps is late by more than the round takes.
        waiting.fetch_sub(1, Ordering::SeqCst);
        while waiting.load(Ordering::SeqCst) > 0 {
            spin_loop();
        }
        let start = cpu_time::nanos();
        for request in requests {
            send(black_box(&mut own), request);
        }
        (cpu_time::nanos() - start) / REQUESTS as f64
    };
    if threads == 1 {
        return run();
    }
    let times: Vec<f64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    times.iter().sum::<f64>() / times.len() as f64
}
