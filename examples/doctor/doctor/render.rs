//! From findings to text, for a terminal of 96 columns.

use super::facts::{Facts, Outcome};
use super::findings::{Finding, Mark, Section, count};
use super::plan::Plan;
use super::snippets;

const WIDTH: usize = 96;
/// The columns before a finding's text.
const INDENT: usize = 9;

/// The whole report.
pub(crate) fn report(sections: &[Section], facts: &Facts, plan: &Plan) -> String {
    let mut text = String::new();
    for section in sections {
        text.push_str(section.heading);
        text.push('\n');
        section.findings.iter().for_each(|it| finding(&mut text, it));
        text.push('\n');
    }
    let has_token = matches!(facts.outcome, Outcome::Token(_));
    text.push_str(&verdict(sections, has_token));
    if has_token {
        text.push_str(&snippets::to_use(plan, facts));
    }
    text
}

/// The report on a file that cannot be used.
pub(crate) fn bad_file(message: &str) -> String {
    let mut text = "The file\n".to_owned();
    finding(&mut text, &Finding { mark: Mark::Wrong, text: message.to_owned() });
    text.push_str("\nThe file is wrong. Nothing was asked.\n");
    text
}

fn verdict(sections: &[Section], has_token: bool) -> String {
    let notes = match count(sections, Mark::Note) {
        0 => String::new(),
        1 => " (1 note)".to_owned(),
        many => format!(" ({many} notes)"),
    };
    match (has_token, count(sections, Mark::Wrong)) {
        (true, 0) => format!("A token came, and nothing is wrong{notes}.\n"),
        (true, 1) => format!("A token came, but 1 thing is wrong{notes}.\n"),
        (true, many) => format!("A token came, but {many} things are wrong{notes}.\n"),
        (false, _) => format!("No token came{notes}.\n"),
    }
}

fn finding(text: &mut String, finding: &Finding) {
    let mark = match finding.mark {
        Mark::Ok => "ok",
        Mark::Note => "note",
        Mark::Wrong => "wrong",
    };
    text.push_str(&format!("  {mark:<width$}", width = INDENT - 2));
    let mut column = INDENT;
    for (number, word) in finding.text.split_whitespace().enumerate() {
        let length = word.chars().count();
        if number > 0 && column + 1 + length > WIDTH {
            text.push_str(&format!("\n{:INDENT$}", ""));
            column = INDENT;
        } else if number > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
}
