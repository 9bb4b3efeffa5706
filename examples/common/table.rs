//! A table for a terminal.

/// Rows with a label and one or more cells. Numbers stand on the right, words on the left.
pub(crate) struct Table {
    title: &'static str,
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    pub(crate) fn new(title: &'static str) -> Table {
        Table { title, rows: Vec::new() }
    }

    pub(crate) fn row(self, label: &str, value: impl ToString) -> Table {
        self.cells(label, [value])
    }

    pub(crate) fn cells<const N: usize>(mut self, label: &str, cells: [impl ToString; N]) -> Table {
        self.rows.push((label.to_owned(), cells.map(|cell| cell.to_string()).into()));
        self
    }

    pub(crate) fn print(&self) {
        let widest = |texts: &mut dyn Iterator<Item = &String>| {
            texts.map(|text| text.chars().count()).max().unwrap_or(0)
        };
        let label = widest(&mut self.rows.iter().map(|(label, _)| label));
        let cell = widest(&mut self.rows.iter().flat_map(|(_, cells)| cells));
        let has_words = |text: &String| text.chars().count() > 12;
        let words = self.rows.iter().flat_map(|(_, cells)| cells).any(has_words);
        println!("{}", self.title);
        for (its, cells) in &self.rows {
            print!("  {its:<label$}");
            for text in cells {
                if words { print!("  {text}") } else { print!("  {text:>cell$}") }
            }
            println!();
        }
        println!();
    }
}
