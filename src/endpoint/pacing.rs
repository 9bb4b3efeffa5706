//! Reads how long a server asks its clients to wait: `Retry-After`, and the headers of rate limits.
//!
//! `Retry-After` is RFC 9110 section 10.2.3. `RateLimit` is draft-ietf-httpapi-ratelimit-headers, which has
//! had three forms. The names with `X-` are older and have no specification. Many services send the
//! rate-limit headers with every answer, so they count only if the answer says that the limit is reached.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, StatusCode};

use crate::basics::bounds::{self, EPOCH_AND_NO_SPAN, LONGEST_PAUSE};
use crate::basics::headers::{date, http_date, seconds, texts};

static RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// Each pair is the header with the time of the next request, and the header with the number of requests
/// that are left until then.
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

/// The pause that an answer asks for, at most five minutes. `ours` is our clock, since the epoch. A time of
/// day is compared with the answer's own `Date` if it has one, because both come from the same clock.
pub(crate) fn pause(
    status: StatusCode,
    headers: &HeaderMap,
    ours: Option<Duration>,
) -> Option<Duration> {
    let clocks = Clocks { date: date(headers), ours };
    let pause = retry_after(headers, clocks).or_else(|| rate_limit(status, headers, clocks))?;
    Some(pause.min(LONGEST_PAUSE))
}

#[derive(Clone, Copy)]
struct Clocks {
    date: Option<Duration>,
    ours: Option<Duration>,
}

impl Clocks {
    /// The time until `moment`. A `Date` that no correct clock can show counts only if `moment` comes from the
    /// same wrong clock.
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

/// The longest pause of all that the headers give.
fn rate_limit(status: StatusCode, headers: &HeaderMap, clocks: Clocks) -> Option<Duration> {
    let is_overload =
        matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    // If no header gives the number of requests that are left, the status must say that there are
    // none.
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

/// Reads `40`, `40;w=60` or `reset=40`.
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

/// Reads `"name";r=0;t=30, "other";r=9;t=60`, or the form of earlier drafts: `limit=1, remaining=0,
/// reset=30`.
fn policies_in(header: &str) -> Vec<Policy> {
    // Quoted names may contain anything, so quoted parts are removed.
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
