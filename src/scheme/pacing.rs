//! How long a server asks to be left alone: `Retry-After`, and the headers of rate limits.
//!
//! `Retry-After` is RFC 9110 section 10.2.3. `RateLimit` is draft-ietf-httpapi-ratelimit-headers, which has
//! had three forms; the names with `X-` are older and have no specification. They are read where the answer
//! says that the limit is reached: many services send them with every answer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{AGE, DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};

use crate::bounds::{self, EPOCH_AND_NO_SPAN, LONGEST_PAUSE};

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
pub(super) fn pause(
    status: StatusCode,
    headers: &HeaderMap,
    ours: Option<Duration>,
) -> Option<Duration> {
    let now = date(headers).or(ours);
    let pause = retry_after(headers, now).or_else(|| rate_limit(status, headers, now))?;
    Some(pause.min(LONGEST_PAUSE))
}

/// An answer's `Date`, since the epoch.
pub(super) fn date(headers: &HeaderMap) -> Option<Duration> {
    http_date(text(headers, &DATE)?)
}

/// How long an answer has been in a cache; zero if it does not say.
pub(super) fn age(headers: &HeaderMap) -> Duration {
    text(headers, &AGE).and_then(seconds).map(bounds::span).unwrap_or_default()
}

fn retry_after(headers: &HeaderMap, now: Option<Duration>) -> Option<Duration> {
    let value = text(headers, &RETRY_AFTER)?;
    match seconds(value) {
        Some(seconds) => Some(bounds::span(seconds)),
        None => Some(http_date(value)?.saturating_sub(now?)),
    }
}

/// The longest of all that are given.
fn rate_limit(status: StatusCode, headers: &HeaderMap, now: Option<Duration>) -> Option<Duration> {
    let is_overload =
        matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    // Where nothing says how many requests are left, the status has to say that it is none.
    let is_reached = |left: Option<f64>| left.map_or(is_overload, |left| left <= 0.0);
    let resets = RESETS.iter().filter_map(|(reset, remaining)| {
        let left = text(headers, remaining).and_then(seconds);
        let reset = text(headers, reset).and_then(seconds);
        reset.filter(|_| is_reached(left))
    });
    let policies = headers.get_all(&RATE_LIMIT).iter().filter_map(|value| value.to_str().ok());
    let policies = policies.flat_map(policies_in);
    let policies = policies.filter_map(|Policy { left, reset }| reset.filter(|_| is_reached(left)));
    let until = |reset: f64| match reset > EPOCH_AND_NO_SPAN {
        true => now.map(|now| bounds::epoch(reset).saturating_sub(now)),
        false => Some(bounds::span(reset)),
    };
    resets.chain(policies).filter_map(until).max()
}

/// One policy of a `RateLimit` header.
#[derive(Default)]
struct Policy {
    left: Option<f64>,
    reset: Option<f64>,
}

/// `"name";r=0;t=30, "other";r=9;t=60`, or, as earlier drafts had it, `limit=1, remaining=0, reset=30`.
fn policies_in(header: &str) -> Vec<Policy> {
    let mut policies = Vec::new();
    let mut flat = Policy::default();
    for item in header.split(',') {
        let mut policy = Policy::default();
        for part in item.split(';') {
            let Some((name, value)) = part.split_once('=') else { continue };
            match name.trim() {
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

/// Digits, maybe with a fraction. Exponents and signs are no number here.
fn seconds(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(whole) && digits(fraction) { text.parse().ok() } else { None }
}

fn http_date(text: &str) -> Option<Duration> {
    let time: SystemTime = httpdate::parse_http_date(text).ok()?;
    time.duration_since(UNIX_EPOCH).ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}
