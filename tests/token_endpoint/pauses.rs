//! The pauses that a token endpoint asks for.

use tower_outbound_auth::exchange::ExchangeErrorKind;

use crate::*;

const NOON: &str = "Wed, 01 Jan 2025 12:00:00 GMT";

/// The pause that this answer asks for.
async fn asked_for(answer: &Answer) -> Option<Duration> {
    value_of(scheme(), answer).await.unwrap_err().retry_after()
}

#[tokio::test(start_paused = true)]
async fn retry_after_may_have_a_fraction_or_be_a_date_without_a_date_header() {
    let millis = Duration::from_millis;
    for (retry_after, expected) in [
        ("44", Some(secs(44))),
        (" 44 ", Some(secs(44))),
        ("1.5", Some(millis(1_500))),
        ("0.25", Some(millis(250))),
        ("120s", None),
        ("Wed, 01 Jan 2025 00:01:30 GMT", Some(secs(90))),
        ("Wednesday, 01-Jan-25 00:01:30 GMT", Some(secs(90))),
        ("Tue, 31 Dec 2024 23:00:00 GMT", Some(secs(0))),
        ("99999999999999999999999", Some(secs(300))),
        ("1e9", None),
        ("NaN", None),
        ("inf", None),
        ("-1", None),
        ("-1.5", None),
        ("", None),
        ("soon", None),
    ] {
        let answer = answer(429, "").with("retry-after", retry_after);
        assert_eq!(asked_for(&answer).await, expected, "{retry_after}");
    }
    // The answer's `Date` takes precedence over our clock.
    let answer =
        answer(503, "").with("date", NOON).with("retry-after", "Wed, 01 Jan 2025 12:01:30 GMT");
    assert_eq!(asked_for(&answer).await, Some(secs(90)));
}

#[tokio::test(start_paused = true)]
async fn rate_limit_headers_ask_for_a_pause_too() {
    for (name, value, expected) in [
        ("ratelimit-reset", "40".to_owned(), Some(40)),
        ("ratelimit-reset", (NEW_YEAR + 40).to_string(), Some(40)),
        ("ratelimit", "limit=1, remaining=0, reset=40".to_owned(), Some(40)),
        ("ratelimit", r#""default";r=0;t=40"#.to_owned(), Some(40)),
        ("ratelimit", r#""burst";r=0;t=5, "day";r=0;t=40"#.to_owned(), Some(40)),
        ("ratelimit", r#""burst";r=0;t=5, "day";r=9;t=40"#.to_owned(), Some(5)),
        ("x-ratelimit-reset", "40".to_owned(), Some(40)),
        ("x-ratelimit-reset", (NEW_YEAR + 40).to_string(), Some(40)),
        ("x-rate-limit-reset", (NEW_YEAR + 40).to_string(), Some(40)),
        ("x-rate-limit-reset", ((NEW_YEAR + 40) * 1_000).to_string(), Some(40)),
        ("x-ratelimit-reset", (NEW_YEAR - 40).to_string(), Some(0)),
        ("x-ratelimit-reset", (NEW_YEAR + 86_400).to_string(), Some(300)),
        ("x-ratelimit-reset", "1000000000".to_owned(), Some(300)), // still a span
        ("x-ratelimit-reset", "1000000001".to_owned(), Some(0)),   // a moment in 2001
        ("x-ratelimit-reset", "soon".to_owned(), None),
        ("ratelimit", "t".to_owned(), None),
        ("x-ratelimit-reset", String::new(), None),
    ] {
        let answer = answer(429, "").with(name, value.clone());
        assert_eq!(asked_for(&answer).await, expected.map(secs), "{name}: {value}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_several_pauses_retry_after_counts_or_else_the_longest() {
    let both = answer(429, "").with("retry-after", "3").with("x-ratelimit-reset", "40");
    assert_eq!(asked_for(&both).await, Some(secs(3)));
    let resets = answer(429, "").with("ratelimit-reset", "10").with("x-ratelimit-reset", "40");
    assert_eq!(asked_for(&resets).await, Some(secs(40)));
}

/// Many services send these headers with every answer.
#[tokio::test(start_paused = true)]
async fn rate_limit_headers_are_ignored_if_the_limit_is_not_reached() {
    for (status, remaining, expected) in [
        (429, None, Some(40)),
        (429, Some("0"), Some(40)),
        (429, Some("7"), None),
        (503, None, Some(40)),
        (500, None, None),
        (500, Some("0"), Some(40)),
        (403, None, None),
        (403, Some("0"), Some(40)),
        (403, Some("7"), None),
    ] {
        for prefix in ["ratelimit", "x-ratelimit", "x-rate-limit"] {
            let name = |end: &str| -> &'static str { format!("{prefix}-{end}").leak() };
            let mut answer = answer(status, "").with(name("reset"), "40");
            if let Some(remaining) = remaining {
                answer = answer.with(name("remaining"), remaining);
            }
            assert_eq!(asked_for(&answer).await, expected.map(secs), "{status} {answer:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_allows_one_request_a_minute_gets_one_a_minute() {
    for (name, value) in [
        ("retry-after", "59.5"),
        ("ratelimit-reset", "60"),
        ("ratelimit", r#""one";r=0;t=60"#),
        ("x-ratelimit-reset", "60"),
    ] {
        let endpoint = Endpoint::new(move |n, _| match n {
            1 => answer(429, "").with(name, value),
            _ => ok(TOKEN),
        });
        let source = endpoint.source(scheme());
        assert_eq!(seconds_until_a_token(&source).await, 60, "{name}");
        assert_eq!(endpoint.count(), 2, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_may_be_given_as_a_time_since_the_epoch() {
    for header in ["x-ratelimit-reset", "x-rate-limit-reset"] {
        let endpoint = Endpoint::new(move |n, _| match n {
            1 => answer(429, "").with(header, (NEW_YEAR + 60).to_string()),
            _ => ok(TOKEN),
        });
        assert_eq!(seconds_until_a_token(&endpoint.source(scheme())).await, 60, "{header}");
    }
}

#[test]
fn a_pause_that_a_scheme_asks_for_is_at_most_five_minutes() {
    for (asked, kept) in [(secs(40), secs(40)), (secs(301), secs(300)), (Duration::MAX, secs(300))]
    {
        let error =
            ExchangeError::new(ExchangeErrorKind::Unavailable, "busy").with_retry_after(asked);
        assert_eq!(error.retry_after(), Some(kept));
    }
}
