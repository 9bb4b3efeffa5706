//! The pauses after failures, and the attempts near the end of a token.

use super::*;

#[test]
fn within_a_pause_nothing_starts_and_everybody_gets_the_stored_error() {
    let mut machine = machine();
    let id = start(&mut machine, at(0.0));
    let Finished::Failed { retry_in, failures: 1, .. } = machine.finished(at(1.0), id, Err(DOWN))
    else {
        panic!("failed")
    };
    assert!(retry_in >= Duration::from_millis(800) && retry_in <= Duration::from_secs(1));
    let (ask, started) = machine.ask(at(1.5));
    let Ask::Fail { age, .. } = ask else { panic!("{ask:?}") };
    assert_eq!((age, started), (Duration::from_millis(500), None));
    machine.lift_pause(at(1.6));
    start(&mut machine, at(1.6));
}

#[test]
fn refusals_of_credentials_are_counted_separately_from_outages() {
    let mut machine = machine();
    let refused = Fault { nature: Nature::Lasting, retry_after: None };
    let mut time = 0.0;
    for (fault, most) in [(DOWN, 1), (DOWN, 2), (refused, 10), (DOWN, 8), (refused, 20)] {
        let id = start(&mut machine, at(time));
        let finished = machine.finished(at(time), id, Err(fault));
        let Finished::Failed { retry_in, .. } = finished else { panic!("{finished:?}") };
        let most = Duration::from_secs(most);
        assert!(retry_in <= most && retry_in >= most.mul_f64(0.8), "{retry_in:?} of {most:?}");
        time += 100.0;
    }
}

#[test]
fn the_pause_after_a_failure_ends_at_the_expiry_of_the_token() {
    let (mut machine, _) = with_token(at(0.0));
    for (time, least, most) in [(3_599.5, 500, 500), (3_600.0, 800, 2_000)] {
        let id = start(&mut machine, at(time));
        let finished = machine.finished(at(time), id, Err(DOWN));
        let Finished::Failed { retry_in, .. } = finished else { panic!("{finished:?}") };
        assert!((least..=most).contains(&retry_in.as_millis()), "{retry_in:?} at {time}");
    }
}

#[test]
fn refused_credentials_are_reloaded_once_a_second_and_a_change_ends_the_pause() {
    let mut machine = machine().with_changing_credentials(true);
    let refuse = |machine: &mut Machine, now: Now| {
        let id = start(machine, now);
        let refused = Fault { nature: Nature::Lasting, retry_after: None };
        let finished = machine.finished(now, id, Err(refused));
        let Finished::Failed { retry_in, .. } = finished else { panic!("{finished:?}") };
        retry_in
    };
    assert!(!machine.reload_due(at(0.0)), "the credentials were not refused");
    refuse(&mut machine, at(0.0));
    for (time, looks) in [(0.9, false), (1.0, true), (1.9, false), (2.0, true), (2.1, false)] {
        assert_eq!(machine.reload_due(at(time)), looks, "{time}");
    }
    machine.credentials_changed(at(2.2));
    let retry_in = refuse(&mut machine, at(2.2));
    assert!(
        retry_in <= Duration::from_secs(10),
        "this is the first refusal of the new credentials: {retry_in:?}"
    );
}

#[test]
fn the_third_failure_in_doubt_in_a_row_is_paced_as_a_refusal() {
    let doubt = Fault { nature: Nature::InDoubt, retry_after: None };
    let refused = Fault { nature: Nature::Lasting, retry_after: None };
    // The length of the pause after each failure in a row, in seconds.
    for (faults, slots) in [
        (&[doubt; 8][..], &[1, 2, 10, 20, 40, 80, 160, 300][..]),
        (&[doubt, doubt, DOWN, doubt, doubt, doubt], &[1, 2, 4, 8, 16, 10]),
        (&[refused, doubt, doubt, doubt], &[10, 2, 4, 20]),
        (&[doubt, doubt, refused, doubt, doubt, doubt], &[1, 2, 10, 8, 16, 20]),
    ] {
        let mut machine = machine();
        let mut now = 0.0;
        for (fault, slot) in faults.iter().zip(slots) {
            let id = start(&mut machine, at(now));
            let finished = machine.finished(at(now), id, Err(*fault));
            let Finished::Failed { retry_in, .. } = finished else { panic!("{finished:?}") };
            let slot = f64::from(*slot);
            let within = (0.8 * slot - 1e-6)..=(slot + 1e-6);
            assert!(
                within.contains(&retry_in.as_secs_f64()),
                "{retry_in:?}, not {slot} s: {faults:?}"
            );
            now += 400.0;
        }
    }
}

#[test]
fn credentials_that_may_have_been_refused_are_reloaded_from_the_third_failure_in_doubt() {
    let mut machine = machine().with_changing_credentials(true);
    let doubt = Fault { nature: Nature::InDoubt, retry_after: None };
    for (time, looks) in [(0.0, false), (100.0, false), (200.0, true)] {
        let id = start(&mut machine, at(time));
        machine.finished(at(time), id, Err(doubt));
        assert_eq!(machine.reload_due(at(time + 1.0)), looks, "{time}");
    }
    machine.credentials_changed(at(202.0));
    let id = start(&mut machine, at(202.0));
    let finished = machine.finished(at(202.0), id, Err(doubt));
    let Finished::Failed { retry_in, .. } = finished else { panic!("{finished:?}") };
    assert!(
        retry_in <= Duration::from_secs(8),
        "the count of failures in doubt begins again: {retry_in:?}"
    );
}

