//! How long a server asks to be left alone: `Retry-After`, and the headers of rate limits.
//!
//! `Retry-After` is RFC 9110 section 10.2.3. `RateLimit` is draft-ietf-httpapi-ratelimit-headers, which has
//! had three forms; the names with `X-` are older and have no specification. They are read where the answer
//! says that the limit is reached: many services send them with every answer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};

use crate::basics::bounds::{self, EPOCH_AND_NO_SPAN, LONGEST_PAUSE};
use crate::basics::headers::{seconds, texts};

static RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// The names under which the time of the next request stands, each with the name of how many requests are
/// left until then.
static RESETS: [(HeaderName, HeaderName); 3] = [
    (HeaderName::from_static("ratelimit-reset"), HeaderName::from_static("ratelimit-remaining")),
    (
        HeaderName::from_static("x-ratelimit-reset"),
        HeaderName::from_static("x-ratelimit-remaining"),
    ),
    (
        HeaderName::from_static("x-rate-limit-reset"),
        HeaderName::from_static("x-rate-limit-remaining"),
    ),
];

/// The pause that an answer asks for: five minutes at most. `ours` is our clock, since the epoch; a time of
/// day is held against the answer's own `Date` where it has one, since both come from the same clock.
pub(crate) fn pause(
    status: StatusCode,
    headers: &HeaderMap,
    ours: Option<Duration>,
) -> Option<Duration> {
    let clocks = Clocks { date: date(headers), ours };
    let pause = retry_after(headers, clocks).or_else(|| rate_limit(status, headers, clocks))?;
    Some(pause.min(LONGEST_PAUSE))
}

/// An answer's `Date`, since the epoch.
pub(crate) fn date(headers: &HeaderMap) -> Option<Duration> {
    http_date(texts(headers, &DATE).next()?)
}

#[derive(Clone, Copy)]
struct Clocks {
    date: Option<Duration>,
    ours: Option<Duration>,
}

impl Clocks {
    /// How long it is until `moment`. A `Date` that no clock can show counts only where the moment is one of that
    /// clock, too.
    fn until(self, moment: Duration) -> Option<Duration> {
        let by_date = self.date.map(|date| moment.saturating_sub(date));
        let by_ours = self.ours.map(|ours| moment.saturating_sub(ours));
        match self.date.filter(|date| !bounds::is_clock(*date)) {
            Some(_) => by_date
                .filter(|pause| *pause <= LONGEST_PAUSE && !pause.is_zero())
                .or(by_ours)
                .or(by_date),
            None => by_date.or(by_ours),
        }
    }
}

fn retry_after(headers: &HeaderMap, clocks: Clocks) -> Option<Duration> {
    let value = texts(headers, &RETRY_AFTER).next()?;
    match seconds(value) {
        Some(seconds) => Some(bounds::span(seconds)),
        None => clocks.until(http_date(value)?),
    }
}

/// The longest of all that are given.
fn rate_limit(status: StatusCode, headers: &HeaderMap, clocks: Clocks) -> Option<Duration> {
    let is_overload =
        matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    // Where nothing says how many requests are left, the status has to say that it is none.
    let is_reached = |left: Option<f64>| left.map_or(is_overload, |left| left <= 0.0);
    let resets = RESETS.iter().flat_map(|(reset, remaining)| {
        let left = texts(headers, remaining).find_map(seconds);
        let resets = texts(headers, reset).flat_map(|value| value.split(',')).filter_map(reset_in);
        resets.filter(move |_| is_reached(left))
    });
    let policies = policies_in(&texts(headers, &RATE_LIMIT).collect::<Vec<_>>().join(","));
    let policies = policies
        .into_iter()
        .filter_map(|Policy { left, reset }| reset.filter(|_| is_reached(left)));
    let until = |reset: f64| match reset > EPOCH_AND_NO_SPAN {
        true => clocks.until(bounds::epoch(reset)),
        false => Some(bounds::span(reset)),
    };
    resets.chain(policies).filter_map(until).max()
}

/// `40`, `40;w=60` or `reset=40`.
fn reset_in(item: &str) -> Option<f64> {
    let item = item.split(';').next()?.trim();
    seconds(item.strip_prefix("reset=").unwrap_or(item))
}

/// One policy of a `RateLimit` header.
#[derive(Default)]
struct Policy {
    left: Option<f64>,
    reset: Option<f64>,
}

/// `"name";r=0;t=30, "other";r=9;t=60`, or, as earlier drafts had it, `limit=1, remaining=0, reset=30`.
fn policies_in(header: &str) -> Vec<Policy> {
    // A name may hold anything: of what is quoted, nothing is read.
    let unquoted: String = header.split('"').step_by(2).collect();
    let mut policies = Vec::new();
    let mut flat = Policy::default();
    for item in unquoted.split(',') {
        let mut policy = Policy::default();
        for part in item.split(';') {
            let Some((name, value)) = part.split_once('=') else { continue };
            match name.trim().to_ascii_lowercase().as_str() {
                "r" => policy.left = seconds(value.trim()),
                "t" => policy.reset = seconds(value.trim()),
                "remaining" => flat.left = seconds(value.trim()),
                "reset" => flat.reset = seconds(value.trim()),
                _ => {}
            }
        }
        policies.push(policy);
    }
    policies.push(flat);
    policies
}

fn http_date(text: &str) -> Option<Duration> {
    let time: SystemTime = httpdate::parse_http_date(text).ok()?;
    time.duration_since(UNIX_EPOCH).ok()
}
