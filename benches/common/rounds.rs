//! Nanoseconds per request. All rows take turns in short rounds.
//!
//! So other work of the machine affects all rows. A row's figure is the median over the rounds of the row's
//! processor time minus the floor's in the same round. With two threads, each thread has its own service value, as a
//! server's tasks do, and the figure is the mean of both. On a busy machine the two threads rarely run at the same
//! time, so contention does not show.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use http::Request;
use tower::Service;

use super::{Body, cpu_time, once, request};

/// Made before the round, so that only the sending is timed.
pub(crate) const REQUESTS: usize = 4096;

/// A row, and the function that returns the time of one round with this many threads.
pub(crate) type Row = (&'static str, Box<dyn Fn(usize) -> f64>);

pub(crate) fn row<S>(name: &'static str, service: S) -> Row
where
    S: Service<Request<Body>> + Clone + Sync + 'static,
{
    let time = move |threads| round(threads, || service.clone(), request, &once);
    (name, Box::new(time))
}

/// Each request goes through a clone of the service.
pub(crate) fn cloning<S>(name: &'static str, service: S) -> Row
where
    S: Service<Request<Body>> + Clone + Sync + 'static,
{
    let send = |service: &mut &S, request| once(&mut service.clone(), request);
    (name, Box::new(move |threads| round(threads, || &service, request, &send)))
}

/// For each row, the median over the rounds of its cost above the row with the index `floor`.
pub(crate) fn measure(
    rounds: usize,
    rows: &[Row],
    threads: usize,
    floor: impl Fn(usize) -> usize,
) -> Vec<f64> {
    let mut over = vec![Vec::new(); rows.len()];
    for _ in 0..rounds {
        let times: Vec<f64> = rows.iter().map(|(_, run)| run(threads)).collect();
        for (index, over) in over.iter_mut().enumerate() {
            over.push(times[index] - times[floor(index)]);
        }
    }
    over.into_iter().map(median).collect()
}

/// Nanoseconds per request, or their mean with several threads. Each thread makes its service with
/// `own`.
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
        // All threads start at once. They do not sleep, because waking up takes longer than a
        // round.
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

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
