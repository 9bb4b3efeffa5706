//! Rules, runbook and dashboard use the names of the catalogue in `manual::operating`, and no others.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tower_outbound_auth::Recovery;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::token::StoreOutcome;

use crate::page;
use crate::runbook::{Runbook, Sample, code};

const PREFIX: &str = "outbound_auth_";

/// The three questions of an operator: the rows of the dashboard.
const QUESTIONS: [&str; 3] = [
    "Can my callers get a token?",
    "If not, whose fault is it, and when is the next try?",
    "What did the last hour cost?",
];

/// The metrics of the manual, with their labels. A histogram has two series that every exporter makes.
fn catalogue() -> BTreeMap<String, BTreeSet<String>> {
    let manual = include_str!("../../src/manual/operating.rs");
    let mut found = BTreeMap::new();
    for row in manual.lines().filter_map(|line| line.strip_prefix("//! | `outbound_auth_")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [name, kind, labels, ..] = cells[..] else { panic!("{row}") };
        let labels = ["system", "source"].into_iter().map(str::to_owned).chain(code(labels));
        let (name, labels) = (name.trim_matches('`'), labels.collect::<BTreeSet<_>>());
        let suffixes = if kind == "histogram" { &["_count", "_sum", ""][..] } else { &[""] };
        for suffix in suffixes {
            found.insert(format!("{PREFIX}{name}{suffix}"), labels.clone());
        }
    }
    found
}

/// The queries of the dashboard.
fn dashboard() -> (Value, Vec<String>) {
    let dashboard: Value = serde_json::from_str(&page("dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let queries = targets.map(|it| it["expr"].as_str().unwrap().to_owned()).collect();
    (dashboard, queries)
}

/// The queries of the dashboard, as Grafana sends them.
pub(crate) fn sent_by_the_dashboard() -> Vec<String> {
    let (_, queries) = dashboard();
    let sent = |it: &String| it.replace("$source", ".*").replace("$__rate_interval", "1m");
    queries.iter().map(sent).collect()
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// The metrics of a query, each with its selectors: a label and a value.
fn metrics(query: &str) -> Vec<(&str, Vec<(&str, &str)>)> {
    let uses = query.match_indices(PREFIX).map(|(at, _)| {
        let name = word(&query[at..]);
        let mut rest = query[at + name.len()..].strip_prefix('{').unwrap_or("");
        let mut selectors = Vec::new();
        while !word(rest.trim_start()).is_empty() {
            let label = word(rest.trim_start());
            let (_, value) = rest.split_once('"').expect("a value");
            let (value, after) = value.split_once('"').expect("its end");
            selectors.push((label, value));
            rest = after.strip_prefix(',').unwrap_or("");
        }
        (name, selectors)
    });
    uses.collect()
}

/// The labels after `by` and `without`.
fn grouped(query: &str) -> Vec<&str> {
    let lists = [" by (", " without ("].into_iter().flat_map(|it| query.split(it).skip(1));
    lists.flat_map(|it| it.split(')').next().unwrap().split(',')).map(str::trim).collect()
}

fn assert_known(queries: &[String]) {
    let catalogue = catalogue();
    let all: BTreeSet<_> = catalogue.values().flatten().map(String::as_str).collect();
    let mut values: BTreeSet<&str> = ["ok"].into();
    values.extend(
        [StoreOutcome::Unreachable, StoreOutcome::Configuration, StoreOutcome::GaveUp]
            .map(StoreOutcome::as_str),
    );
    values.extend([ExchangeErrorKind::Refused].map(ExchangeErrorKind::as_str));
    values.extend([Recovery::RenewalFailed].map(Recovery::as_str));
    for query in queries {
        for (name, selectors) in metrics(query) {
            let labels = catalogue.get(name).unwrap_or_else(|| panic!("no metric {name}: {query}"));
            for (label, value) in selectors {
                assert!(labels.contains(label), "{name} has no label {label}: {query}");
                let known = |it: &str| it == "$source" || values.contains(it);
                assert!(value.split('|').all(known), "{label} is never {value}: {query}");
            }
        }
        for label in grouped(query) {
            assert!(all.contains(label), "there is no label {label}: {query}");
        }
    }
}

#[test]
fn the_rules_and_the_runbook_use_metrics_and_labels_of_the_manual() {
    let rules = page("alerts.yml");
    let rules: Vec<_> = rules.lines().filter(|it| !it.contains('#')).map(str::to_owned).collect();
    assert!(rules.iter().filter(|line| line.contains(PREFIX)).count() >= 6);
    assert_known(&rules);
    let runbook = page("runbook.md");
    let queries = runbook.lines().flat_map(code).filter(|it| it.contains(PREFIX));
    assert_known(&queries.collect::<Vec<_>>());
}

#[test]
fn the_dashboard_asks_the_three_questions_and_shows_each_metric_of_the_manual_by_source() {
    let (dashboard, queries) = dashboard();
    assert_known(&queries);
    let panels = dashboard["panels"].as_array().unwrap();
    let rows = panels.iter().filter(|panel| panel["type"] == "row");
    assert_eq!(rows.map(|row| &row["title"]).collect::<Vec<_>>(), QUESTIONS);
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    for query in &queries {
        for (name, selectors) in metrics(query) {
            assert!(selectors.contains(&("source", "$source")), "{name}: {query}");
        }
    }
    let shown: String = queries.concat();
    let names = catalogue().into_keys().filter(|it| !it.ends_with("_duration_seconds"));
    let missing: Vec<_> = names.filter(|name| !shown.contains(&**name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for panel in panels {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let (query, legend) =
                (target["expr"].as_str().unwrap(), target["legendFormat"].as_str());
            let labels =
                legend.unwrap().split("{{").skip(1).map(|it| it.split("}}").next().unwrap());
            for label in labels {
                assert!(grouped(query).contains(&label), "{label} is not in the result of {query}");
            }
        }
    }
}

#[test]
fn each_alert_has_a_section_in_the_runbook_and_a_fault_that_fires_it() {
    let (rules, runbook) = (page("alerts.yml"), page("runbook.md"));
    let rules: Vec<_> = rules.split("- alert: ").skip(1).collect();
    let mut names: BTreeSet<_> = BTreeSet::new();
    for rule in &rules {
        let name = word(rule);
        names.insert(name.to_owned());
        let link = format!("runbook_url: docs/operating/runbook.md#{}\n", name.to_lowercase());
        assert!(rule.contains(&link), "{link} is missing");
        for line in ["severity: ", "summary: ", "description: "] {
            assert!(rule.contains(line), "{name} has no {line}");
        }
        let severity = rule.split("severity: ").nth(1).map(word).unwrap();
        let title = match severity {
            "page" => "**Page.**",
            "warn" => "**Warn.**",
            other => panic!("{name}: {other}"),
        };
        assert!(runbook.contains(&format!("### {name}\n\n{title}")), "{name}: {title}");
    }
    let tables = Runbook::parse(&runbook);
    let fired = tables.faults().into_iter().flat_map(|fault| tables.alerts(fault));
    let name = |(labels, _): &Sample| labels.split('"').nth(1).unwrap().to_owned();
    let fired: BTreeSet<_> = fired.map(name).collect();
    assert_eq!(names, fired);
}
