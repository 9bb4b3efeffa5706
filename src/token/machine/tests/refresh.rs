//! When a refresh starts, which callers join it, and what changes at its end.

use super::*;

#[test]
fn tokens_are_numbered_from_one() {
    let (machine, generation) = with_token(at(0.0));
    assert_eq!(machine.current.as_ref().unwrap().generation, generation);
    assert_eq!((generation.number(), generation.to_string()), (1, "1".to_owned()));
}

#[test]
fn a_stated_life_stays_when_a_later_answer_states_none() {
    let mut machine = machine();
    let mut again = |sent: f64, life: u64, stated: bool| {
        let start = machine.ask(at(sent)).1.expect("a refresh is due");
        let life = Duration::from_secs(life);
        let same = machine.current.is_some();
        let arrival = Arrival { life, stated, same, ..arrival(at(sent)) };
        match machine.finished(at(sent), start.id, Ok(arrival)) {
            Finished::Adopt { window, .. } => window.ends_at,
            other => panic!("adopted, not {other:?}"),
        }
    };
    assert_eq!(again(0.0, 300, false), at(300.0), "the default life counts");
    assert_eq!(
        again(290.0, 600, true),
        at(890.0),
        "the same token comes again, now with a stated life"
    );
    assert_eq!(again(880.0, 300, false), at(890.0), "the default does not change the stated life");
}

#[test]
fn the_first_caller_starts_a_refresh_and_the_others_join_it() {
    let mut machine = machine();
    let (ask, started) = machine.ask(at(0.0));
    assert!(matches!(ask, Ask::Wait));
    assert_eq!(started.unwrap().reason, Reason::First);
    for _ in 0..10 {
        let (ask, started) = machine.ask(at(1.0));
        assert!(matches!(ask, Ask::Wait) && started.is_none());
    }
}

#[test]
fn the_token_of_a_refresh_that_was_given_up_is_used_unless_there_is_a_newer_one() {
    let mut machine = machine();
    let stuck = start(&mut machine, at(0.0));
    let second = start(&mut machine, at(11.0));
    let late = succeed(&mut machine, at(12.0), stuck);
    assert!(machine.refresh.is_some(), "the second is still under way");
    assert!(succeed(&mut machine, at(13.0), second) > late);

    let stuck = start(&mut machine, at(3_600.0 + 13.0));
    let next = start(&mut machine, at(3_600.0 + 25.0));
    let newest = succeed(&mut machine, at(3_600.0 + 26.0), next);
    let outdated = machine.finished(at(3_700.0), stuck, Ok(arrival(at(3_699.0))));
    assert!(matches!(outdated, Finished::Outdated));
    assert_eq!(machine.current.as_ref().unwrap().generation, newest);
}

#[test]
fn the_failure_of_a_refresh_that_was_given_up_changes_nothing() {
    let mut machine = machine();
    let stuck = start(&mut machine, at(0.0));
    let second = start(&mut machine, at(11.0));
    assert!(matches!(machine.finished(at(12.0), stuck, Err(DOWN)), Finished::Outdated));
    assert!(machine.failure.is_none());
    succeed(&mut machine, at(12.0), second);
}

#[test]
fn the_quiet_time_ends_with_the_pause_or_the_limit_of_the_refresh() {
    let mut machine = machine();
    assert_eq!(machine.flags().quiet_until, None);
    let id = start(&mut machine, at(0.0));
    assert_eq!(machine.flags().quiet_until, Some(at(11.0)));
    let Finished::Failed { retry_in, .. } = machine.finished(at(1.0), id, Err(DOWN)) else {
        panic!("failed")
    };
    assert_eq!(
        (machine.flags().quiet_until, machine.flags().paused_until),
        (None, Some(at(1.0) + retry_in))
    );
}

/// Two pauses. One has ended by one clock, the other by the other clock. No single moment
/// represents both.
#[test]
fn a_suspend_and_a_changed_clock_do_not_prevent_a_refresh() {
    let (mut machine, token) = with_token(at(0.0));
    let (_, started) = machine.refused(at(10.0), token);
    machine.finished(at(10.0), started.unwrap().id, Err(DOWN));
    let behind = |secs: f64, ahead: f64| {
        let wall = Duration::from_secs_f64(1_000_000.0 - 86_400.0 + secs + ahead);
        Now::new(Duration::from_secs_f64(secs), UNIX_EPOCH + wall)
    };
    let lost = start(&mut machine, behind(3_300.0, 0.0));
    machine.lost(behind(3_312.0, 0.0), lost);
    let after = behind(3_312.0, 1.0); // a suspend of one second, which only the wall clock shows
    for hint in [machine.flags().quiet_until, machine.flags().paused_until] {
        assert!(hint.is_none_or(|hint| after.has_reached(hint)), "{hint:?} is ahead");
    }
    assert!(machine.ask(after).1.is_some());
}

