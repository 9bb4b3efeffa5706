//! The table of a bench that has goals, and what its process says of them.

use std::env;
use std::fmt::Display;
use std::process::ExitCode;

/// A row for each goal. A count that is wrong fails the bench; a time is shown beside its floor, and does not:
/// it is that of one machine at one moment.
#[derive(Debug)]
pub(crate) struct Goals {
    failed: bool,
}

impl Goals {
    pub(crate) fn new() -> Goals {
        println!("{:<58} {:>12} {:>12} {:>12}  verdict", "row", "floor", "measured", "goal");
        Goals { failed: false }
    }

    /// A figure that is the same on every machine.
    pub(crate) fn count(&mut self, row: &str, measured: i64, most: i64) {
        self.failed |= measured > most;
        print(row, "", measured, format!("<= {most}"), met(measured <= most));
    }

    /// One that is not yet what it has to be: shown, and does not fail.
    pub(crate) fn aim(&self, row: &str, measured: i64, most: i64) {
        print(row, "", measured, format!("<= {most}"), met(measured <= most));
    }

    /// One that is neither more nor less.
    pub(crate) fn exactly(&mut self, row: &str, measured: usize, goal: usize) {
        self.failed |= measured != goal;
        print(row, "", measured, format!("= {goal}"), met(measured == goal));
    }

    /// A figure that may be `most`, beside what the same machine needs at least.
    pub(crate) fn figure(&self, row: &str, floor: f64, measured: f64, most: f64) {
        let [floor, shown, goal] = [floor, measured, most].map(|it| format!("{it:.2}"));
        print(row, floor, shown, format!("<= {goal}"), met(measured <= most));
    }

    /// A figure that nothing was promised of.
    pub(crate) fn note(&self, row: &str, measured: impl Display) {
        print(row, "", measured, "", "");
    }

    pub(crate) fn exit(&self) -> ExitCode {
        ExitCode::from(u8::from(self.failed))
    }
}

fn met(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

fn print(
    row: &str,
    floor: impl Display,
    measured: impl Display,
    goal: impl Display,
    verdict: &str,
) {
    println!("{row:<58} {floor:>12} {measured:>12} {goal:>12}  {verdict}");
}

/// Whether the bench is to be brief: `-- --short`.
pub(crate) fn short() -> bool {
    env::args().any(|argument| argument == "--short")
}
