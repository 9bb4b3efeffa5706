//! The tables of the runbook.

/// What the runbook promises.
pub(crate) struct Runbook {
    faults: Vec<(String, Vec<Sample>)>,
    answers: Vec<Answered>,
}

/// The labels and the value.
pub(crate) type Sample = (String, String);

/// A query, and what it answers.
pub(crate) struct Answered {
    fault: String,
    /// In minutes since the start of the recording.
    pub(crate) minute: u64,
    pub(crate) query: String,
    pub(crate) samples: Vec<Sample>,
}

impl Runbook {
    pub(crate) fn parse(text: &str) -> Runbook {
        let (mut faults, mut answers) = (Vec::new(), Vec::new());
        for row in text.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            match cells[..] {
                [fault, _, fires] => {
                    faults.push((code(fault).remove(0), alerts(fires)));
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

    /// The alerts of a fault, with the seconds from its beginning to their first firing.
    pub(crate) fn alerts(&self, fault: &str) -> &[Sample] {
        let (_, alerts) = self.faults.iter().find(|(name, _)| name == fault).expect("a fault");
        alerts
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
fn sample(text: &str) -> Sample {
    let (labels, value) = text.rsplit_once(' ').expect("labels and a value");
    (labels.to_owned(), value.to_owned())
}

/// `` `Name{credential="file"}` after 75 s, `OtherName` after 90 s ``
fn alerts(cell: &str) -> Vec<Sample> {
    let alert = |(name, text): (&str, &str)| {
        let seconds = text.strip_prefix(" after ").and_then(|it| it.split(' ').next());
        let (name, labels) = name.trim_end_matches('}').split_once('{').unwrap_or((name, ""));
        (format!(r#"{{alertname="{name}",{labels}}}"#), seconds.expect("the seconds").to_owned())
    };
    let parts: Vec<_> = cell.split('`').skip(1).collect();
    parts.chunks_exact(2).map(|it| (it[0], it[1])).map(alert).collect()
}
