//! All rows, and their measurements.

use std::process::Command;

use crate::row::{Row, position};
use crate::{counts, peer, rounds, rows};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Floor,
    Ours,
    Peer,
}

/// The cost of a request above the inner service.
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Nanoseconds on one thread, and on two.
    pub(crate) one: f64,
    pub(crate) two: f64,
    pub(crate) allocations: Option<f64>,
    pub(crate) instructions: Option<f64>,
}

/// Measures all rows. None if this process was started to be counted.
pub(crate) fn measure() -> Option<Vec<Figures>> {
    let rows = all();
    if counts::is_counted(&rows) {
        return None;
    }
    let [one, two] = [1, 2].map(|threads| {
        eprintln!("nanoseconds, threads: {threads}");
        rounds::measure(&rows, threads)
    });
    eprintln!("allocations");
    let allocations = counted_elsewhere();
    eprintln!("instructions");
    let instructions = counts::measure(&rows);
    let kinds = rows.iter().map(|row| kind(row.name));
    let figures = rows.iter().zip(kinds).enumerate().map(|(index, (row, kind))| Figures {
        name: row.name,
        kind,
        one: one[index],
        two: two[index],
        allocations: allocations.as_ref().map(|counts| counts[index]),
        instructions: instructions.as_ref().map(|counts| counts[index]),
    });
    // Each row is compared with one of these, which have no figures of their own.
    Some(figures.filter(|row| !row.name.starts_with("bare")).collect())
}

fn all() -> Vec<Row> {
    [rows::floors(), rows::ours(), peer::rows()].into_iter().flatten().collect()
}

fn kind(name: &str) -> Kind {
    let among = |rows: Vec<Row>| rows.iter().any(|row| row.name == name);
    if among(rows::floors()) {
        Kind::Floor
    } else if among(rows::ours()) {
        Kind::Ours
    } else {
        Kind::Peer
    }
}

/// Prints the allocations of each row above `bare`, one row a line.
pub fn allocations(count: impl Fn(&mut dyn FnMut()) -> u64) {
    const LOOPS: usize = 1_000;
    let rows = all();
    let counts: Vec<_> = rows
        .iter()
        .map(|row| {
            row.run(LOOPS);
            let short = count(&mut || row.run(LOOPS)) as f64;
            let long = count(&mut || row.run(2 * LOOPS)) as f64;
            (long - short) / LOOPS as f64
        })
        .collect();
    for (row, count) in rows.iter().zip(&counts) {
        println!("{}", count - counts[position(&rows, row.over)]);
    }
}

/// The output of that program. None if it cannot run.
fn counted_elsewhere() -> Option<Vec<f64>> {
    let output = Command::new(env!("CARGO"))
        .args(["run", "--release", "--quiet", "--locked", "--bin", "allocations"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.lines().map(|line| line.parse().unwrap()).collect())
}
