//! The tables of the runbook.

use std::collections::BTreeSet;

/// What the runbook promises.
pub(crate) struct Runbook {
    faults: Vec<(String, BTreeSet<String>)>,
    answers: Vec<Answered>,
}

/// A query, and what it answers.
pub(crate) struct Answered {
    fault: String,
    /// In minutes since the start of the recording.
    pub(crate) minute: u64,
    pub(crate) query: String,
    /// The labels and the value of each sample.
    pub(crate) samples: Vec<(String, String)>,
}

impl Runbook {
    pub(crate) fn parse(text: &str) -> Runbook {
        let (mut faults, mut answers) = (Vec::new(), Vec::new());
        for row in text.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            match cells[..] {
                [fault, _, alerts] => {
                    faults.push((code(fault).remove(0), code(alerts).into_iter().collect()));
                }
                [fault, minute, _, query, answer] => answers.push(Answered {
                    fault: code(fault).remove(0),
                    minute: minute.parse().expect("a minute"),
                    query: code(query).remove(0),
                    samples: code(answer).iter().map(|it| sample(it)).collect(),
                }),
                _ => {}
            }
        }
        Runbook { faults, answers }
    }

    pub(crate) fn faults(&self) -> Vec<&str> {
        self.faults.iter().map(|(name, _)| &**name).collect()
    }

    /// The alerts of a fault, each with its label `credential`, if it has one.
    pub(crate) fn alerts(&self, fault: &str) -> impl Iterator<Item = String> {
        let (_, alerts) = self.faults.iter().find(|(name, _)| name == fault).expect("a fault");
        alerts.iter().map(|alert| match alert.split_once('{') {
            Some((name, labels)) => format!(r#"{{alertname="{name}",{labels}"#),
            None => format!(r#"{{alertname="{alert}"}}"#),
        })
    }

    pub(crate) fn answers(&self, fault: &str) -> impl Iterator<Item = &Answered> {
        self.answers.iter().filter(move |it| it.fault == fault)
    }
}

/// The texts in backticks.
pub(crate) fn code(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// `{outcome="ok"} 7`
fn sample(text: &str) -> (String, String) {
    let (labels, value) = text.rsplit_once(' ').expect("labels and a value");
    (labels.to_owned(), value.to_owned())
}
