//! The life of a token, from the issuer's statements, the claims, and two clocks.

use std::time::UNIX_EPOCH;

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn start() -> Now {
    Now::new(Duration::from_secs(50), UNIX_EPOCH + Duration::from_secs(1_000_000))
}

#[test]
fn refresh_ahead_falls_in_80_to_90_percent_of_a_life() {
    for (draw, at) in [(0.0, 2_880), (0.5, 3_060), (1.0, 3_240)] {
        let window = Window::new(start(), HOUR, draw);
        let refresh_in = start().until(window.refresh_at);
        assert_eq!(refresh_in.as_secs_f64().round(), f64::from(at));
        assert_eq!(start().until(window.margin_at), Duration::from_secs(3_570));
        assert_eq!(start().until(window.ends_at), HOUR);
    }
}

#[test]
fn a_window_fits_into_a_life_of_three_seconds() {
    for draw in [0.0, 0.3, 0.999] {
        let window = Window::new(start(), Duration::from_secs(3), draw);
        assert!(start().until(window.refresh_at) <= start().until(window.margin_at));
        assert_eq!(start().until(window.margin_at), Duration::from_millis(2_700));
    }
}

#[test]
fn postponing_a_refresh_does_not_change_the_expiry() {
    let window = Window::new(start(), Duration::from_secs(300), 0.5);
    let later = window.quiet_until(start() + Duration::from_secs(299));
    assert_eq!(later.margin_at, start() + Duration::from_secs(299));
    let capped = window.quiet_until(start() + HOUR);
    assert_eq!((capped.refresh_at, capped.margin_at), (window.ends_at, window.ends_at));
    assert_eq!((later.ends_at, capped.ends_at), (window.ends_at, window.ends_at));
    assert_eq!(window.quiet_until(start()), window);
}

#[test]
fn an_earlier_refresh_changes_neither_the_margin_nor_the_expiry() {
    let window = Window::new(start(), HOUR, 0.5);
    let minute = start() + Duration::from_secs(60);
    assert_eq!(window.refreshed_by(minute), Window { refresh_at: minute, ..window });
    assert_eq!(window.refreshed_by(start() + HOUR), window, "a later one changes nothing");
    for (secs, is_old) in [(0, false), (2_879, false), (2_880, true), (9_999, true)] {
        let moment = start() + Duration::from_secs(secs);
        assert_eq!(Window::is_old_at(start(), HOUR, moment), is_old, "{secs}");
    }
}

#[test]
fn the_shorter_of_the_stated_life_and_the_life_in_the_claims_counts() {
    let claims = |exp: f64, iat: Option<f64>| Times::new(iat, Some(exp));
    let default = Duration::from_secs(300);
    let of = |expires_in, claims| {
        let stated = Stated { expires_in, ..Stated::default() };
        life(&stated, claims, (start(), start()), default).life
    };
    assert_eq!(of(Some(HOUR), Times::default()), HOUR);
    assert_eq!(of(Some(HOUR), claims(600.0, Some(0.0))), Duration::from_secs(600));
    assert_eq!(of(Some(HOUR), claims(9e8, Some(0.0))), HOUR);
    // Claims that make no sense (`iat` in milliseconds) count as absent.
    assert_eq!(of(Some(HOUR), claims(1_000_600.0, Some(1e12))), HOUR);
    // By our clock, `exp` is far in the past. It does not count, because there is a stated life.
    assert_eq!(of(Some(HOUR), claims(1.0, None)), HOUR);
    assert_eq!(of(None, claims(1.0, None)), default, "the claim is no time of day");
    assert_eq!(of(None, Times::default()), default);
    let edge = Window::new(Now::NEVER, of(Some(Duration::MAX), Times::default()), 0.5);
    assert_eq!(edge.ends_at, Now::NEVER);
}

/// The time of our clock in the tests below, in seconds since the epoch.
const OURS: u64 = 1_800_000_000;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// This many seconds after the time of our clock.
fn after(offset: i64) -> Duration {
    secs(OURS.checked_add_signed(offset).unwrap())
}

/// The clock of an issuer whose `Date` differs by this much from our clock, or is absent.
fn issuer(date: Option<i64>) -> IssuersClock {
    let now = Now::new(secs(50), UNIX_EPOCH + after(0));
    IssuersClock::new(date.map(after), now, now)
}

