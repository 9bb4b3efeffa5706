//! The timeline as an SVG, for a page in light or dark mode. It has no script and needs no font of its own.

use std::time::Duration;

use tower_outbound_auth::exchange::Reason;

use super::lanes::{Labels, callers, names, renewed_from, rows, step, summary, words};
use super::legend;
use super::model::{Answer, Exchange, Fate, Outcome, Request, Timeline};
use super::pen::{DOT, Marks, escape, line, rect, text, wide};

const WIDTH: f64 = 960.0;
/// The edges of the lanes.
const LEFT: f64 = 118.0;
const RIGHT: f64 = 944.0;
/// From an edge to the axis.
const MARGIN: f64 = 6.0;
const TOP: f64 = 92.0;
/// The height of a row of tokens.
const ROW: f64 = 24.0;
const GAP: f64 = 10.0;
const STYLE: &str = include_str!("style.css");

pub(crate) fn draw(timeline: &Timeline, labels: &Labels<'_>) -> String {
    let mut picture = Picture { body: String::new(), end: timeline.end.as_secs_f64().max(1e-3) };
    let rows = rows(timeline);
    let tokens = ROW * rows.iter().max().map_or(1.0, |last| (last + 1) as f64) + 8.0;
    let exchanges = TOP + tokens + GAP;
    let requests = exchanges + ROW + 8.0 + GAP;
    let callers: Vec<u64> = callers(timeline).into_iter().collect();
    let pitch = (200.0 / callers.len().max(1) as f64).clamp(2.0, 12.0);
    // More callers than rows: neighbours share a row.
    let shared = callers.len().div_ceil(60).max(1);
    let request_rows = callers.len().div_ceil(shared).max(1) as f64;
    let bottom = requests + request_rows * pitch + 12.0;

    picture.lane("tokens", "", TOP, exchanges - GAP);
    picture.lane("exchanges", "", exchanges, requests - GAP);
    picture.lane("requests", &format!("{} {}", callers.len(), labels.callers), requests, bottom);
    picture.axis(step(timeline.end), bottom);
    picture.tokens(timeline, &rows);
    picture.exchanges(&timeline.exchanges, exchanges + 4.0);
    let row_of = |request: &Request| callers.binary_search(&request.caller).unwrap_or(0) / shared;
    picture.requests(&timeline.requests, pitch, |it| {
        requests + 6.0 + (row_of(it) as f64 + 0.5) * pitch
    });
    for (time, what) in &timeline.marks {
        picture.mark(*time, what, bottom);
    }
    let (legend, height) = legend::draw(timeline, (16.0, WIDTH - 16.0), bottom + 46.0);

    let (title, summary) =
        (escape(labels.title), escape(&summary(timeline, labels).replace(" | ", " · ")));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" \
         aria-labelledby=\"title\">\n<style>\n{STYLE}</style>\n\
         <text class=\"title\" id=\"title\" x=\"16\" y=\"30\">{title}</text>\n\
         <text class=\"small\" x=\"16\" y=\"50\">{summary}</text>\n{}{legend}</svg>\n",
        picture.body
    )
}

struct Picture {
    body: String,
    /// In seconds.
    end: f64,
}

impl Picture {
    fn x(&self, time: Duration) -> f64 {
        let length = RIGHT - LEFT - 2.0 * MARGIN;
        LEFT + MARGIN + (time.as_secs_f64() / self.end).min(1.0) * length
    }

    fn lane(&mut self, name: &str, more: &str, top: f64, bottom: f64) {
        let (width, height) = (RIGHT - LEFT, bottom - top);
        self.body += &rect("lane", LEFT, top, width, height);
        let middle = if more.is_empty() { top + height / 2.0 + 4.0 } else { top + 20.0 };
        self.body += &text("name", 16.0, middle, name);
        if !more.is_empty() {
            self.body += &text("small", 16.0, middle + 16.0, more);
        }
    }

    fn axis(&mut self, step: u64, bottom: f64) {
        for second in (0..=self.end as u64).step_by(step as usize) {
            let x = self.x(Duration::from_secs(second));
            self.body += &line("grid", x, TOP, bottom);
            let unit = if second == 0 { " s" } else { "" };
            self.body += &text("small middle", x, bottom + 16.0, &format!("{second}{unit}"));
        }
    }

