//! The section "One outage, as you see it" of the manual is what a run gives. `OUTAGE_WRITE=1` writes it anew.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "../support/log.rs"]
mod log;
mod page;
#[path = "../observer/recorder.rs"]
mod recorder;
mod run;
#[path = "../../examples/common/timeline/mod.rs"]
mod timeline;

use std::path::Path;
use std::sync::LazyLock;

use self::run::Run;
use self::timeline::model::{Answer, Outcome};

static RUN: LazyLock<Run> = LazyLock::new(run::run);

const MANUAL: &str = "src/manual/operating.rs";
const PICTURE: &str = "docs/outage.svg";

/// Compares a file of the repository with what it must be, or writes it.
fn check(file: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("OUTAGE_WRITE").is_some() {
        return std::fs::write(path, expected).unwrap();
    }
    let text = std::fs::read_to_string(path).unwrap();
    let different = text.lines().zip(expected.lines()).find(|(is, must_be)| is != must_be);
    assert!(text == expected, "{file} is not what a run gives (OUTAGE_WRITE=1): {different:#?}");
}

#[test]
fn the_blocks_in_the_manual_are_what_a_run_gives() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join(MANUAL);
    let manual = std::fs::read_to_string(manual).unwrap();
    check(MANUAL, &page::with_blocks(&manual, &RUN.blocks()));
}

#[test]
fn the_picture_of_the_outage_is_what_a_run_gives() {
    check(PICTURE, &RUN.svg);
}

#[test]
fn each_time_in_the_table_of_the_section_is_in_the_log_or_is_the_end_of_the_outage() {
    let manual = include_str!("../../src/manual/operating.rs");
    let times: Vec<_> = manual
        .lines()
        .filter_map(|line| line.strip_prefix("//! | 03:"))
        .map(|it| &it[..5])
        .collect();
    assert_eq!(times.len(), 5);
    for time in times {
        let time = format!("03:{time}");
        assert!(RUN.log.contains(&format!("{time}  ")) || time == "03:07:00", "{time}");
    }
}

/// What the section says besides.
#[test]
fn callers_get_errors_only_between_the_end_of_the_token_and_the_first_success() {
    let timeline = &RUN.timeline;
    let ended = timeline.lives[0].expires.unwrap();
    let again = timeline.lives[1].begins;
    let failed: Vec<_> =
        timeline.requests.iter().filter(|it| it.answer == Answer::Failed).collect();
    assert!(failed.len() > 60, "{}", failed.len());
    assert!(failed.iter().all(|it| ended <= it.begins && it.ends <= again), "{failed:?}");
    let failures = timeline.exchanges.iter().filter(|it| it.outcome == Outcome::Failure);
    assert!(failures.count() < 20, "a pause follows each failure");
    assert_eq!(RUN.exchanges, timeline.exchanges.len(), "the server counted the same");
}
