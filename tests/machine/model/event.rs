//! What may happen to a source, in plain words.

use std::fmt;
use std::time::Duration;

use proptest::prelude::*;

use crate::token::machine::backoff::{Fault, Nature};

/// One step. It names tokens and refreshes by how many came after them, so that it means something in any place of
/// the sequence.
#[derive(Clone)]
pub(crate) enum Event {
    TimePasses(Duration),
    /// The clocks go on to this moment, or to just before it.
    Comes(Moment, bool),
    Suspended(Duration),
    ClockSetForward(Duration),
    ClockSetBack(Duration),
    Ask,
    Refused(Back),
    Doubted(Back),
    /// The task of a refresh ends.
    Ends(Back, Answer),
    /// The task of a refresh is dropped with its runtime.
    Vanishes(Back),
    /// A caller has waited for the refresh as long as the limit allows.
    WaitedTooLong,
    Rotated {
        used: Back,
        sent_ago: Duration,
        token: Token,
    },
    ReplayAccepted(Back),
    RejectedTokenAccepted(Back, Duration),
    RetryNow,
    Reload {
        changed: bool,
    },
}

pub(crate) type Back = usize;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    RefreshAhead,
    HardMargin,
    End,
    NextAttempt,
    RefreshLimit,
    NextReload,
    Settled,
}

#[derive(Clone)]
pub(crate) enum Answer {
    /// `at_once`: the request was sent when the refresh began; else it was sent just now.
    Token {
        at_once: bool,
        token: Token,
    },
    Error(Fault),
}

#[derive(Clone, Copy)]
pub(crate) struct Token {
    pub(crate) life: Duration,
    pub(crate) stated: bool,
    /// How much later its claims say that it ends.
    pub(crate) dated_by: Option<Duration>,
    pub(crate) same: bool,
    pub(crate) refresh_after: Option<Duration>,
    pub(crate) refresh_token: bool,
    pub(crate) claimed: (Option<Duration>, Option<Duration>),
}

/// How the source is configured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) refresh_limit: Duration,
    pub(crate) credentials_may_change: bool,
    pub(crate) fixed: bool,
    pub(crate) settling_time: Duration,
    pub(crate) story: Story,
}

/// Which events are likely.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Story {
    Any,
    /// Many refusals and renewals in a short time.
    Busy,
    /// A token of a day, and an outage that lasts.
    Outage,
}

/// Simple durations first: shrinking moves to the first ones.
fn one_of(millis: &'static [u64]) -> impl Strategy<Value = Duration> {
    (0..millis.len()).prop_map(|nth| Duration::from_millis(millis[nth]))
}

fn back() -> impl Strategy<Value = Back> {
    prop_oneof![6 => Just(0), 3 => Just(1), 1 => 2..6_usize]
}

const DAY: u64 = 86_400_000;

pub(crate) fn any_setup() -> impl Strategy<Value = Setup> {
    let limit = one_of(&[11_000, 1_010, 61_000]);
    let fixed = prop_oneof![19 => Just(false), 1 => Just(true)];
    let story =
        prop_oneof![6 => Just(Story::Any), 3 => Just(Story::Busy), 1 => Just(Story::Outage)];
    let settling_time = one_of(&[0, 5_000, 30_000]);
    (0..1_000_u64, limit, any::<bool>(), fixed, (settling_time, story)).prop_map(
        |(seed, refresh_limit, credentials_may_change, fixed, (settling_time, story))| Setup {
            seed,
            refresh_limit,
            credentials_may_change,
            fixed,
            settling_time,
            story,
        },
    )
}

