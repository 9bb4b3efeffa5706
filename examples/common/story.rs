//! The frame of an example: the progress while it runs, and at its end tables, the timeline, and what to try next.

use std::io::{IsTerminal, Write, stdout};
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::interval;
use tower_outbound_auth::clock::SystemClock;
use tower_outbound_auth::{BoxError, Recovery};

use super::table::Table;
use super::timeline::{Collector, Labels, Timeline, svg, text};

const TICK: Duration = Duration::from_millis(100);
const TICKS_PER_SECOND: u32 = 10;
const TICKS: u32 = 100;
const REVOCATION: u32 = 40;

#[derive(Clone)]
pub(crate) struct Story {
    labels: Labels<'static>,
    collector: Collector,
    svg: Option<PathBuf>,
}

impl Story {
    /// Reads the arguments of the program, and starts the recording.
    pub(crate) fn begin(title: &'static str, callers: &'static str) -> Result<Story, BoxError> {
        let mut arguments = std::env::args_os().skip(1);
        let svg = match (arguments.next(), arguments.next(), arguments.next()) {
            (None, ..) => None,
            (Some(flag), Some(file), None) if flag == "--svg" => Some(PathBuf::from(file)),
            _ => {
                return Err(
                    "the only argument is `--svg FILE`, which draws the timeline into FILE".into(),
                );
            }
        };
        let collector = Collector::new(SystemClock::new());
        println!("{title}\n");
        Ok(Story { labels: Labels { title, callers }, collector, svg })
    }

    /// For the source of the example: it tells the timeline what happens.
    pub(crate) fn observer(&self) -> Collector {
        self.collector.clone()
    }

    /// The time since the beginning.
    pub(crate) fn now(&self) -> Duration {
        self.collector.now()
    }

    /// A request that began at `began` has its answer. `ok`: a success.
    pub(crate) fn answered(
        &self,
        caller: u64,
        began: Duration,
        ok: bool,
        recovery: Option<Recovery>,
    ) {
        self.collector.answered(caller, began, ok, recovery);
    }

    /// Ten seconds of progress, with a revocation after four. `so_far` says what has happened.
    pub(crate) async fn ten_seconds(&self, revoke: impl Fn(), so_far: impl Fn() -> String) {
        let mut ticks = interval(TICK);
        ticks.tick().await; // the first one is at once
        for tick in 1..=TICKS {
            ticks.tick().await;
            if tick == REVOCATION {
                revoke();
                self.collector.mark("all tokens are revoked");
            }
            let revoked = if tick < REVOCATION { "" } else { "; revoked at 4 s" };
            progress(tick, &(so_far() + revoked));
        }
    }

    /// A caller has something to say. It does not stand in the line of the progress.
    pub(crate) fn complain(&self, what: &str) {
        let clear = if stdout().is_terminal() { "\r\x1b[K" } else { "" };
        eprintln!("{clear}{what}");
    }

    pub(crate) fn timeline(&self) -> Timeline {
        self.collector.timeline()
    }

    /// Prints the tables, the timeline, and what to try next. Draws the SVG if a file was given.
    pub(crate) fn end(&self, tables: &[Table], next: &str) -> Result<(), BoxError> {
        println!("{}", if stdout().is_terminal() { "\n" } else { "" });
        tables.iter().for_each(Table::print);
        let timeline = self.timeline();
        println!("{}", text::draw(&timeline, &self.labels));
        if let Some(file) = &self.svg {
            let svg = svg::draw(&timeline, &self.labels);
            std::fs::write(file, svg).map_err(|error| format!("{}: {error}", file.display()))?;
            println!("The timeline is drawn in {}.", file.display());
        }
        println!("Next: {next}");
        Ok(())
    }
}

/// On a terminal, rewrites the line. Elsewhere prints a line each second.
fn progress(tick: u32, what: &str) {
    let (second, tenth) = (tick / TICKS_PER_SECOND, tick % TICKS_PER_SECOND);
    if stdout().is_terminal() {
        let done = "#".repeat(second as usize);
        print!("\r[{done:<10}] {second:>2}.{tenth} s: {what}\x1b[K");
        let _ = stdout().flush(); // the run does not depend on it
    } else if tenth == 0 {
        println!("{second:>2} s: {what}");
    }
}
