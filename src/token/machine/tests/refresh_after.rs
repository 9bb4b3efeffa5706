//! An exchange that says when its token is renewed, although the token lives longer.

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn looked(now: Now, left: f64, same: bool) -> Arrival {
    let life = Duration::from_secs_f64(left);
    Arrival { life, same, refresh_after: Some(MINUTE), dated: Some(life), ..arrival(now) }
}

fn window_of(finished: &Finished) -> Window {
    match finished {
        Finished::Adopt { window, .. } => *window,
        other => panic!("adopted, not {other:?}"),
    }
}

#[test]
fn a_token_is_renewed_after_the_stated_time_and_its_margin_and_expiry_stay() {
    let mut machine = machine();
    let id = start(&mut machine, at(0.0));
    let window = window_of(&machine.finished(at(2.0), id, Ok(looked(at(0.0), 3_600.0, false))));
    assert_eq!(window.refresh_at, at(62.0), "the time counts from the end of the exchange");
    assert_eq!((window.margin_at, window.ends_at), (at(3_570.0), at(3_600.0)));
    assert_eq!(machine.ask(at(61.9)), (Ask::Use, None));
    let (ask, started) = machine.ask(at(62.0));
    assert_eq!((ask, started.map(|it| it.reason)), (Ask::Use, Some(Reason::RefreshAhead)));
}

#[test]
fn eighty_percent_of_the_life_comes_first_if_the_stated_time_is_not_earlier() {
    for (life, earliest, latest) in [(75.0, 60.0, 67.5), (30.0, 24.0, 27.0), (76.0, 60.0, 60.0)] {
        let mut machine = machine();
        let id = start(&mut machine, at(0.0));
        let window = window_of(&machine.finished(at(0.0), id, Ok(looked(at(0.0), life, false))));
        let refresh_in = at(0.0).until(window.refresh_at).as_secs_f64();
        assert!((earliest..=latest).contains(&refresh_in), "{life}: {refresh_in}");
    }
}

/// The file of a token that nobody rewrites.
#[test]
fn the_same_token_again_is_looked_at_once_a_minute_until_it_is_old() {
    let mut machine = machine();
    let (mut looks, mut time) = (Vec::new(), 0.0);
    while time < 3_600.0 {
        if let (ask, Some(start)) = machine.ask(at(time)) {
            let is_old = time > 3_600.0 - 75.0;
            assert!(ask == Ask::Use || looks.is_empty() || is_old, "a request waits at {time}");
            let arrival = looked(at(time), 3_600.0 - time, !looks.is_empty());
            let window = window_of(&machine.finished(at(time), start.id, Ok(arrival)));
            assert_eq!(window.ends_at, at(3_600.0));
            looks.push(time);
        }
        time += 0.5;
    }
    let young: Vec<_> = looks.iter().filter(|time| **time <= 3_540.0).collect();
    assert!(young.windows(2).all(|pair| pair[1] - pair[0] >= 60.0), "{looks:?}");
    assert!((58..=60).contains(&young.len()), "{looks:?}");
    assert!(looks.len() - young.len() <= 5, "{looks:?}");
    let counters = machine.status(at(3_600.0)).counters;
    assert_eq!((counters.exchanges_failed, counters.refusals), (0, 0));
}

#[test]
fn a_token_without_a_known_end_stays_in_use_for_a_day() {
    let mut machine = machine();
    let (mut looks, mut time) = (0_u32, 0.0);
    while time < 86_400.0 {
        let (ask, started) = machine.ask(at(time));
        assert!(ask == Ask::Use || time == 0.0, "a request waits at {time}");
        if let Some(start) = started {
            let arrival =
                Arrival { stated: false, dated: None, ..looked(at(time), 300.0, looks > 0) };
            window_of(&machine.finished(at(time), start.id, Ok(arrival)));
            looks += 1;
        }
        time += 0.5;
    }
    assert!((1_438..=1_441).contains(&looks), "{looks}");
}

#[test]
fn a_failure_before_the_token_is_old_pauses_as_usual_and_the_token_stays() {
    let mut machine = machine();
    let id = start(&mut machine, at(0.0));
    machine.finished(at(0.0), id, Ok(looked(at(0.0), 3_600.0, false)));
    let id = start(&mut machine, at(60.0));
    let Finished::Failed { retry_in, .. } = machine.finished(at(60.0), id, Err(DOWN)) else {
        panic!("failed")
    };
    assert!((0.8..=1.0).contains(&retry_in.as_secs_f64()), "{retry_in:?}");
    assert_eq!(machine.ask(at(60.5)), (Ask::Use, None));
    let id = start(&mut machine, at(61.0));
    let window = window_of(&machine.finished(at(61.0), id, Ok(looked(at(61.0), 3_539.0, true))));
    assert_eq!(window.refresh_at, at(121.0));
}

#[test]
fn the_pauses_for_the_same_token_begin_anew_after_a_look_at_a_young_one() {
    let mut machine = machine();
    let again = |now: f64, life: f64, same| Arrival { dated: None, ..looked(at(now), life, same) };
    let id = start(&mut machine, at(0.0));
    machine.finished(at(0.0), id, Ok(again(0.0, 40.0, false)));
    let (mut now, mut pauses) = (36.0, Vec::new());
    // Old four times, then young, then old. A long pause ends with the life; after a short one there is a margin.
    for life in [5.0, 5.0, 5.0, 5.0, 3_600.0, 5.0] {
        let (_, started) = machine.ask(at(now));
        let id = started.expect("a look is due").id;
        let window = window_of(&machine.finished(at(now), id, Ok(again(now, life, true))));
        pauses.push(at(now).until(window.margin_at).as_secs_f64());
        now += at(now).until(window.refresh_at).as_secs_f64();
    }
    assert!(pauses[3] > 4.4 && pauses[5] <= 4.5, "{pauses:?}");
}