fn any_token() -> impl Strategy<Value = Token> {
    let life = prop_oneof![
        4 => one_of(&[3_600_000, 600_000, 300_000, 60_000, 20_000, 3_000]),
        1 => one_of(&[0, 1, 999, 1_000, 2_000, 5_000, DAY, 36_500 * DAY]),
        1 => (0..4_000_000_u64).prop_map(Duration::from_millis),
    ];
    let same = prop_oneof![4 => Just(false), 1 => Just(true)];
    let claim = || proptest::option::of((0..4_u64).prop_map(Duration::from_secs));
    let stated = prop_oneof![1 => Just(false), 2 => Just(true)];
    let dated_by = prop_oneof![
        2 => Just(None),
        2 => Just(Some(Duration::ZERO)),
        1 => (0..8_000_u64).prop_map(|secs| Some(Duration::from_secs(secs))),
    ];
    let refresh_after = prop_oneof![
        3 => Just(None),
        1 => one_of(&[60_000, 1_000, 2_500, 700_000, DAY]).prop_map(Some),
    ];
    let same = (same, refresh_after);
    (life, (stated, dated_by), same, any::<bool>(), (claim(), claim())).prop_map(
        |(life, (stated, dated_by), (same, refresh_after), refresh_token, claimed)| Token {
            life,
            stated,
            dated_by,
            same,
            refresh_after,
            refresh_token,
            claimed,
        },
    )
}

fn any_answer() -> impl Strategy<Value = Answer> {
    let token =
        (any::<bool>(), any_token()).prop_map(|(at_once, token)| Answer::Token { at_once, token });
    let nature = prop_oneof![
        3 => Just(Nature::Passing),
        2 => Just(Nature::InDoubt),
        1 => Just(Nature::Lasting),
    ];
    let retry_after = prop_oneof![
        4 => Just(None),
        1 => one_of(&[0, 500, 7_000, 60_000, 299_000, 300_000, 301_000, 30 * DAY]).prop_map(Some),
    ];
    let error = (nature, retry_after)
        .prop_map(|(nature, retry_after)| Answer::Error(Fault { nature, retry_after }));
    prop_oneof![3 => token, 2 => error]
}

pub(crate) fn any_event() -> impl Strategy<Value = Event> {
    let step = || {
        one_of(&[
            0, 1, 10, 250, 500, 1_000, 3_000, 11_000, 30_000, 120_000, 900_000, 3_600_000, DAY,
        ])
    };
    let moment = proptest::sample::select(vec![
        Moment::RefreshAhead,
        Moment::HardMargin,
        Moment::End,
        Moment::NextAttempt,
        Moment::RefreshLimit,
        Moment::NextReload,
        Moment::Settled,
    ]);
    let rotated = (back(), one_of(&[0, 1, 500, 10_000, 60_000]), any_token());
    let accepted = (back(), one_of(&[0, 1, 500, 10_000]));
    prop_oneof![
        24 => Just(Event::Ask),
        12 => back().prop_map(Event::Refused),
        6 => back().prop_map(Event::Doubted),
        22 => (back(), any_answer()).prop_map(|(refresh, answer)| Event::Ends(refresh, answer)),
        12 => (moment, any::<bool>()).prop_map(|(moment, just_before)| Event::Comes(moment, just_before)),
        10 => step().prop_map(Event::TimePasses),
        1 => step().prop_map(Event::Suspended),
        1 => step().prop_map(Event::ClockSetForward),
        1 => step().prop_map(Event::ClockSetBack),
        8 => rotated.prop_map(|(used, sent_ago, token)| Event::Rotated { used, sent_ago, token }),
        4 => back().prop_map(Event::ReplayAccepted),
        3 => accepted.prop_map(|(token, ago)| Event::RejectedTokenAccepted(token, ago)),
        2 => back().prop_map(Event::Vanishes),
        2 => Just(Event::WaitedTooLong),
        2 => Just(Event::RetryNow),
        5 => any::<bool>().prop_map(|changed| Event::Reload { changed }),
    ]
}

/// Events that empty and fill the budget of renewals.
pub(crate) fn any_busy_event() -> impl Strategy<Value = Event> {
    let renewed = any_token().prop_map(|token| {
        let life = Duration::from_secs(3_600);
        Event::Ends(0, Answer::Token { at_once: false, token: Token { life, ..token } })
    });
    let step = one_of(&[0, 1, 500, 5_000, 29_000, 30_000]);
    let accepted = (back(), one_of(&[0, 1, 500]));
    prop_oneof![
        30 => back().prop_map(Event::Refused),
        6 => back().prop_map(Event::Doubted),
        30 => renewed,
        6 => back().prop_map(Event::ReplayAccepted),
        6 => accepted.prop_map(|(token, ago)| Event::RejectedTokenAccepted(token, ago)),
        6 => step.prop_map(Event::TimePasses),
        10 => any_event(),
    ]
}

