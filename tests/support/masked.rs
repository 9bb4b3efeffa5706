//! A report of the doctor, without what is different in each run: ports, times, and the folder of the secrets.

/// As in the doctor, so that a masked report looks like one.
const WIDTH: usize = 96;
const INDENT: usize = 9;

/// The report with `PORT` for each port and `N ms` for each time. `folder` is where the secrets are.
pub(crate) fn masked(report: &str, folder: &str) -> String {
    let indent = " ".repeat(INDENT);
    // The length of a port changes where a line breaks. So lines are joined first, and broken again at the end.
    let joined = report.replace(&format!("\n{indent}"), " ");
    let joined = joined.replace(folder, "/run/secrets");
    let joined = digits_after(&joined, "127.0.0.1:", "PORT");
    let joined = digits_after(&joined, "localhost:", "PORT");
    let joined = digits_after(&joined, "os error ", "N");
    let lines: Vec<String> = joined.lines().map(|line| broken(&without_time(line))).collect();
    lines.join("\n") + "\n"
}

fn digits_after(text: &str, before: &str, mask: &str) -> String {
    let mut parts = text.split(before);
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        masked.extend([before, if rest.len() < part.len() { mask } else { "" }, rest]);
    }
    masked
}

/// `in 12 ms` becomes `in N ms`.
fn without_time(line: &str) -> String {
    match line.strip_suffix(" ms").and_then(|line| line.rsplit_once(" in ")) {
        Some((before, _)) => format!("{before} in N ms"),
        None => line.to_owned(),
    }
}

fn broken(line: &str) -> String {
    let is_finding = ["  ok     ", "  note   ", "  wrong  "].iter().any(|it| line.starts_with(it));
    if !is_finding {
        return line.to_owned();
    }
    let (mut text, mut column) = (line[..INDENT].to_owned(), INDENT);
    for (number, word) in line[INDENT..].split_whitespace().enumerate() {
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
    text
}