#[test]
fn credentials_that_cannot_change_are_not_reloaded() {
    let mut machine = machine();
    let id = start(&mut machine, at(0.0));
    machine.finished(at(0.0), id, Err(Fault { nature: Nature::Lasting, retry_after: None }));
    assert!(!machine.reload_due(at(5.0)));
}

#[test]
fn after_a_pause_a_lost_refresh_still_keeps_the_background_quiet() {
    let (mut machine, _) = with_token(at(0.0));
    let id = start(&mut machine, at(3_000.0 + 300.0));
    machine.finished(at(3_300.0), id, Err(DOWN));
    let id = start(&mut machine, at(3_302.0));
    machine.lost(at(3_302.0), id);
    let quiet = machine.flags().quiet_until.expect("quiet");
    assert!(!at(3_302.5).has_reached(quiet), "{quiet:?}");
    assert_eq!(machine.ask(at(3_302.5)), (Ask::Use, None));
}

#[test]
fn a_retry_after_that_outlasts_the_token_leaves_one_attempt_in_its_hard_margin() {
    let busy = Fault { nature: Nature::Passing, retry_after: Some(Duration::from_secs(300)) };
    let (mut machine, _) = with_token(at(0.0));
    let fail = |machine: &mut Machine, now: f64| {
        let id = start(machine, at(now));
        let Finished::Failed { retry_in, .. } = machine.finished(at(now), id, Err(busy)) else {
            panic!("a failure")
        };
        now + retry_in.as_secs_f64()
    };
    // The token expires at 3,600, and its hard margin begins at 3,570.
    assert_eq!(fail(&mut machine, 3_260.0), 3_560.0, "the pause is as long as requested");
    let retry = fail(&mut machine, 3_560.0);
    assert!(
        (3_570.0..=3_585.0).contains(&retry),
        "there is one attempt in the first half of the margin: {retry}"
    );
    assert_eq!(machine.ask(at(3_569.9)), (Ask::Use, None));
    assert_eq!(
        fail(&mut machine, 3_585.0),
        3_885.0,
        "after that the pause is as long as requested"
    );
    assert_eq!(machine.ask(at(3_599.9)), (Ask::Use, None));
    assert!(matches!(machine.ask(at(3_600.0)), (Ask::Fail { .. }, None)));
}

#[test]
fn a_retry_after_within_the_hard_margin_is_kept() {
    let busy =
        |secs| Fault { nature: Nature::Passing, retry_after: Some(Duration::from_secs(secs)) };
    let (mut machine, _) = with_token(at(0.0));
    let id = start(&mut machine, at(3_580.0));
    let Finished::Failed { retry_in, .. } = machine.finished(at(3_580.0), id, Err(busy(300)))
    else {
        panic!("a failure")
    };
    assert_eq!(retry_in, Duration::from_secs(300), "this was the one attempt in the margin");
}

/// When the attempts are made, and the pauses after them, if each attempt from refresh-ahead on fails in
/// this way.
fn attempts_until_the_end(fault: Fault) -> Vec<(f64, f64)> {
    let (mut machine, _) = with_token(at(0.0));
    let moments = (32_400..36_000).map(|tenth| f64::from(tenth) / 10.0);
    let attempts = moments.filter_map(|now| {
        let id = machine.ask(at(now)).1?.id;
        match machine.finished(at(now), id, Err(fault)) {
            Finished::Failed { retry_in, .. } => Some((now, retry_in.as_secs_f64())),
            other => panic!("{other:?}"),
        }
    });
    attempts.collect()
}

#[test]
fn after_a_retry_after_there_is_one_attempt_in_the_hard_margin() {
    for secs in [31, 40, 100] {
        let retry_after = Some(Duration::from_secs(secs));
        let attempts = attempts_until_the_end(Fault { nature: Nature::Passing, retry_after });
        let in_margin = attempts.iter().filter(|(at, _)| *at >= 3_570.0).count();
        let early = attempts.iter().filter(|(_, pause)| *pause < secs as f64).count();
        assert_eq!(in_margin, 1, "{attempts:?}");
        assert!(early <= 1, "only that attempt comes earlier than requested: {attempts:?}");
        // Without a token, the pauses of an outage are 30 s at most.
        assert_eq!(attempts.last().unwrap().1, secs as f64, "{attempts:?}");
    }
    let retry_after = Some(Duration::from_secs(5));
    let attempts = attempts_until_the_end(Fault { nature: Nature::Passing, retry_after });
    assert!(attempts.iter().all(|(_, pause)| *pause >= 5.0), "{attempts:?}");
}

#[test]
fn the_attempt_in_the_hard_margin_does_not_follow_another_one_at_once() {
    for seed in 0..200 {
        let mut machine = Machine::new(Duration::from_secs(11), seed);
        let id = start(&mut machine, at(0.0));
        let token = succeed(&mut machine, at(0.0), id);
        let (_, start) = machine.refused(at(3_569.999), token);
        let asks = Fault { nature: Nature::Passing, retry_after: Some(Duration::from_secs(60)) };
        let finished = machine.finished(at(3_569.999), start.unwrap().id, Err(asks));
        let Finished::Failed { retry_in, .. } = finished else { panic!("{finished:?}") };
        assert!(retry_in >= Duration::from_secs(1), "{seed}: {retry_in:?}");
    }
}

#[test]
fn refused_credentials_are_tried_once_in_the_hard_margin() {
    let attempts = attempts_until_the_end(Fault { nature: Nature::Lasting, retry_after: None });
    let in_margin = attempts.iter().filter(|(at, _)| *at >= 3_570.0).count();
    let early = attempts.iter().filter(|(_, pause)| *pause < 8.0).count();
    assert!(in_margin == 1 && early <= 1, "{attempts:?}");
}