/// Events that make the pauses grow to their longest, with a token in use.
pub(crate) fn any_event_of_an_outage() -> impl Strategy<Value = Event> {
    let renewed = any_token().prop_map(|token| {
        let life = Duration::from_millis(DAY);
        Event::Ends(0, Answer::Token { at_once: false, token: Token { life, ..token } })
    });
    let outage = Answer::Error(Fault { nature: Nature::Passing, retry_after: None });
    prop_oneof![
        30 => Just(Event::Ask),
        30 => Just(Event::Comes(Moment::NextAttempt, false)),
        30 => Just(Event::Ends(0, outage)),
        4 => Just(Event::Comes(Moment::RefreshAhead, false)),
        4 => renewed,
        2 => any_event(),
    ]
}

// ===== in words =====

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::TimePasses(time) => write!(f, "{time:?} pass"),
            Event::Comes(moment, true) => write!(f, "time passes until 1 ns before {moment:?}"),
            Event::Comes(moment, false) => write!(f, "time passes until {moment:?}"),
            Event::Suspended(time) => write!(f, "suspended for {time:?}"),
            Event::ClockSetForward(time) => write!(f, "the wall clock is set forward by {time:?}"),
            Event::ClockSetBack(time) => write!(f, "the wall clock is set back by {time:?}"),
            Event::Ask => write!(f, "somebody asks"),
            Event::Refused(token) => write!(f, "{} is refused", nth(*token, "token")),
            Event::Doubted(token) => write!(f, "{} is doubted", nth(*token, "token")),
            Event::Ends(refresh, answer) => {
                write!(f, "{} ends: {answer:?}", nth(*refresh, "refresh"))
            }
            Event::Vanishes(refresh) => write!(f, "{} vanishes", nth(*refresh, "refresh")),
            Event::WaitedTooLong => write!(f, "somebody has waited for the refresh's whole limit"),
            Event::Rotated { used, sent_ago, token } => {
                let used = nth(*used, "token");
                write!(f, "a request sent {sent_ago:?} ago with {used} brings {token:?}")
            }
            Event::ReplayAccepted(token) => {
                write!(f, "a replay is accepted with {}", nth(*token, "token"))
            }
            Event::RejectedTokenAccepted(token, ago) => {
                write!(f, "a request sent {ago:?} ago is accepted with {}", nth(*token, "token"))
            }
            Event::RetryNow => write!(f, "retry_now()"),
            Event::Reload { changed: true } => {
                write!(f, "the credentials, changed, are reloaded")
            }
            Event::Reload { changed: false } => write!(f, "the credentials are reloaded"),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Token { at_once: true, token } => write!(f, "{token:?}, sent at its start"),
            Answer::Token { at_once: false, token } => write!(f, "{token:?}, sent now"),
            Answer::Error(Fault { nature, retry_after }) => {
                f.write_str(match nature {
                    Nature::Passing => "an outage",
                    Nature::InDoubt => "a 4xx that cannot be read",
                    Nature::Lasting => "the credentials are refused",
                })?;
                retry_after.map_or(Ok(()), |time| write!(f, ", Retry-After {time:?}"))
            }
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.same { "the same token" } else { "a token" })?;
        write!(f, " for {:?}", self.life)?;
        f.write_str(if self.stated { "" } else { ", by default" })?;
        self.dated_by.map_or(Ok(()), |by| write!(f, ", dated {by:?} longer"))?;
        self.refresh_after.map_or(Ok(()), |time| write!(f, ", renewed after {time:?}"))?;
        f.write_str(if self.refresh_token { ", with a refresh token" } else { "" })?;
        self.claimed.0.map_or(Ok(()), |iat| write!(f, ", iat {iat:?}"))?;
        self.claimed.1.map_or(Ok(()), |exp| write!(f, ", exp {exp:?}"))
    }
}

fn nth(back: Back, what: &str) -> String {
    match back {
        0 => format!("the newest {what}"),
        back => format!("the {what} {back} before the newest"),
    }
}
