//! The timeline as text, for a terminal: at most 100 columns.

use std::iter;
use std::time::Duration;

use tower_outbound_auth::exchange::Reason;

use super::lanes::{Labels, rows, step, summary, words};
use super::model::{Answer, Fate, Outcome, Timeline};

/// The columns of the time axis.
const WIDTH: usize = 86;
/// The columns of the names of the lanes.
const NAME: usize = 13;

pub(crate) fn draw(timeline: &Timeline, labels: &Labels<'_>) -> String {
    let column = |time: Duration| {
        let part = time.as_secs_f64() / timeline.end.as_secs_f64().max(1e-3);
        ((part * WIDTH as f64) as usize).min(WIDTH - 1)
    };
    let mut lanes = Vec::new();
    for (time, what) in &timeline.marks {
        let mut lane = Lane::new("");
        lane.text(column(*time), &format!("▼ {what}"));
        lanes.push(lane);
    }
    lanes.extend(tokens(timeline, &column));
    lanes.push(exchanges(timeline, &column));
    lanes.extend(requests(timeline, &column));
    lanes.push(axis(timeline, &column));

    let mut text = String::new();
    for part in summary(timeline, labels).split(" | ") {
        text += &wrapped(part);
    }
    lanes.iter().for_each(|lane| text += &lane.line());
    text + &legend(timeline)
}

fn tokens(timeline: &Timeline, column: &impl Fn(Duration) -> usize) -> Vec<Lane> {
    let rows = rows(timeline);
    let mut lanes: Vec<Lane> = (0..rows.iter().max().map_or(1, |last| last + 1))
        .map(|row| Lane::new(if row == 0 { "tokens" } else { "" }))
        .collect();
    for (life, row) in timeline.lives.iter().zip(rows) {
        let lane = &mut lanes[row];
        let (begins, ends) = (column(life.begins), column(life.ends));
        if let Some(expires) = life.expires {
            let rest = if life.fate == Fate::Refused { '×' } else { '░' };
            lane.fill(ends, column(expires.min(timeline.end)) + 1, rest);
        }
        lane.fill(begins, ends.max(begins + 1), '█');
        let name = match life.first == life.last {
            true => life.first.to_string(),
            false => format!("{}..{}", life.first, life.last),
        };
        if name.len() <= (ends - begins).max(1) {
            lane.text(begins, &name);
        }
    }
    lanes
}

fn exchanges(timeline: &Timeline, column: &impl Fn(Duration) -> usize) -> Lane {
    let mut lane = Lane::new("exchanges");
    for exchange in &timeline.exchanges {
        let (begins, ends) = (column(exchange.begins), column(exchange.ends));
        lane.fill(begins, ends, '─');
        let letter = match exchange.outcome {
            Outcome::Failure => 'x',
            _ => words(exchange.reason).0,
        };
        lane.fill(begins, begins + 1, letter);
    }
    lane
}

fn requests(timeline: &Timeline, column: &impl Fn(Duration) -> usize) -> Vec<Lane> {
    let [mut all, mut waiting] = [[0; WIDTH]; 2];
    for request in &timeline.requests {
        let (begins, ends) = (column(request.begins), column(request.ends));
        all[begins] += 1;
        if request.waited_for.is_some() {
            waiting[begins..=ends].iter_mut().for_each(|count| *count += 1);
        }
    }
    let of = |answer| {
        let mut counts = [0; WIDTH];
        let its = timeline.requests.iter().filter(|it| it.answer == answer);
        its.for_each(|it| counts[column(it.begins)] += 1);
        counts
    };
    let more = [
        ("  waiting", waiting),
        ("  sent again", of(Answer::SentAgain)),
        ("  refused", of(Answer::Refused)),
        ("  failed", of(Answer::Failed)),
    ];
    let more = more.iter().filter(|(_, counts)| counts.iter().any(|count| *count > 0));
    iter::once(&("requests", all)).chain(more).map(|(name, counts)| bars(name, counts)).collect()
}

/// A bar for each column; the largest count is the highest bar.
fn bars(name: &'static str, counts: &[usize; WIDTH]) -> Lane {
    let heights: Vec<char> = "▁▂▃▄▅▆▇█".chars().collect();
    let most = counts.iter().max().copied().unwrap_or(0).max(1);
    let mut lane = Lane::new(name);
    for (at, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        // By its root, because a start with many callers would hide all later requests.
        let height = (*count as f64 / most as f64).sqrt() * heights.len() as f64;
        lane.fill(at, at + 1, heights[height.ceil() as usize - 1]);
    }
    lane
}

fn axis(timeline: &Timeline, column: &impl Fn(Duration) -> usize) -> Lane {
    let mut lane = Lane::new("seconds");
    let step = step(timeline.end);
    for second in (0..=timeline.end.as_secs()).step_by(step as usize) {
        let (from, number) = (column(Duration::from_secs(second)), second.to_string());
        if from + number.len() <= WIDTH {
            lane.text(from, &number);
        }
    }
    lane
}

fn legend(timeline: &Timeline) -> String {
    let has = |reason: &&Reason| timeline.exchanges.iter().any(|it| it.reason == **reason);
    let reasons = Reason::ALL.iter().filter(has).map(|reason| words(*reason));
    let mut parts = vec!["█ in use".to_owned(), "░ rest of life".to_owned()];
    if timeline.lives.iter().any(|life| life.fate == Fate::Refused && life.expires.is_some()) {
        parts.push("× refused".to_owned());
    }
    parts.extend(reasons.map(|(letter, word, _)| format!("{letter} {word}")));
    if timeline.exchanges.iter().any(|it| it.outcome == Outcome::Failure) {
        parts.push("x failed".to_owned());
    }
    parts.push("▁▄█ few to many".to_owned());
    wrapped(&parts.join("  "))
}

/// Lines of at most 99 columns, broken at spaces.
fn wrapped(text: &str) -> String {
    let (mut lines, mut column) = (String::new(), 0);
    for (number, word) in text.split(' ').enumerate() {
        let word: String = word.chars().take(NAME + WIDTH).collect();
        let length = word.chars().count();
        let space = if number == 0 { "" } else { " " };
        let fits = column + space.len() + length <= NAME + WIDTH;
        lines += if fits { space } else { "\n" };
        column = if fits { column + space.len() + length } else { length };
        lines += &word;
    }
    lines + "\n"
}

struct Lane {
    name: &'static str,
    cells: [char; WIDTH],
}

impl Lane {
    fn new(name: &'static str) -> Lane {
        Lane { name, cells: [' '; WIDTH] }
    }

    fn fill(&mut self, from: usize, to: usize, with: char) {
        self.cells[from.min(WIDTH)..to.clamp(from.min(WIDTH), WIDTH)].fill(with);
    }

    /// Moves the text to the left if there is no place for it.
    fn text(&mut self, from: usize, text: &str) {
        let from = from.min(WIDTH.saturating_sub(text.chars().count()));
        self.cells[from..].iter_mut().zip(text.chars()).for_each(|(cell, char)| *cell = char);
    }

    fn line(&self) -> String {
        let cells: String = self.cells.iter().collect();
        let line = format!("{:<NAME$}{cells}", self.name);
        format!("{}\n", line.trim_end())
    }
}
