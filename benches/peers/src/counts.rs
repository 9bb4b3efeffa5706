//! Instructions, counted by callgrind. They are exact, and do not depend on the load of the
//! machine.
//!
//! As in `../common/callgrind.rs`, the program starts itself again for one row and two lengths of its loop, and
//! the difference is divided. But here, making the service is not counted at all, because its cost varies if it
//! needs a TLS client and a thread.

use crate::common::callgrind::{asked_for, per_turn};
use crate::row::{Row, position};

/// In the process that is counted: runs the requested row. Returns whether there was one.
pub(crate) fn is_counted(rows: &[Row]) -> bool {
    let Some((row, loops)) = asked_for() else { return false };
    let row = &rows[position(rows, &row)];
    row.run(1);
    counted(row, loops);
    true
}

/// callgrind finds the function by this name.
#[inline(never)]
fn counted(row: &Row, loops: usize) {
    row.run(loops);
}

/// For each row, the instructions per request above `bare`. None without valgrind.
pub(crate) fn measure(rows: &[Row]) -> Option<Vec<f64>> {
    let count = |row: &Row| per_turn(row.name, &["--toggle-collect=*::counts::counted"]);
    let counts: Vec<_> = rows.iter().map(count).collect::<Option<_>>()?;
    let over = |(row, count): (&Row, &f64)| count - counts[position(rows, row.over)];
    Some(rows.iter().zip(&counts).map(over).collect())
}
