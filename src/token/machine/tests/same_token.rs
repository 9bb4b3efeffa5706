//! An endpoint that returns the current token again, and tokens with an older `iat`.

use super::*;

#[test]
fn the_same_token_again_gets_no_longer_life_and_causes_no_exchange_each_time() {
    let mut machine = machine();
    let id = start(&mut machine, at(0.0));
    let first = Arrival { dated: Some(HOUR), ..arrival(at(0.0)) };
    let Finished::Adopt { generation: token, .. } = machine.finished(at(0.0), id, Ok(first)) else {
        panic!("adopted")
    };
    let mut asked = 0;
    let mut time = 2_880.0;
    while time < 3_600.0 {
        if let (_, Some(start)) = machine.ask(at(time)) {
            asked += 1;
            let again = Arrival { dated: Some(HOUR), same: true, ..arrival(at(time)) };
            let Finished::Adopt { generation, window, .. } =
                machine.finished(at(time), start.id, Ok(again))
            else {
                panic!("adopted")
            };
            assert_eq!(generation, token, "the token is the same");
            assert_eq!(window.ends_at, at(3_600.0), "the expiry stays the same");
        }
        time += 0.1;
    }
    assert!(asked <= 20, "{asked}");
    assert!(matches!(machine.ask(at(3_600.0)).0, Ask::Wait));
}

#[test]
fn the_same_token_again_without_a_life_keeps_its_known_expiry() {
    for (first, ends) in [(true, 100.0), (false, 390.0)] {
        let mut machine = machine();
        let brief = |now, life, stated, same| Arrival {
            life: Duration::from_secs(life),
            stated,
            same,
            ..arrival(now)
        };
        let id = start(&mut machine, at(0.0));
        machine.finished(at(0.0), id, Ok(brief(at(0.0), 100, first, false)));
        let id = start(&mut machine, at(90.0));
        let again = brief(at(90.0), 300, false, true);
        let Finished::Adopt { window, .. } = machine.finished(at(90.0), id, Ok(again)) else {
            panic!("adopted")
        };
        assert_eq!(window.ends_at, at(ends), "{first:?}");
    }
}

#[test]
fn the_same_token_again_gets_the_newly_stated_life_up_to_its_dated_expiry() {
    let mut machine = machine();
    let said = |now, life, same| Arrival {
        life: Duration::from_secs(life),
        dated: Some(Duration::from_secs(250)),
        same,
        ..arrival(now)
    };
    let id = start(&mut machine, at(0.0));
    machine.finished(at(0.0), id, Ok(said(at(0.0), 100, false)));
    for (now, ends) in [(95.0, 195.0), (190.0, 250.0)] {
        let id = start(&mut machine, at(now));
        let again = machine.finished(at(now), id, Ok(said(at(now), 100, true)));
        let Finished::Adopt { window, .. } = again else { panic!("adopted") };
        assert_eq!(window.ends_at, at(ends), "{now}");
    }
}

#[test]
fn an_expired_token_that_the_endpoint_repeats_without_a_life_is_used_again() {
    let mut machine = machine();
    let (id, silent) = (start(&mut machine, at(0.0)), |now| {
        let life = Duration::from_secs(300);
        Arrival { life, stated: false, same: true, ..arrival(now) }
    });
    machine.finished(at(0.0), id, Ok(arrival(at(0.0))));
    let (mut now, mut failures) = (3_600.0, 0);
    loop {
        let id = start(&mut machine, at(now));
        match machine.finished(at(now), id, Ok(silent(at(now)))) {
            Finished::Failed { dead: true, retry_in, .. } => now += retry_in.as_secs_f64(),
            Finished::Adopt { window, .. } => {
                assert_eq!(window.ends_at, at(now + 300.0));
                break;
            }
            other => panic!("{other:?}"),
        }
        failures += 1;
    }
    assert_eq!(failures, 3);
}

