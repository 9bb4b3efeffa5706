//! Instructions per request, counted by callgrind. They are exact, and do not depend on the load of
//! the machine.
//!
//! A bench starts itself again under `valgrind`, once for each row and for each of two lengths of the loop.
//! The difference of the two counts is divided by the difference of the lengths. So the figures include
//! neither the start of the process nor the making of the service.

use std::env;
use std::process::Command;

const SHORT: usize = 1_000;
const LONG: usize = 3_000;

/// An environment variable that names the row that a process should run, and the length of the
/// loop.
const ROW: &str = "OUTBOUND_AUTH_ROW";
const LOOPS: &str = "OUTBOUND_AUTH_LOOPS";

/// A row, and the function that runs it this many times.
pub(crate) type Row = (&'static str, fn(usize));

/// The cost of one turn of each row's loop.
pub(crate) struct Counts(Vec<(&'static str, f64)>);

/// Runs the row for which this process was started, if there is one.
pub(crate) fn runs_a_row(rows: &[Row]) -> bool {
    let Some((row, loops)) = asked_for() else { return false };
    rows.iter().find(|(name, _)| *name == row).expect("a row").1(loops);
    true
}

/// The row for which this process was started, and the length of the loop.
pub(crate) fn asked_for() -> Option<(String, usize)> {
    Some((env::var(ROW).ok()?, env::var(LOOPS).unwrap().parse().unwrap()))
}

impl Counts {
    /// The costs of all rows. None without valgrind.
    pub(crate) fn of(rows: &[Row]) -> Option<Counts> {
        let counts =
            rows.iter().map(|(row, _)| Some((*row, per_turn(row, &[])?))).collect::<Option<_>>();
        if counts.is_none() {
            eprintln!("skipped: there is no valgrind here");
        }
        counts.map(Counts)
    }

    /// The cost of `row` above `bare`.
    pub(crate) fn over(&self, row: &str, bare: &str) -> f64 {
        let of = |row| self.0.iter().find(|(name, _)| *name == row).expect("a row").1;
        of(row) - of(bare)
    }
}

/// The cost of one more turn of a row's loop. `looks_at` has more options for callgrind.
pub(crate) fn per_turn(row: &str, looks_at: &[&str]) -> Option<f64> {
    let (short, long) = (count(row, SHORT, looks_at)?, count(row, LONG, looks_at)?);
    Some((long - short) as f64 / (LONG - SHORT) as f64)
}

fn count(row: &str, loops: usize, looks_at: &[&str]) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(looks_at)
        .arg(env::current_exe().ok()?)
        .env(ROW, row)
        .env(LOOPS, loops.to_string())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let line = text.lines().find(|line| line.contains("Collected"))?;
    line.rsplit(' ').next()?.trim().parse().ok()
}
