//! Rounds as in `../common/rounds.rs`, but each row is compared with its own inner service.

use crate::common::rounds;
use crate::row::{Row, position};

const ROUNDS: usize = 200;

/// For each row, the nanoseconds per request above its own inner service.
pub(crate) fn measure(rows: &[Row], threads: usize) -> Vec<f64> {
    let timed = |row: &Row| -> rounds::Row {
        let time = row.time.clone();
        (row.name, Box::new(move |threads| time(threads)))
    };
    let timed: Vec<_> = rows.iter().map(timed).collect();
    rounds::measure(ROUNDS, &timed, threads, |row| position(rows, rows[row].over))
}
