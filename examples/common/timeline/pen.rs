//! The elements of an SVG.

/// The diameter of a dot.
pub(super) const DOT: f64 = 5.2;

/// Not narrower than the text, in the widest of the usual fonts.
pub(super) fn wide(text: &str) -> f64 {
    text.chars().count() as f64 * 6.3
}

pub(super) fn rect(class: &str, x: f64, y: f64, width: f64, height: f64) -> String {
    if width <= 0.0 {
        return String::new();
    }
    let rest = format!("width=\"{width:.1}\" height=\"{height:.1}\"");
    format!("<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" {rest}/>\n")
}

pub(super) fn text(class: &str, x: f64, y: f64, what: &str) -> String {
    format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>\n", escape(what))
}

pub(super) fn line(class: &str, x: f64, from: f64, to: f64) -> String {
    format!("<path class=\"{class}\" d=\"M{x:.1} {from:.1}V{to:.1}\"/>\n")
}

/// XML's special characters as entities. Characters that XML forbids are left out.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars().filter(|it| !it.is_control() && !matches!(it, '\u{fffe}' | '\u{ffff}'))
    {
        match char {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            other => escaped.push(other),
        }
    }
    escaped
}

/// Horizontal lines, as the commands of one path.
pub(super) struct Marks {
    path: String,
    /// Marks that are closer than this are one.
    close: f64,
    shortest: f64,
    open: Option<(f64, f64, f64)>,
}

impl Marks {
    pub(super) fn new(close: f64, shortest: f64) -> Marks {
        Marks { path: String::new(), close, shortest, open: None }
    }

    /// Call it row by row, from left to right.
    pub(super) fn add(&mut self, y: f64, begins: f64, ends: f64) {
        let ends = ends.max(begins + self.shortest);
        match &mut self.open {
            Some((its, _, end)) if *its == y && begins < *end + self.close && self.close > 0.0 => {
                *end = end.max(ends);
            }
            _ => {
                self.close_mark();
                self.open = Some((y, begins, ends));
            }
        }
    }

    fn close_mark(&mut self) {
        if let Some((y, begins, ends)) = self.open.take() {
            self.path += &format!("M{begins:.1} {y:.1}h{:.1}", ends - begins);
        }
    }

    pub(super) fn path(mut self, class: &str, thick: f64) -> String {
        self.close_mark();
        match self.path.is_empty() {
            true => String::new(),
            false => format!(
                "<path class=\"{class}\" stroke-width=\"{thick:.1}\" d=\"{}\"/>\n",
                self.path
            ),
        }
    }
}