#[test]
fn a_date_is_of_another_clock_if_it_differs_by_more_than_ten_seconds() {
    let (sent, received) = (UNIX_EPOCH + after(0), UNIX_EPOCH + after(30));
    let (sent, received) = (Now::new(secs(50), sent), Now::new(secs(80), received));
    for (date, differs) in [(-11, true), (-10, false), (15, false), (40, false), (41, true)] {
        let clock = IssuersClock::new(Some(after(date)), sent, received);
        assert_eq!(clock.differs, differs, "{date}");
    }
    assert!(!IssuersClock::new(None, sent, received).differs);
}

#[test]
fn an_expiry_is_compared_with_our_clock_unless_the_date_differs() {
    for (date, end, said, left) in [
        (None, 100, None, 100),
        (None, -5, None, 0),
        (Some(5), 100, None, 100),
        // Compared with the `Date`.
        (Some(1_000), 1_100, None, 100),
        (Some(-1_000), 100, None, 1_100),
        // An expiry just before the `Date` may be rounding. Our clock cannot lengthen the life.
        (Some(1_000), 1_000, None, 60),
        (Some(1_000), 940, None, 60),
        (Some(1_000), 939, None, 0),
        (Some(1_000), -5, None, 0),
        // Our clock agrees with the stated life.
        (Some(1_000), 1_100, Some(1_090), 1_100),
        (Some(1_000), 1_100, Some(1_110), 1_100),
        (Some(1_000), 1_100, Some(1_089), 100),
    ] {
        let found = issuer(date).left(after(end), said.map(secs));
        assert_eq!(found, secs(left), "{date:?} {end} {said:?}");
    }
}

#[test]
fn an_expiry_shortens_a_stated_life_if_its_clock_is_known() {
    for (date, end, life) in [
        // The `Date` agrees with our clock.
        (Some(0), 100, 100),
        (Some(0), 7_200, 3_600),
        (Some(0), -100, 0),
        // There is no `Date`: at least a thirtieth of the life remains.
        (None, 500, 500),
        (None, 100, 120),
        (None, -100, 3_600),
        // The `Date` differs from our clock.
        (Some(1_000), 2_000, 1_000),
        (Some(1_000), 1_100, 120),
        (Some(1_000), 900, 0),
    ] {
        assert_eq!(issuer(date).shortened(HOUR, after(end)), secs(life), "{date:?} {end}");
    }
}

#[test]
fn a_token_has_certainly_expired_only_if_both_clocks_say_so() {
    for (date, end, ended) in [
        (Some(0), -61, true),
        (Some(0), -60, false),
        (Some(0), 0, false),
        (Some(1_000), -10, false),
        (Some(-1_000), -100, false),
        (None, -1_000, false),
    ] {
        assert_eq!(issuer(date).says_twice_that_it_ended(after(end)), ended, "{date:?} {end}");
    }
}

#[test]
fn a_life_is_stated_if_any_of_its_facts_is_known() {
    let now = Now::new(secs(50), UNIX_EPOCH + after(0));
    let of = |stated: Stated, exp: Option<i64>| {
        let claims = Times::new(None, exp.map(|exp| after(exp).as_secs_f64()));
        let life = life(&stated, claims, (now, now), secs(300));
        (life.life, life.stated)
    };
    let nothing = Stated::default;
    assert_eq!(of(nothing(), None), (secs(300), false));
    assert_eq!(of(Stated { expires_in: Some(HOUR), ..nothing() }, None), (HOUR, true));
    assert_eq!(of(Stated { expires_at: Some(after(100)), ..nothing() }, None), (secs(100), true));
    assert_eq!(of(nothing(), Some(100)), (secs(100), true));
}

#[test]
fn a_stated_life_is_over_only_if_the_token_has_expired_by_both_clocks() {
    let now = Now::new(secs(50), UNIX_EPOCH + after(0));
    let ended = Times::new(None, Some(after(-1_000).as_secs_f64()));
    for (date, expected) in [(Some(0), secs(0)), (Some(-1_000), HOUR), (None, HOUR)] {
        let stated =
            Stated { expires_in: Some(HOUR), issuers_clock: date.map(after), ..Stated::default() };
        assert_eq!(life(&stated, ended, (now, now), secs(300)).life, expected, "{date:?}");
    }
}
