//! The table as a bar chart: an SVG for light and dark backgrounds.

use std::fmt::Write as _;

use crate::field::{Figures, Kind};
use crate::report::label;

const WIDTH: f64 = 900.0;
const TOP: f64 = 84.0;
/// The height of a row, and of each of its two bars.
const ROW: f64 = 32.0;
const BAR: f64 = 11.0;
/// The left end of the bars, and the length of the longest.
const LEFT: f64 = 264.0;
const LONGEST: f64 = 570.0;

const STYLE: &str = "\
  <style>
    text { font: 12px system-ui, sans-serif; fill: #24292f }
    .title { font-size: 16px; font-weight: 600 }
    .small { font-size: 11px; fill: #57606a }
    .strong { font-weight: 600 }
    .floor { fill: #8c959f }
    .ours { fill: #0969da }
    .peer { fill: #d4a72c }
    .two { opacity: .55 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .small { fill: #9198a1 }
      .floor { fill: #6e7681 }
      .ours { fill: #4493f8 }
      .peer { fill: #bb8009 }
    }
  </style>
";

pub(crate) fn draw(rows: &[Figures], captions: &[String]) -> String {
    let height = TOP + rows.len() as f64 * ROW + captions.len() as f64 * 16.0 + 24.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-labelledby=\"title\">\n{STYLE}"
    );
    text(
        &mut svg,
        16.0,
        28.0,
        "title\" id=\"title",
        "A current credential for a request: what it costs",
    );
    text(
        &mut svg,
        16.0,
        48.0,
        "small",
        "Nanoseconds over the inner service, the token being there: less is better",
    );
    legend(&mut svg);
    let longest = rows.iter().map(|row| row.one.max(row.two)).fold(1.0, f64::max);
    for (index, row) in rows.iter().enumerate() {
        let y = TOP + index as f64 * ROW;
        let name = label(row).replace("**", "");
        let class = if row.kind == Kind::Ours { "strong" } else { "" };
        text(&mut svg, 16.0, y + 15.0, class, &name);
        bar(&mut svg, y, row.kind, "", row.one, longest);
        bar(&mut svg, y + BAR + 1.0, row.kind, " two", row.two, longest);
    }
    let bottom = TOP + rows.len() as f64 * ROW + 20.0;
    for (index, caption) in captions.iter().enumerate() {
        text(&mut svg, 16.0, bottom + index as f64 * 16.0, "small", caption);
    }
    svg + "</svg>\n"
}

fn legend(svg: &mut String) {
    let entries = [
        ("ours", "this crate"),
        ("floor", "a floor: renews nothing"),
        ("peer", "others"),
        ("floor", "one thread"),
        ("floor two", "two threads"),
    ];
    for (index, (class, name)) in entries.into_iter().enumerate() {
        let x = 16.0 + index as f64 * 160.0;
        writeln!(
            svg,
            "  <rect class=\"{class}\" x=\"{x}\" y=\"59\" width=\"{BAR}\" height=\"{BAR}\"/>"
        )
        .unwrap();
        text(svg, x + 17.0, 69.0, "small", name);
    }
}

fn bar(svg: &mut String, y: f64, kind: Kind, shade: &str, value: f64, longest: f64) {
    let class = match kind {
        Kind::Floor => "floor",
        Kind::Ours => "ours",
        Kind::Peer => "peer",
    };
    let width = (value / longest * LONGEST).max(1.0);
    writeln!(
        svg,
        "  <rect class=\"{class}{shade}\" x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\"/>"
    )
    .unwrap();
    text(svg, LEFT + width + 6.0, y + 9.5, "small", &format!("{value:.0}"));
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    writeln!(svg, "  <text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>").unwrap();
}
