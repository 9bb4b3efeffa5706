//! The SVG and the text.

use proptest::prelude::*;
use tower_outbound_auth::exchange::Reason;

use crate::timeline::model::{Answer, Event, What};
use crate::timeline::{Labels, Timeline, svg, text};
use crate::xml::{Element, elements};
use crate::{a_run, adopted, answered, exchanged, failed, ms, revoked};

const LABELS: Labels<'_> = Labels { title: "A run", callers: "callers" };

fn svg_of(events: &[Event]) -> String {
    svg::draw(&Timeline::of(events), &LABELS)
}

fn text_of(events: &[Event]) -> String {
    text::draw(&Timeline::of(events), &LABELS)
}

/// The elements of a class, without the legend, which is below the axis.
fn drawn(svg: &str, class: &str) -> Vec<Element> {
    let elements = elements(svg);
    let axis = elements.iter().filter(|it| it.get("class") == "small middle");
    let axis = axis.map(|it| it.number("y")).fold(0.0, f64::max);
    let is_above = |it: &Element| match it.name.as_str() {
        "path" => {
            it.get("d")[1..].split([' ', 'h', 'V']).nth(1).unwrap().parse::<f64>().unwrap() < axis
        }
        _ => it.number("y") < axis,
    };
    elements.into_iter().filter(|it| it.get("class") == class && is_above(it)).collect()
}

/// The place of a second on the axis, by the numbers below it.
fn x_of(svg: &str, seconds: f64) -> f64 {
    let elements = elements(svg);
    let marks: Vec<_> = elements.iter().filter(|it| it.get("class") == "small middle").collect();
    let step = marks[1].number("x") - marks[0].number("x");
    marks[0].number("x") + seconds * step / marks[1].text.parse::<f64>().unwrap()
}

fn assert_near(a: f64, b: f64) {
    assert!((a - b).abs() < 0.3, "{a} and {b}");
}

#[test]
fn the_bar_of_a_refused_token_ends_at_its_refusal() {
    let svg = svg_of(&a_run());
    let (bars, lost) = (drawn(&svg, "token"), drawn(&svg, "lost"));
    assert_eq!((bars.len(), lost.len()), (3, 1));
    assert_near(bars[1].number("x") + bars[1].number("width"), x_of(&svg, 4.01));
    assert_near(lost[0].number("x"), x_of(&svg, 4.01));
    assert_near(lost[0].number("x") + lost[0].number("width"), x_of(&svg, 5.5));
}

#[test]
fn the_rest_of_a_life_and_its_renewal_can_be_seen() {
    let svg = svg_of(&a_run());
    let (rest, renewed) = (&drawn(&svg, "rest")[0], &drawn(&svg, "renewed"));
    assert_near(rest.number("x"), x_of(&svg, 2.6));
    assert_near(rest.number("x") + rest.number("width"), x_of(&svg, 3.0));
    assert_eq!(renewed.len(), 1, "the renewal after the refusal was not ahead of expiry");
    assert_near(renewed[0].number("x"), x_of(&svg, 2.5));
}

#[test]
fn a_wait_is_drawn_as_long_as_it_was() {
    let events =
        [answered(0, 0, 2_500, Answer::AtOnce), exchanged(2_400, Reason::First, 1), revoked(9_000)];
    let svg = svg_of(&events);
    let path = drawn(&svg, "wait")[0].get("d").to_owned();
    let (start, length) = path.strip_prefix('M').unwrap().split_once('h').unwrap();
    let start: f64 = start.split(' ').next().unwrap().parse().unwrap();
    assert_near(start, x_of(&svg, 0.0));
    assert_near(start + length.parse::<f64>().unwrap(), x_of(&svg, 2.5));

    let text = text_of(&events);
    let line = text.lines().find(|line| line.contains("waiting")).unwrap();
    let columns = line.chars().filter(|char| ('▁'..='█').contains(char)).count();
    assert_eq!(columns, 86 * 25 / 90 + 1, "{text}");
}

