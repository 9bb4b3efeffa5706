//! A test for `promtool test rules`.

use std::fmt::Write;
use std::path::Path;

use crate::exporter::{Recording, SCRAPE_INTERVAL};
use crate::faults::{BEGIN, Fault};
use crate::runbook::Runbook;

/// That these alerts fire at these times, and no others; that none fires at the end, if the fault is over; and what the runbook answers.
pub(crate) fn test(fault: &Fault, recording: &Recording, runbook: &Runbook) -> String {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating/alerts.yml");
    let end = recording.end();
    let mut text = format!(
        "rule_files: ['{}']\nevaluation_interval: {SCRAPE_INTERVAL}s\ntests:\n- interval: {SCRAPE_INTERVAL}s\n  name: {}\n  input_series:\n",
        rules.display(),
        fault.name,
    );
    for (series, values) in recording.series() {
        let _ = writeln!(text, "  - series: '{series}'\n    values: '{}'", written(values));
    }
    text += "  promql_expr_test:\n";
    let first = format!(
        r#"min by (alertname, credential) (min_over_time(timestamp(ALERTS{{alertstate="firing"}})[{}s:{SCRAPE_INTERVAL}s])) - {BEGIN}"#,
        end + 1
    );
    expect(&mut text, &first, end, runbook.alerts(fault.name));
    if fault.is_over {
        expect(&mut text, r#"ALERTS{alertstate="firing"}"#, end, &[]);
    }
    for answered in runbook.answers(fault.name) {
        expect(&mut text, &answered.query, answered.minute * 60, &answered.samples);
    }
    text
}

/// Whether these queries can be read: each gives 1, whatever the metrics.
pub(crate) fn parses(queries: &[String]) -> String {
    let mut text = "tests:\n- name: dashboard\n  promql_expr_test:\n".to_owned();
    for query in queries {
        let one = format!("group({query}) or vector(1)");
        expect(&mut text, &one, 0, &[("{}".to_owned(), "1".to_owned())]);
    }
    text
}

fn expect(text: &mut String, query: &str, at: u64, samples: &[(String, String)]) {
    let _ = writeln!(text, "  - expr: '{query}'\n    eval_time: {at}s\n    exp_samples:");
    if samples.is_empty() {
        *text = text.trim_end().to_owned() + " []\n";
    }
    for (labels, value) in samples {
        let _ = writeln!(text, "    - labels: '{labels}'\n      value: {value}");
    }
}

/// In the notation of promtool: `_` for no value, and `7+0x3` for four times the same value.
fn written(values: &[Option<f64>]) -> String {
    let runs = values.chunk_by(|one, other| one == other);
    let runs = runs.map(|run| match run[0] {
        Some(value) => format!("{value}+0x{}", run.len() - 1),
        None => format!("_x{}", run.len()),
    });
    runs.collect::<Vec<_>>().join(" ")
}
