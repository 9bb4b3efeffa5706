//! The texts of the section, and their place in the manual.

use std::collections::BTreeSet;

const WIDTH: usize = 100;
const HEADING: &str = "//! # One outage, as you see it\n";

/// The page with these blocks in the section.
pub(crate) fn with_blocks(page: &str, blocks: &[String]) -> String {
    let (before, section) = page.split_once(HEADING).unwrap();
    let end = section.find("//! # ").unwrap();
    let (section, after) = section.split_at(end);
    let mut parts = section.split("//! ```");
    let mut written = before.to_owned() + HEADING + parts.next().unwrap();
    for block in blocks {
        assert!(parts.next().unwrap().starts_with("text\n"), "a block of text in the section");
        written += "//! ```text\n";
        for line in block.lines() {
            written += format!("//! {line}").trim_end();
            written += "\n";
        }
        written = written + "//! ```" + parts.next().unwrap();
    }
    assert!(parts.next().is_none(), "{} blocks", blocks.len());
    written + after
}

/// A line, or several that are short.
pub(crate) fn broken(line: &str) -> String {
    let mut lines = vec![String::new()];
    for word in line.split(' ') {
        let last = lines.last_mut().unwrap();
        if last.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("    {word}"));
        } else {
            *last += if last.is_empty() { "" } else { " " };
            *last += word;
        }
    }
    lines.join("\n") + "\n"
}

/// A table of the metrics. Those that are not there yet have no value.
pub(crate) fn metrics(times: &[String; 3], values: &[Vec<(String, String)>; 3]) -> String {
    let names: BTreeSet<&str> = values.iter().flatten().map(|(name, _)| name.as_str()).collect();
    let widest = names.iter().map(|name| name.len()).max().unwrap_or(0);
    let row = |name: &str, [first, second, third]: [&str; 3]| {
        format!("{name:<widest$}  {first:>8}  {second:>8}  {third:>8}\n")
    };
    let mut table = row("", times.each_ref().map(String::as_str));
    for name in names {
        let value = |moment: &Vec<(String, String)>| moment.iter().position(|it| it.0 == name);
        let values = values.each_ref().map(|it| value(it).map_or("", |at| &*it[at].1));
        table += &row(name, values);
    }
    table
}
