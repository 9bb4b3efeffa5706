//! The table, and the files that contain it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::field::{self, Figures, Kind};
use crate::{chart, machine};

/// The program writes the part of the README between these marks.
const BEGIN: &str = "<!-- what follows was written by the program -->\n";
const END: &str = "<!-- the end of it -->\n";

/// Measures all rows, prints the table, and writes it into the README and, as a chart, into
/// `docs/field.svg`.
pub fn run() {
    let machine = machine::machine();
    let Some(mut rows) = field::measure() else { return };
    rows.sort_by(|a, b| a.one.total_cmp(&b.one));
    let table = table(&rows);
    print!("{table}");
    let captions = [machine, machine::compiler_and_day(), machine::versions()];
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = here.join("README.md");
    let text = fs::read_to_string(&readme).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the mark where the table begins");
    let (_, after) = rest.split_once(END).expect("the mark where it ends");
    let captions_as_list: String = captions.iter().map(|line| format!("- {line}\n")).collect();
    let text = format!("{before}{BEGIN}\n{captions_as_list}\n{table}\n{END}{after}");
    fs::write(&readme, text).unwrap();
    fs::write(here.join("../../docs/field.svg"), chart::draw(&rows, &captions)).unwrap();
    eprintln!("written: benches/peers/README.md, docs/field.svg");
}

/// In Markdown, the fastest first.
fn table(rows: &[Figures]) -> String {
    let of = |name| rows.iter().find(|row| row.name == name).expect("a row of that name");
    let (c1, c2, full) = (of("c1"), of("c2"), of("full"));
    let mut table =
        "| | 1T ns | × C1 | × C2 | × full | 2T ns | × full | 2T/1T | instr | allocs |\n\
                     |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
            .to_owned();
    for row in rows {
        let (one, two) = (row.one, row.two);
        let count =
            |count: Option<f64>| count.map_or("–".to_owned(), |count| format!("{count:.0}"));
        writeln!(
            table,
            "| {} | {one:.0} | {:.2} | {:.2} | {:.2} | {two:.0} | {:.2} | {:.2} | {} | {} |",
            label(row),
            one / c1.one,
            one / c2.one,
            one / full.one,
            two / full.two,
            two / one,
            count(row.instructions),
            count(row.allocations),
        )
        .unwrap();
    }
    table
}

/// A row's name for readers who do not know the benches.
pub(crate) fn label(row: &Figures) -> String {
    match (row.kind, row.name) {
        (Kind::Ours, name) => format!("**this crate**: {name}"),
        (_, "c1") => "C1: tower-http, one fixed value".to_owned(),
        (_, "c2") => "C2: C1 and a look at the status".to_owned(),
        (_, "c3") => "C3: tower::retry, no auth".to_owned(),
        (_, name) => name.to_owned(),
    }
}