#[test]
fn each_refusal_each_second_sending_and_each_failure_has_a_mark() {
    let mut events = a_run();
    events.push(answered(2, 5_000, 5_010, Answer::Refused));
    events.push(answered(2, 6_000, 6_010, Answer::Failed));
    let svg = svg_of(&events);
    let marks = |class| drawn(&svg, class)[0].get("d").split('M').skip(1).count();
    assert_eq!((marks("refused"), marks("again"), marks("failed")), (2, 1, 1));
    let text = text_of(&events);
    assert!(text.contains(", 1 sent again, 1 refused, 1 failed\n"), "{text}");
    for lane in ["  sent again", "  refused", "  failed"] {
        let line = text.lines().find(|line| line.starts_with(lane)).unwrap();
        assert_eq!(line.matches('█').count(), 1, "{text}");
    }
    let again = drawn(&svg, "again")[0].get("d").to_owned();
    assert_near(again[1..].split(' ').next().unwrap().parse().unwrap(), x_of(&svg, 4.114));
}

#[test]
fn the_revocation_is_a_line_at_its_time() {
    let svg = svg_of(&a_run());
    let line = drawn(&svg, "moment")[0].get("d").to_owned();
    assert_near(line[1..].split(' ').next().unwrap().parse().unwrap(), x_of(&svg, 4.0));
    let text = text_of(&a_run());
    let line = text.lines().find(|line| line.contains('▼')).unwrap();
    assert_eq!(line.chars().position(|c| c == '▼'), Some(13 + 86 * 4 / 10), "{text}");
}

#[test]
fn a_failed_exchange_is_marked_in_both_drawings() {
    let events = [failed(600, Reason::First), exchanged(2_000, Reason::First, 1), revoked(3_000)];
    assert_eq!(drawn(&svg_of(&events), "failure").len(), 1);
    let text = text_of(&events);
    let line = text.lines().find(|line| line.starts_with("exchanges")).unwrap();
    assert!(line.contains('x') && line.contains('F'), "{text}");
    assert!(text.contains("x failed"), "{text}");
}

#[test]
fn the_legend_has_only_what_is_in_the_picture() {
    let svg = svg_of(&[exchanged(100, Reason::First, 1), revoked(900)]);
    let texts: Vec<_> = elements(&svg).into_iter().map(|it| it.text).collect();
    let has = |what: &str| texts.iter().any(|text| text.contains(what));
    assert!(has("token in use") && has("exchange: requests wait for it"));
    assert!(!has("exchange that failed") && !has("second sending") && !has("after a refusal"));
    let text = text_of(&a_run());
    let legend = text.lines().next_back().unwrap();
    for sign in ["█ in use", "× refused", "F first", "A ahead", "R refused"] {
        assert!(legend.contains(sign), "{legend}");
    }
}

#[test]
fn special_characters_in_a_label_are_escaped() {
    let labels = Labels { title: "<a href=\"x\">&\u{0}\u{1b}[2J\u{ffff}", callers: "</svg>&amp;" };
    let svg = svg::draw(&Timeline::of(&a_run()), &labels);
    let elements = elements(&svg);
    let title = elements.iter().find(|it| it.get("class") == "title").unwrap();
    assert_eq!(title.text, "<a href=\"x\">&[2J");
    assert!(elements.iter().any(|it| it.text == "2 </svg>&amp;"));
}

#[test]
fn the_picture_needs_nothing_from_elsewhere_and_fits_light_and_dark_pages() {
    let svg = svg_of(&a_run());
    assert!(svg.contains("@media (prefers-color-scheme: dark)"));
    let svg = svg.replacen("xmlns=\"http://www.w3.org/2000/svg\"", "", 1);
    for foreign in ["http", "url(", "@import", "@font-face", "<script", "<image", "href", "onload"]
    {
        assert!(!svg.contains(foreign), "{foreign}");
    }
}

#[test]
fn no_events_give_a_picture_with_an_axis() {
    let svg = svg_of(&[]);
    assert_eq!(drawn(&svg, "lane").len(), 3);
    assert!(svg.contains("no exchanges"), "{svg}");
    let text = text_of(&[]);
    assert!(text.lines().any(|line| line.starts_with("seconds")), "{text}");
}

#[test]
fn the_same_events_give_the_same_drawings() {
    let mut backwards = a_run();
    backwards.reverse();
    assert_eq!(svg_of(&backwards), svg_of(&a_run()));
    assert_eq!(text_of(&backwards), text_of(&a_run()));
}

#[test]
fn thousands_of_tokens_and_requests_stay_a_small_picture() {
    let mut events = vec![exchanged(100, Reason::First, 1)];
    events.extend((2..10_000).map(|generation| adopted(100 + generation, generation)));
    let answer = |it| if it % 10 == 0 { Answer::SentAgain } else { Answer::AtOnce };
    events.extend((0..20_000).map(|it| answered(it % 500, it, it + 3, answer(it / 500))));
    let svg = svg_of(&events);
    assert_eq!(drawn(&svg, "token").len(), 2);
    assert!(svg.len() < 64 * 1024, "{} bytes", svg.len());
}