#[test]
fn a_token_that_lives_less_than_a_second_is_a_failure() {
    let mut machine = machine();
    let id = start(&mut machine, at(0.0));
    let brief = Arrival { life: Duration::from_millis(999), ..arrival(at(0.0)) };
    let finished = machine.finished(at(0.0), id, Ok(brief));
    assert!(matches!(finished, Finished::Failed { dead: true, .. }), "{finished:?}");
}

#[test]
fn a_wall_clock_that_is_set_does_not_end_a_refresh() {
    let mut machine = machine();
    start(&mut machine, at(0.0));
    let set = Now::new(Duration::from_secs(1), UNIX_EPOCH + Duration::from_secs(9_000_000));
    assert_eq!(machine.ask(set), (Ask::Wait, None));
}

#[test]
fn after_a_lost_refresh_waiting_callers_start_another_and_the_background_pauses() {
    let mut machine = machine();
    let id = start(&mut machine, at(0.0));
    machine.lost(at(0.0), id);
    let id = start(&mut machine, at(0.0));
    succeed(&mut machine, at(0.0), id);
    let id = start(&mut machine, at(3_300.0));
    machine.lost(at(3_300.0), id);
    assert_eq!(machine.ask(at(3_300.5)), (Ask::Use, None));
    assert!(machine.flags().quiet_until.is_some());
    start(&mut machine, at(3_301.0));
}

#[test]
fn a_fixed_token_is_never_renewed() {
    let mut machine = machine();
    let (token, _) = machine.fix(at(0.0));
    assert_eq!(machine.ask(at(1e9)), (Ask::Use, None));
    let answer = machine.refused(at(1e9), token);
    assert_eq!(answer, (Refused::HandOn(Recovery::FixedToken), None));
}

#[test]
fn a_fixed_token_is_not_replaced_by_a_rotated_one() {
    let mut machine = machine();
    let (token, _) = machine.fix(at(0.0));
    assert!(machine.rotated(at(1.0), token, &arrival(at(1.0))).is_err());
}

#[test]
fn the_next_attempt_of_an_empty_source_is_due_now() {
    let mut empty = machine();
    assert_eq!(empty.status(at(0.0)).next_attempt_in, Some(Duration::ZERO));
    let id = start(&mut empty, at(0.0));
    assert_eq!(empty.status(at(0.0)).next_attempt_in, None, "a refresh is under way");
    empty.lost(at(1.0), id);
    assert_eq!(
        empty.status(at(1.0)).next_attempt_in,
        Some(Duration::ZERO),
        "the next caller starts a refresh"
    );
    let (mut ended, _) = with_token(at(0.0));
    assert_eq!(ended.status(at(3_600.0)).next_attempt_in, Some(Duration::ZERO));
    let mut fixed = machine();
    fixed.fix(at(0.0));
    assert_eq!(fixed.status(at(0.0)).next_attempt_in, None, "there will be no refresh");
}

#[test]
fn the_time_of_the_next_attempt_is_right_while_the_token_is_fresh() {
    let (mut machine, token) = with_token(at(0.0));
    let (_, started) = machine.refused(at(10.0), token);
    machine.finished(at(10.0), started.unwrap().id, Err(DOWN));
    let next = machine.status(at(60.0)).next_attempt_in.unwrap();
    assert!(
        next > Duration::from_secs(2_800),
        "requests cause no refresh before refresh-ahead: {next:?}"
    );
}

#[test]
fn the_time_of_the_next_attempt_is_right_when_the_clocks_disagree() {
    let (mut machine, _) = with_token(at(0.0));
    let set_back =
        |wall| Now::new(Duration::from_secs(3_300), UNIX_EPOCH + Duration::from_secs(wall));
    let id = start(&mut machine, set_back(0));
    machine.finished(set_back(0), id, Err(DOWN));
    // By the monotonic clock, the refresh-ahead time has come. By the wall clock, the pause has
    // ended: there was a suspend.
    let now = set_back(2);
    assert_eq!(machine.status(now).next_attempt_in, Some(Duration::ZERO));
    start(&mut machine, now);
}
