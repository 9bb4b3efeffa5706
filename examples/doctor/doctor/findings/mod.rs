//! From facts to findings. It is pure: the same facts give the same findings.

mod answer;
mod api;
mod asked;
mod clock;
mod next;
mod provider;
mod token;

use std::time::Duration;

use super::facts::{Answer, Facts, Outcome};

/// What a finding means for the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// As it should be.
    Ok,
    /// It works, and is worth knowing.
    Note,
    /// Somebody has to correct it.
    Wrong,
}

/// One thing that the doctor has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) mark: Mark,
    pub(crate) text: String,
}

fn ok(text: impl Into<String>) -> Finding {
    Finding { mark: Mark::Ok, text: text.into() }
}

fn note(text: impl Into<String>) -> Finding {
    Finding { mark: Mark::Note, text: text.into() }
}

fn wrong(text: impl Into<String>) -> Finding {
    Finding { mark: Mark::Wrong, text: text.into() }
}

/// A heading, and the findings below it.
pub(crate) struct Section {
    pub(crate) heading: &'static str,
    pub(crate) findings: Vec<Finding>,
}

/// All findings, in a fixed order. A section without findings is left out.
pub(crate) fn all(facts: &Facts) -> Vec<Section> {
    let sections = [
        ("What was asked", asked::findings(facts)),
        ("What came", answer::findings(facts)),
        ("The token", token::findings(facts)),
        ("The clocks", clock::findings(facts)),
        ("The provider", provider::findings(facts)),
        ("The API", api::findings(facts)),
        ("What to do", next::findings(facts)),
    ];
    let sections = sections.into_iter().map(|(heading, findings)| Section { heading, findings });
    sections.filter(|it| !it.findings.is_empty()).collect()
}

/// Whether something has to be corrected.
pub(crate) fn is_wrong(sections: &[Section]) -> bool {
    count(sections, Mark::Wrong) > 0
}

/// The number of findings with this mark.
pub(crate) fn count(sections: &[Section], mark: Mark) -> usize {
    sections.iter().flat_map(|it| &it.findings).filter(|it| it.mark == mark).count()
}

/// The answer to the last request.
fn last_answer(facts: &Facts) -> Option<&Answer> {
    facts.requests.last()?.answer.as_ref()
}

fn has_token(facts: &Facts) -> bool {
    matches!(facts.outcome, Outcome::Token(_))
}

/// `1 h 30 min`, `54 min`, `90 s`. Two units at most.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (large, unit, small, small_unit) = match seconds {
        0..=119 => return format!("{seconds} s"),
        120..=3_599 => (seconds / 60, "min", seconds % 60, "s"),
        3_600..=172_799 => (seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => (seconds / 86_400, "days", seconds % 86_400 / 3_600, "h"),
    };
    match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {small_unit}"),
    }
}

#[test]
fn a_span_has_two_units_at_most() {
    let texts = [3, 119, 120, 3_240, 3_600, 5_430, 172_800, 273_600];
    let texts = texts.map(|seconds| span(Duration::from_secs(seconds)));
    assert_eq!(
        texts,
        ["3 s", "119 s", "2 min", "54 min", "1 h", "1 h 30 min", "2 days", "3 days 4 h"]
    );
}