/// The words beside exchanges, and the numbers of the axis.
#[test]
fn no_two_texts_of_the_picture_overlap() {
    for pause in [10, 60, 150, 400, 1_100] {
        let reason = |at: u64| Reason::ALL[at as usize % Reason::ALL.len()];
        let events: Vec<_> = (1..=12).map(|at| failed(200 + at * pause, reason(at))).collect();
        let svg = svg_of(&events);
        let mut texts: Vec<_> = elements(&svg).into_iter().filter(|it| it.name == "text").collect();
        texts.retain(|it| it.get("class") != "title" && it.get("class") != "name");
        let place = |it: &Element| {
            let width = it.text.chars().count() as f64 * 6.3;
            let from =
                it.number("x") - if it.get("class").contains("middle") { width / 2.0 } else { 0.0 };
            (it.number("y"), from, from + width)
        };
        for (at, one) in texts.iter().enumerate() {
            for other in &texts[at + 1..] {
                let ((y, from, to), (its_y, its_from, its_to)) = (place(one), place(other));
                assert!(y != its_y || to <= its_from || its_to <= from, "{one:?} {other:?}");
            }
        }
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let times = prop_oneof![0..20_000_u64, 0..u64::MAX / 2];
    let answers = [Answer::AtOnce, Answer::SentAgain, Answer::Refused, Answer::Failed];
    (times.clone(), times, 0..6_u8, any::<u64>(), 0..Reason::ALL.len(), 0..answers.len()).prop_map(
        move |(at, took, what, number, reason, answer)| {
            let (at, took, reason) = (ms(at), ms(took), Reason::ALL[reason]);
            let refresh = number % 20;
            let what = match what {
                0 => What::ExchangeBegan { refresh, reason },
                1 => {
                    let (generation, expires_in) = (number, Some(took));
                    What::ExchangeSucceeded { refresh, reason, took, generation, expires_in }
                }
                2 => What::ExchangeFailed { refresh, reason, took },
                3 => What::TokenAdopted { generation: number, expires_in: Some(took) },
                4 => What::Mark("something happens"),
                _ => What::Answered {
                    caller: number % 70,
                    began: at.saturating_sub(took),
                    took,
                    answer: answers[answer],
                },
            };
            Event { at, what }
        },
    )
}

proptest! {
    #[test]
    fn any_events_give_a_well_formed_picture_and_a_text_of_100_columns(
        events in prop::collection::vec(any_event(), 0..60)
    ) {
        let svg = svg_of(&events);
        for element in elements(&svg) {
            let right = element.get("width").parse::<f64>().map(|it| it + element.number("x"));
            prop_assert!(right.is_err() || right.clone().unwrap() <= 944.1, "{element:?}");
        }
        let text = text_of(&events);
        for line in text.lines() {
            prop_assert!(line.chars().count() <= 100, "{line}");
        }
    }
}

#[test]
fn the_picture_in_the_readme_is_well_formed_and_has_the_current_style() {
    let svg = include_str!("../../docs/timeline.svg");
    assert!(drawn(svg, "token").len() > 2 && drawn(svg, "moment").len() == 1);
    assert!(svg.contains(include_str!("../../examples/common/timeline/style.css")));
}

#[test]
fn the_text_of_a_long_run_has_its_whole_summary_and_numbers_that_do_not_overlap() {
    let seconds = |at: usize| 60_000 * at as u64;
    let mut events: Vec<_> = Reason::ALL
        .iter()
        .enumerate()
        .map(|(at, reason)| failed(seconds(at + 1), *reason))
        .collect();
    events.push(revoked(540_000));
    let text = text_of(&events);
    let whole = text.replace('\n', " ");
    assert!(
        whole.contains("1 after expiry, 1 after a refusal, 1 after a doubtful answer"),
        "{text}"
    );
    let axis = text.lines().find_map(|line| line.strip_prefix("seconds")).unwrap();
    let numbers: Vec<u64> = axis.split_whitespace().map(|it| it.parse().unwrap()).collect();
    assert_eq!(numbers, (0..540).step_by(30).collect::<Vec<_>>(), "540 has no room");
}
