//! Instructions, counted by callgrind: exact, and the same however busy the machine is.
//!
//! As `../common/callgrind.rs` does it: the program starts itself again, for one row, with two lengths of its
//! loop, and the difference is divided. But making the service is not counted in the first place: where it takes
//! a TLS client and a thread, it is not the same twice.

use std::env;
use std::process::Command;

use crate::row::{Row, position};

const ROW: &str = "OUTBOUND_AUTH_ROW";
const LOOPS: &str = "OUTBOUND_AUTH_LOOPS";
const SHORT: usize = 1_000;
const LONG: usize = 3_000;

/// In the process that is counted: runs the row that was asked for, and says so.
pub(crate) fn is_counted(rows: &[Row]) -> bool {
    let Ok(row) = env::var(ROW) else { return false };
    let loops = env::var(LOOPS).unwrap().parse().unwrap();
    let row = &rows[position(rows, &row)];
    row.run(1);
    counted(row, loops);
    true
}

/// What callgrind looks at, by this name.
#[inline(never)]
fn counted(row: &Row, loops: usize) {
    row.run(loops);
}

/// For each row, the instructions per request that it costs over `bare`; none without valgrind.
pub(crate) fn measure(rows: &[Row]) -> Option<Vec<f64>> {
    let counts: Vec<_> = rows.iter().map(|row| per_request(row.name)).collect::<Option<_>>()?;
    let over = |(row, count): (&Row, &f64)| count - counts[position(rows, row.over)];
    Some(rows.iter().zip(&counts).map(over).collect())
}

/// What one more turn of the row's loop costs.
fn per_request(row: &str) -> Option<f64> {
    let (short, long) = (count(row, SHORT)?, count(row, LONG)?);
    Some((long as f64 - short as f64) / (LONG - SHORT) as f64)
}

fn count(row: &str, loops: usize) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*::counts::counted")
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