    fn tokens(&mut self, timeline: &Timeline, rows: &[usize]) {
        for (life, row) in timeline.lives.iter().zip(rows) {
            let y = TOP + 4.0 + ROW * *row as f64 + 2.0;
            let height = ROW - 4.0;
            let (begins, ends) = (self.x(life.begins), self.x(life.ends));
            if let Some(expires) = life.expires {
                let class = if life.fate == Fate::Refused { "lost" } else { "rest" };
                self.body += &rect(class, ends, y, self.x(expires) - ends, height);
            }
            self.body += &rect("token", begins, y, ends - begins, height);
            if let Some(from) = renewed_from(life, &timeline.exchanges) {
                self.body += &rect("renewed", self.x(from), y, ends - self.x(from), height);
            }
            if let Some(name) = names(life).iter().find(|it| wide(it) + 12.0 < ends - begins) {
                self.body += &text("on", begins + 6.0, y + 14.0, name);
            }
        }
    }

    /// A word beside each exchange, to its right or to its left, or else a letter, if there is room.
    fn exchanges(&mut self, exchanges: &[Exchange], top: f64) {
        let mut taken = LEFT; // up to here are bars and words
        for (at, exchange) in exchanges.iter().enumerate() {
            let (begins, ends) = (self.x(exchange.begins), self.x(exchange.ends));
            let ends = ends.max(begins + 3.0);
            self.body += &rect(class_of(exchange), begins, top + 3.0, ends - begins, ROW - 6.0);
            let next = exchanges.get(at + 1).map_or(RIGHT, |next| self.x(next.begins));
            let (letter, word, _) = words(exchange.reason);
            let cross = if exchange.outcome == Outcome::Failure { "✕ " } else { "" };
            let (word, letter) = (format!("{cross}{word}"), format!("{cross}{letter}"));
            let (right, left) = (ends + 4.0, begins - 4.0 - wide(&word));
            let fits = |name: &str| right + wide(name) + 4.0 < next;
            let place = match (fits(&word), left > taken + 4.0, fits(&letter)) {
                (true, ..) => Some((right, word)),
                (_, true, _) => Some((left, word)),
                (.., true) => Some((right, letter)),
                _ => None,
            };
            taken = taken.max(ends);
            if let Some((x, name)) = place {
                self.body += &text("small", x, top + 16.0, &name);
                taken = taken.max(x + wide(&name));
            }
        }
    }

    fn requests(&mut self, requests: &[Request], pitch: f64, y: impl Fn(&Request) -> f64) {
        // Of very many requests, those that are close together are one mark.
        let close = if requests.len() > 2_000 { 12.0 } else { 0.0 };
        let (line, dot) = (|| Marks::new(close, 2.0), || Marks::new(close, 0.1));
        let (mut marks, mut waits) = (line(), line());
        let (mut refused, mut again, mut failed) = (dot(), dot(), dot());
        let mut sorted: Vec<&Request> = requests.iter().collect();
        sorted.sort_by(|a, b| y(a).total_cmp(&y(b)).then(a.begins.cmp(&b.begins)));
        for request in sorted {
            let (y, begins, ends) = (y(request), self.x(request.begins), self.x(request.ends));
            let marks = if request.waited_for.is_some() { &mut waits } else { &mut marks };
            marks.add(y, begins, ends);
            match request.answer {
                Answer::AtOnce => {}
                Answer::SentAgain => {
                    refused.add(y, begins, begins);
                    again.add(y, ends, ends);
                }
                Answer::Refused => refused.add(y, begins, begins),
                Answer::Failed => failed.add(y, ends, ends),
            }
        }
        let thick = (pitch * 0.6).clamp(1.2, 5.0);
        self.body += &marks.path("mark", thick);
        self.body += &waits.path("wait", thick);
        self.body += &refused.path("refused", DOT);
        self.body += &again.path("again", DOT);
        self.body += &failed.path("failed", DOT);
    }

    fn mark(&mut self, time: Duration, what: &str, bottom: f64) {
        let x = self.x(time);
        self.body += &line("moment", x, TOP - 16.0, bottom);
        // To the left of the line if there is no room to the right of it.
        let from = if x + 6.0 + wide(what) < WIDTH { x + 6.0 } else { x - 6.0 - wide(what) };
        self.body += &text("marked", from, TOP - 8.0, what);
    }
}

pub(super) fn class_of(exchange: &Exchange) -> &'static str {
    match (exchange.outcome, exchange.reason) {
        (Outcome::Failure, _) => "failure",
        (_, Reason::RefreshAhead | Reason::Doubted) => "behind",
        (_, Reason::Refused) => "after",
        _ => "before",
    }
}
