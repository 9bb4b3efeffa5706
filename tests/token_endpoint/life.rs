//! How long a token lives: from the stated values, and by which clock.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::exchange::ExchangeErrorKind::Expired;

use crate::log::log_in_paused_time;
use crate::*;

const DEFAULT: u64 = 300;
const HUNDRED_YEARS: u64 = 3_155_760_000;

pub(crate) fn jwt(claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2ln", part(r#"{"alg":"RS256"}"#), part(claims))
}

pub(crate) fn issued(token: &str, rest: &str) -> Answer {
    ok(format!(r#"{{"access_token":"{token}"{rest}}}"#))
}

/// The `Date` of an answer, this many seconds after the wall clock of these tests.
pub(crate) fn date(after: i64) -> String {
    let secs = NEW_YEAR.checked_add_signed(after).unwrap();
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(secs))
}

/// How many seconds the token of this answer lives. None if it had already expired.
pub(crate) async fn life(scheme: impl Scheme, answer: &Answer) -> Option<u64> {
    let source = Endpoint::always(answer.clone()).source(scheme);
    match source.token().await {
        Ok(_) => source.status().expires_in.map(|left| left.as_secs()),
        Err(error) => {
            assert_eq!(kind(&failure(&error)), Expired, "{answer:?}");
            None
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_expires_in_beside_the_token_counts_and_not_one_elsewhere() {
    let pointed = || scheme().with_token_member("/data/token");
    let later = NEW_YEAR + 7_200;
    let body = format!(r#"{{"expires_in":{later},"data":{{"token":"abc","expires_in":3600}}}}"#);
    assert_eq!(life(pointed(), &ok(body)).await, Some(3_600));
    let body = format!(r#"{{"expires_in":{later},"data":{{"token":"abc"}}}}"#);
    assert_eq!(life(pointed(), &ok(body)).await, Some(7_200));
}

#[tokio::test(start_paused = true)]
async fn the_shortest_stated_life_counts() {
    let meant = jwt(r#"{"iat":1000,"exp":1090}"#);
    for (token, rest, expected) in [
        // A cache returns an old `expires_in` with the correct time of expiry.
        ("abc", format!(r#","expires_in":3599,"expires_on":"{}""#, NEW_YEAR + 120), 120),
        ("abc", format!(r#","expires_in":"3599","expires_on":{}"#, NEW_YEAR + 120), 120),
        ("abc", format!(r#","expires_in":60,"expires_on":{}"#, NEW_YEAR + 120), 60),
        ("abc", format!(r#","expires_at":{}"#, NEW_YEAR + 120), 120),
        ("abc", format!(r#","expires_at":{}"#, (NEW_YEAR + 120) * 1_000), 120),
        ("abc", format!(r#","expires_at":"{}""#, (NEW_YEAR + 120) * 1_000), 120),
        ("abc", format!(r#","expires_at":{}.5"#, NEW_YEAR + 120), 120),
        ("abc", r#","expires_at":"2025-01-01T00:02:00Z""#.into(), 120),
        ("abc", r#","expires_at":"2025-01-01T00:02:00.123456789Z""#.into(), 120),
        ("abc", r#","expires_at":"2025-01-01 00:02:00z""#.into(), 120),
        ("abc", r#","expires_at":"2025-01-01T02:02:00+02:00""#.into(), 120),
        ("abc", r#","expires_at":"2024-12-31T19:02:00-05:00""#.into(), 120),
        (
            "abc",
            r#","expires_on":"2025-01-01T00:02:00Z","expires_at":"2025-01-01T00:01:00Z""#.into(),
            60,
        ),
        (&meant, r#","expires_in":3600"#.into(), 90),
        (&meant, format!(r#","expires_at":{}"#, NEW_YEAR + 60), 60),
        // A value that cannot be read, or is no time of day, is ignored.
        ("abc", r#","expires_at":"tomorrow""#.into(), DEFAULT),
        ("abc", r#","expires_at":3600"#.into(), DEFAULT),
        ("abc", r#","expires_at":0"#.into(), DEFAULT),
        ("abc", r#","expires_at":-1"#.into(), DEFAULT),
        ("abc", r#","expires_at":null,"expires_on":{}"#.into(), DEFAULT),
        ("abc", r#","expires_at":"2025-13-01T00:02:00Z""#.into(), DEFAULT),
        // This member never counts (Entra: how long a client may continue in an outage).
        ("abc", r#","ext_expires_in":7200"#.into(), DEFAULT),
        ("abc", r#","expires_in":60,"ext_expires_in":30"#.into(), 60),
    ] {
        let answer = issued(token, &rest);
        assert_eq!(life(scheme(), &answer).await, Some(expected), "{token} {rest}");
        assert_eq!(life(atlas(), &answer).await, Some(expected), "Atlas, {token} {rest}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_expiry_is_compared_with_the_date_of_the_answer_if_our_clock_is_wrong() {
    for (our_clock_is_ahead_by, expected) in
        [(0, 120), (8, 112), (-8, 128), (120, 120), (3_600, 120), (-3_600, 120)]
    {
        // By the issuer's clock, the token lives for two minutes.
        let end = NEW_YEAR.checked_add_signed(120 - our_clock_is_ahead_by).unwrap();
        for answer in [
            issued("abc", &format!(r#","expires_on":{end}"#)),
            issued("abc", &format!(r#","expires_in":3600,"expires_at":{end}"#)),
            issued(&jwt(&format!(r#"{{"exp":{end}}}"#)), ""),
        ] {
            let answer = answer.with("date", date(-our_clock_is_ahead_by));
            let life = life(scheme(), &answer).await;
            assert_eq!(life, Some(expected), "{our_clock_is_ahead_by} {answer:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_impossible_date_is_ignored() {
    for date in ["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "yesterday", ""]
    {
        let end = NEW_YEAR + 120;
        for answer in [
            issued("abc", &format!(r#","expires_on":{end}"#)),
            issued(&jwt(&format!(r#"{{"exp":{end}}}"#)), ""),
        ] {
            assert_eq!(life(scheme(), &answer.with("date", date)).await, Some(120), "{date}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ended_more_than_a_minute_before_the_date_of_its_answer_is_expired() {
    for (ended_before, by_our_clock, usable) in
        [(61, 120, false), (59, 120, true), (61, -1, false), (59, -1, false)]
    {
        let end = NEW_YEAR.checked_add_signed(by_our_clock).unwrap();
        let answer = issued(&jwt(&format!(r#"{{"exp":{end}}}"#)), "")
            .with("date", date(by_our_clock + ended_before));
        assert_eq!(
            life(scheme(), &answer).await.is_some(),
            usable,
            "{ended_before} {by_our_clock}"
        );
    }
}

/// Without a `Date`, nothing shows whose clock is wrong. A stated life is believed, a time of
/// expiry is not.
#[tokio::test(start_paused = true)]
async fn an_expiry_that_only_our_clock_has_reached_counts_only_if_no_life_was_stated() {
    let over = format!(r#","expires_on":{}"#, NEW_YEAR - 100);
    assert_eq!(life(scheme(), &issued("abc", &over)).await, None);
    let stated = format!(r#"{over},"expires_in":3600"#);
    assert_eq!(life(scheme(), &issued("abc", &stated)).await, Some(3_600));
    let dated = issued("abc", &stated).with("date", date(0));
    assert_eq!(life(scheme(), &dated).await, None, "the answer's `Date` agrees");
}

#[tokio::test(start_paused = true)]
async fn a_stated_life_of_zero_or_less_counts_as_unstated() {
    for json in ["0", "-1", "\"0\"", "\"-3600\"", "0.0", "-1e308"] {
        let rest = format!(r#","expires_in":{json}"#);
        assert_eq!(life(scheme(), &issued("abc", &rest)).await, Some(DEFAULT), "{json}");
        assert_eq!(life(atlas(), &issued("abc", &rest)).await, Some(DEFAULT), "Atlas, {json}");
        let meant = jwt(r#"{"iat":1000,"exp":1090}"#);
        assert_eq!(life(scheme(), &issued(&meant, &rest)).await, Some(90), "{json}");
    }
}

#[test]
fn one_event_says_that_a_life_of_zero_was_stated() {
    let logs = log_in_paused_time(async {
        let endpoint = Endpoint::new(|n, _| issued(&format!("t-{n}"), r#","expires_in":0"#));
        let source = endpoint.source(scheme());
        for _ in 0..5 {
            source.token().await.unwrap();
            tokio::time::sleep(secs(DEFAULT)).await;
        }
    });
    assert_eq!(logs.matches("stated no life").count(), 1, "{logs}");
}

/// Some servers issue one token for ever, and state zero. Some caches return a token in its last second.
#[tokio::test(start_paused = true)]
async fn the_same_token_without_a_life_stays_usable_unless_its_expiry_was_stated_before() {
    let never_stated = Endpoint::always(issued("abc", r#","expires_in":0"#));
    let source = never_stated.source(scheme());
    for _ in 0..100 {
        source.token().await.expect("it works for ever");
        tokio::time::sleep(secs(100)).await;
    }
    let stated_first = Endpoint::new(|n, _| match n {
        1 => issued("abc", r#","expires_in":100"#),
        _ => issued("abc", r#","expires_in":0"#),
    });
    let source = stated_first.source(scheme());
    source.token().await.unwrap();
    tokio::time::sleep(secs(99)).await;
    source.token().await.expect("its last second");
    tokio::time::sleep(secs(1)).await;
    assert_eq!(kind(&failure(&source.token().await.unwrap_err())), Expired);
}

#[tokio::test(start_paused = true)]
async fn an_impossible_time_of_issue_is_ignored() {
    let end = NEW_YEAR + 120;
    for iat in ["0", "1", "-5", "946684799"] {
        let token = jwt(&format!(r#"{{"iat":{iat},"exp":{end}}}"#));
        assert_eq!(life(scheme(), &issued(&token, "")).await, Some(120), "iat {iat}");
        let stated = issued(&token, r#","expires_in":60"#);
        assert_eq!(life(scheme(), &stated).await, Some(60), "iat {iat}");
    }
    // An issuer whose clock began at 1970 still gives the life.
    let token = jwt(r#"{"iat":0,"exp":90}"#);
    assert_eq!(life(scheme(), &issued(&token, "")).await, Some(90));
}

#[tokio::test(start_paused = true)]
async fn claims_in_milliseconds_are_recognised() {
    let (iat, exp) = (NEW_YEAR * 1_000, (NEW_YEAR + 120) * 1_000);
    for token in
        [jwt(&format!(r#"{{"iat":{iat},"exp":{exp}}}"#)), jwt(&format!(r#"{{"exp":{exp}}}"#))]
    {
        assert_eq!(life(scheme(), &issued(&token, "")).await, Some(120));
    }
}

#[tokio::test(start_paused = true)]
async fn a_year_after_2069_is_read_correctly() {
    // 2100-01-01 and 2101-01-01.
    let (iat, exp) = (4_102_444_800_u64, 4_133_980_800_u64);
    let token = jwt(&format!(r#"{{"iat":{iat},"exp":{exp}}}"#));
    assert_eq!(life(scheme(), &issued(&token, "")).await, Some(exp - iat));
    let token = jwt(&format!(r#"{{"exp":{iat}}}"#));
    assert_eq!(life(scheme(), &issued(&token, "")).await, Some(iat - NEW_YEAR));
    // The longest life that is believed.
    let token = jwt(r#"{"exp":253402300799}"#);
    assert_eq!(life(scheme(), &issued(&token, "")).await, Some(HUNDRED_YEARS));
}

#[tokio::test(start_paused = true)]
async fn an_age_shortens_a_stated_life() {
    for (age, expected) in
        [("600", Some(3_000)), ("3600", None), ("0", Some(3_600)), ("soon", Some(3_600))]
    {
        let answer = ok(TOKEN).with("age", age);
        assert_eq!(life(scheme(), &answer).await, expected, "{age}");
        assert_eq!(life(atlas(), &answer).await, expected, "Atlas, {age}");
    }
    // If the answer comes from a cache, its JWT has been there for the same time.
    let token = jwt(r#"{"iat":1000,"exp":4600}"#);
    assert_eq!(life(scheme(), &issued(&token, "").with("age", "600")).await, Some(3_000));
}

/// An issuer with a slow node issues tokens that have expired by our fast clock. They are still used.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_two_minutes_fast_costs_one_exchange_per_life() {
    let clock = TokioClock::new();
    let started = clock.now();
    let endpoint = Endpoint::new(move |n, _| {
        // By the issuer's clock, which is two minutes behind ours, every token lives for 60 s.
        let now = NEW_YEAR - 120 + clock.now().since(started).as_secs();
        let token = jwt(&format!(r#"{{"jti":{n},"exp":{}}}"#, now + 60));
        issued(&token, "").with("date", date(i64::try_from(now).unwrap() - NEW_YEAR as i64))
    });
    let asked = asked_in_an_hour(&endpoint, scheme()).await;
    assert!((60..=75).contains(&asked), "{asked} exchanges in an hour");
}
