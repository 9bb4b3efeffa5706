//! The alerts, the runbook and the dashboard of `docs/operating`.
//!
//! This program plays each fault of the runbook against the embedded servers, on a manual clock, and records the metrics every
//! 15 s. It writes a test for `promtool` for each fault: the recorded metrics, and what the tables of the runbook promise.
//! `docs/operating/check` runs these tests. The program itself compares all names with the catalogue of the manual.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod exporter;
#[path = "../support/failing_store.rs"]
mod failing_store;
mod faults;
mod names;
mod promtool;
mod runbook;
mod world;

use std::fs;
use std::path::Path;

use self::exporter::Recording;
use self::faults::FAULTS;
use self::runbook::Runbook;

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Where `docs/operating/check` looks for the tests.
fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("alerts")
}

#[test]
fn each_fault_of_the_runbook_is_played_and_recorded_for_promtool() {
    let runbook = Runbook::parse(&page("runbook.md"));
    let played: Vec<_> = FAULTS.iter().map(|fault| fault.name).collect();
    assert_eq!(runbook.faults(), played, "the first table of the runbook");
    let _ = fs::remove_dir_all(folder());
    fs::create_dir_all(folder()).unwrap();
    for fault in FAULTS {
        let recording = fault.record();
        let series: Vec<_> = recording.series().keys().collect();
        assert!(series.len() > 10, "{}: {series:?}", fault.name);
        let shows_the_secret = |it: &&&String| it.contains(world::SECRET);
        assert_eq!(series.iter().find(shows_the_secret), None, "{}", fault.name);
        fs::write(folder().join(fault.file()), promtool::test(fault, &recording, &runbook))
            .unwrap();
    }
    let queries = names::sent_by_the_dashboard();
    fs::write(folder().join("dashboard.yml"), promtool::parses(&queries)).unwrap();
}

#[test]
fn a_recording_is_the_same_each_time() {
    let may_race = ["hung_endpoint", "rotated_secret", "dead_login"];
    for fault in FAULTS.iter().filter(|it| may_race.contains(&it.name)) {
        let [first, second]: [Recording; 2] = [fault.record(), fault.record()];
        assert_eq!(first.series(), second.series(), "{}", fault.name);
    }
}
