//! Instructions, counted by callgrind: exact, and the same however busy the machine is.
//!
//! As `../common/callgrind.rs` does it: the program starts itself again, for one row, with two lengths of its
//! loop, and the difference is divided. But making the service is not counted in the first place: where it takes
//! a TLS client and a thread, it is not the same twice.

use crate::common::callgrind::{asked_for, per_turn};
use crate::row::{Row, position};

/// In the process that is counted: runs the row that was asked for, and says so.
pub(crate) fn is_counted(rows: &[Row]) -> bool {
    let Some((row, loops)) = asked_for() else { return false };
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
    let count = |row: &Row| per_turn(row.name, &["--toggle-collect=*::counts::counted"]);
    let counts: Vec<_> = rows.iter().map(count).collect::<Option<_>>()?;
    let over = |(row, count): (&Row, &f64)| count - counts[position(rows, row.over)];
    Some(rows.iter().zip(&counts).map(over).collect())
}
