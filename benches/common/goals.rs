//! The table of a bench with goals. A missed goal fails the process.

use std::env;
use std::fmt::Display;
use std::process::ExitCode;

/// One row for each goal. A wrong count fails the bench. A time is only shown beside its floor, because it
/// depends on the machine and the moment.
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

    /// A count that does not reach its goal yet: shown, but not a failure.
    pub(crate) fn aim(&self, row: &str, measured: i64, most: i64) {
        print(row, "", measured, format!("<= {most}"), met(measured <= most));
    }

    /// A count that must be exactly this.
    pub(crate) fn exactly(&mut self, row: &str, measured: usize, goal: usize) {
        self.failed |= measured != goal;
        print(row, "", measured, format!("= {goal}"), met(measured == goal));
    }

    /// A figure that may be at most `most`, beside the least that the same machine needs.
    pub(crate) fn figure(&self, row: &str, floor: f64, measured: f64, most: f64) {
        let [floor, shown, goal] = [floor, measured, most].map(|it| format!("{it:.2}"));
        print(row, floor, shown, format!("<= {goal}"), met(measured <= most));
    }

    /// A figure without a goal.
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

/// Whether the bench should be short: `-- --short`.
pub(crate) fn short() -> bool {
    env::args().any(|argument| argument == "--short")
}