#[test]
fn an_endpoint_that_repeats_the_token_is_not_asked_again_before_its_expiry() {
    let mut machine = machine();
    let brief = |now, same| Arrival { life: Duration::from_secs(3), same, ..arrival(now) };
    let id = start(&mut machine, at(0.0));
    machine.finished(at(0.0), id, Ok(brief(at(0.0), false)));
    for round in 1..=5 {
        let now = at(f64::from(round) * 3.0);
        let id = start(&mut machine, now);
        let finished = machine.finished(now, id, Ok(brief(now, true)));
        let Finished::Adopt { window, .. } = finished else { panic!("{finished:?}") };
        assert_eq!(window.refresh_at == window.ends_at, round >= 3, "round {round}");
    }
}

#[test]
fn the_same_token_again_is_a_failure_only_after_its_expiry() {
    let (mut machine, token) = with_token(at(0.0));
    let again = |now| Arrival { life: Duration::ZERO, same: true, ..arrival(now) };
    let id = start(&mut machine, at(3_599.5));
    match machine.finished(at(3_599.5), id, Ok(again(at(3_599.5)))) {
        Finished::Adopt { generation, .. } => assert_eq!(generation, token),
        other => panic!("{other:?}"),
    }
    let id = start(&mut machine, at(3_600.0));
    let finished = machine.finished(at(3_600.0), id, Ok(again(at(3_600.0))));
    assert!(matches!(finished, Finished::Failed { dead: true, .. }), "{finished:?}");
    let counters = machine.status(at(3_600.0)).counters;
    assert_eq!((counters.exchanges_succeeded, counters.same_token), (2, 1));
}

/// A token endpoint with a cache. It returns one token until the token expires, with the rest of its
/// life in whole seconds.
#[test]
fn a_caching_endpoint_causes_errors_only_for_a_moment_after_the_expiry() {
    for life in [20_u64, 60, 300, 3_600] {
        let mut machine = machine();
        let (mut issued, mut unusable_for, mut exchanges) = (0.0, 0, 0);
        let steps = (life as f64 * 5.0 / 0.05) as u64;
        for step in 0..steps {
            let time = f64::from(u32::try_from(step).unwrap()) * 0.05;
            let now = at(time);
            let (ask, started) = machine.ask(now);
            if matches!(ask, Ask::Fail { .. }) {
                assert!(
                    time >= life as f64,
                    "there is an error at {time} although the token is usable"
                );
                unusable_for += 1;
            }
            let Some(Start { id, .. }) = started else { continue };
            exchanges += 1;
            // The cache's clock is slightly behind ours.
            let same = exchanges > 1 && time - issued < life as f64 + 0.1;
            if !same {
                issued = time;
            }
            let left = (life as f64 - (time - issued)).max(0.0).floor();
            let arrival = Arrival { life: Duration::from_secs_f64(left), same, ..arrival(now) };
            machine.finished(now, id, Ok(arrival));
        }
        // The token is replaced five times. Each replacement takes at most some hundred
        // milliseconds.
        assert!(unusable_for <= 4 * 8, "{unusable_for} callers failed at a life of {life} s");
        assert!(exchanges <= 5 * 20, "{exchanges} exchanges at a life of {life} s");
    }
}

#[test]
fn a_token_in_the_answer_to_the_current_token_is_newer_even_in_the_same_second() {
    let (mut machine, mut token) = with_token(at(0.0));
    for _ in 0..100 {
        (token, _) = machine.rotated(at(1.0), token, &arrival(at(0.0))).expect("adopted");
    }
}

#[test]
fn a_token_in_the_answer_to_the_current_token_is_not_newer_if_its_iat_is_older() {
    let issued = |secs: f64, iat: u64| Arrival {
        claimed: (Some(Duration::from_secs(iat)), None),
        ..arrival(at(secs))
    };
    let mut machine = machine();
    let id = start(&mut machine, at(0.0));
    machine.finished(at(0.0), id, Ok(issued(0.0, 1_000)));
    let token = machine.current.as_ref().unwrap().generation;
    assert_eq!(machine.rotated(at(1.0), token, &issued(1.0, 939)), Err(NotAdopted::NotNewer));
    assert!(
        machine.rotated(at(1.0), token, &issued(1.0, 940)).is_ok(),
        "a difference within the tolerance is accepted"
    );
}
