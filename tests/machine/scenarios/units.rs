//! Time and numbers, as scenarios write them.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

/// `1h 30m`, `250ms`, `100y`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(try_from = "String")]
pub(crate) struct Span(pub(crate) Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Span, String> {
        span(&text).map(Span)
    }
}

/// `+1h`, `-10m`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Shift(pub(crate) i128);

impl TryFrom<String> for Shift {
    type Error = String;

    fn try_from(text: String) -> Result<Shift, String> {
        match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(on), _) => Ok(Shift(nanos(span(on)?))),
            (_, Some(back)) => Ok(Shift(-nanos(span(back)?))),
            _ => Err(format!("{text:?} has no sign")),
        }
    }
}

/// `54m`, `next_try`, `next_try - 1ms`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Moment {
    FromStart(Duration),
    NextTry(Shift),
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Moment, String> {
        match text.strip_prefix("next_try") {
            None => span(&text).map(Moment::FromStart),
            Some("") => Ok(Moment::NextTry(Shift(0))),
            Some(shift) => shift.replace(' ', "").try_into().map(Moment::NextTry),
        }
    }
}

/// `none`, `30s`, `0.8s..1s`. Both ends are included, with a tolerance of a millisecond. `drawn 0.8s..1s`: the values of all
/// runs must fill the range, too.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "String")]
pub(crate) enum Range {
    None,
    Within(Duration, Duration),
    Drawn(Duration, Duration),
}

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Range, String> {
        if text == "none" {
            return Ok(Range::None);
        }
        let drawn = text.strip_prefix("drawn ");
        let text = drawn.unwrap_or(&text);
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let (from, to) = (span(from)?, span(to)?);
        Ok(if drawn.is_some() { Range::Drawn(from, to) } else { Range::Within(from, to) })
    }
}

impl Range {
    pub(crate) fn holds(&self, value: Option<Duration>) -> bool {
        const TOLERANCE: Duration = Duration::from_millis(1);
        match (self, value) {
            (Range::None, None) => true,
            (Range::Within(from, to) | Range::Drawn(from, to), Some(value)) => {
                value.saturating_add(TOLERANCE) >= *from && value <= *to + TOLERANCE
            }
            _ => false,
        }
    }
}

/// A value that was expected to be drawn from a range.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    pub(crate) what: String,
    pub(crate) from: Duration,
    pub(crate) to: Duration,
    pub(crate) value: Duration,
}

impl Draw {
    fn is_of(&self, other: &Draw) -> bool {
        (&self.what, self.from, self.to) == (&other.what, other.from, other.to)
    }

    /// Whether some of the values lie in the first third of their range, and some in the last.
    pub(crate) fn fill(all: &[Draw]) -> Result<(), String> {
        for draw in all {
            let Draw { what, from, to, .. } = draw;
            let third = (*to - *from) / 3;
            let alike = || all.iter().filter(|it| it.is_of(draw));
            let low = alike().any(|it| it.value <= *from + third);
            let high = alike().any(|it| it.value + third >= *to);
            if !(low && high) {
                return Err(format!("{what}: in all runs in one part of {from:?}..{to:?}"));
            }
        }
        Ok(())
    }
}

/// `5`, `"5..6"`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "Value")]
pub(crate) struct Count(u64, u64);

impl TryFrom<Value> for Count {
    type Error = String;

    fn try_from(value: Value) -> Result<Count, String> {
        let wrong = || format!("{value} is neither a number nor a range such as \"5..6\"");
        if let Some(number) = value.as_u64() {
            return Ok(Count(number, number));
        }
        let (from, to) = value.as_str().and_then(|it| it.split_once("..")).ok_or_else(wrong)?;
        let number = |text: &str| text.parse().map_err(|_| wrong());
        Ok(Count(number(from)?, number(to)?))
    }
}

impl Count {
    pub(crate) fn holds(&self, value: u64) -> bool {
        (self.0..=self.1).contains(&value)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.0, self.1)
    }
}

pub(crate) fn nanos(span: Duration) -> i128 {
    i128::try_from(span.as_nanos()).unwrap_or(i128::MAX)
}

/// The parts of a span, each a number and its unit, with or without blanks between them.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no span of time, such as 1h 30m or 250ms");
    let mut rest = text.trim();
    let mut sum = Duration::ZERO;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit = &rest[digits..];
        let end = unit.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(unit.len());
        let secs = match &unit[..end] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            "y" => 365.25 * 86_400.0,
            _ => return Err(wrong()),
        };
        sum += Duration::try_from_secs_f64(number * secs).map_err(|_| wrong())?;
        rest = unit[end..].trim_start();
    }
    Ok(sum)
}
