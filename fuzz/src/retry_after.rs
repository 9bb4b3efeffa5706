//! The pause that an overloaded token endpoint asks for. If the first byte is odd, the rest is
//! `Retry-After` and, after a line break, `Date`. If it is even, the rest is two times, written as
//! dates.
//!
//! 1. Two valid dates mean their difference; digits mean seconds.
//! 2. The source pauses for the requested time, at most five minutes. If no clock can show the `Date` (before 2000,
//!    or from 2200 on), the source's clock may be used instead.

use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use arbitrary::Unstructured;
use bytes::Bytes;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use tower::service_fn;
use tower_outbound_auth::TokenSource;
use tower_outbound_auth::endpoint::ExchangeAnswer;
use tower_outbound_auth::system::Atlas;
use tower_outbound_auth::testkit::ManualClock;

use crate::block_on;

const MAX_PAUSE: Duration = Duration::from_secs(300);

pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    if choice & 1 == 1 {
        let mut lines = rest.splitn(2, |byte| *byte == b'\n');
        let retry_after = lines.next().unwrap_or_default();
        let asked = check(retry_after, lines.next());
        let digits = !retry_after.is_empty() && retry_after.iter().all(u8::is_ascii_digit);
        if digits {
            let digits = std::str::from_utf8(retry_after).unwrap();
            let seconds =
                digits.parse::<u128>().map_or(u64::MAX, |it| it.try_into().unwrap_or(u64::MAX));
            assert_eq!(asked, Some(Duration::from_secs(seconds).min(MAX_PAUSE)));
        }
        return;
    }
    let mut bytes = Unstructured::new(rest);
    // Up to the year 9999, the last year of such a date.
    let mut time = || bytes.int_in_range(0..=253_402_300_799_u64).unwrap_or_default();
    let (until, now) = (time(), time());
    let date =
        |seconds| httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    let asked = check(date(until).as_bytes(), Some(date(now).as_bytes()));
    assert_eq!(asked, Some(Duration::from_secs(until.saturating_sub(now)).min(MAX_PAUSE)));
    assert_eq!(check(date(until).as_bytes(), None), None, "our clock is another one");
}

fn check(retry_after: &[u8], date: Option<&[u8]>) -> Option<Duration> {
    let mut answer = Response::builder().status(503).body(Bytes::new()).unwrap();
    for (name, value) in [(RETRY_AFTER, Some(retry_after)), (DATE, date)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(value).ok()) {
            answer.headers_mut().insert(name, value);
        }
    }
    let asked = ExchangeAnswer::new(answer.clone()).unavailable().retry_after();

    let endpoint = service_fn(move |_: Request<Full<Bytes>>| {
        std::future::ready(Ok::<_, Infallible>(answer.clone().map(Full::new)))
    });
    let scheme = Atlas::new("https://auth.example/token", "id", "secret").unwrap();
    let source = TokenSource::builder_over_http(scheme, endpoint).clock(ManualClock::new()).build();
    let error = block_on(source.token()).unwrap_err();
    let pause = error.retry_after().unwrap();
    assert!(pause > Duration::ZERO && pause <= MAX_PAUSE, "{pause:?}");
    let date =
        date.and_then(|date| httpdate::parse_http_date(std::str::from_utf8(date).ok()?).ok());
    let is_clock = |date: SystemTime| {
        let since = date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        (946_684_800..7_258_118_400).contains(&since)
    };
    if date.is_none_or(is_clock) {
        assert!(pause >= asked.unwrap_or_default().min(MAX_PAUSE), "{pause:?} of {asked:?}");
    }
    assert_eq!(block_on(source.token()).unwrap_err().retry_after(), Some(pause));
    assert_eq!(source.status().counters.exchanges(), 1);
    asked
}
