//! The machine without async: events in, actions out, on a clock that is a number.

use std::time::UNIX_EPOCH;

use crate::token::machine::backoff::Nature;
use crate::token::machine::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn at(secs: f64) -> Now {
    let time = Duration::from_secs_f64(secs);
    Now::new(time, UNIX_EPOCH + Duration::from_secs(1_000_000) + time)
}

fn machine() -> Machine {
    Machine::new(Duration::from_secs(11), 7)
}

fn arrival(sent: Now) -> Arrival {
    Arrival {
        sent,
        life: HOUR,
        stated: true,
        dated: None,
        same: false,
        refresh_token: None,
        claimed: (None, None),
    }
}

const DOWN: Fault = Fault { nature: Nature::Passing, retry_after: None };

/// Asks, and expects a refresh to start.
fn start(machine: &mut Machine, now: Now) -> RefreshId {
    machine.ask(now).1.expect("a refresh starts").id
}

fn succeed(machine: &mut Machine, now: Now, id: RefreshId) -> Generation {
    match machine.finished(now, id, Ok(arrival(now))) {
        Finished::Adopt { generation, .. } => generation,
        other => panic!("adopted, not {other:?}"),
    }
}

/// A machine with a token that was issued at `now`.
fn with_token(now: Now) -> (Machine, Generation) {
    let mut machine = machine();
    let id = start(&mut machine, now);
    let generation = succeed(&mut machine, now, id);
    (machine, generation)
}

#[test]
fn tokens_are_numbered_from_one() {
    let (machine, generation) = with_token(at(0.0));
    assert_eq!(machine.current.as_ref().unwrap().generation, generation);
    assert_eq!((generation.number(), generation.to_string()), (1, "1".to_owned()));
}

#[test]
fn a_life_that_some_answer_stated_holds_also_when_a_later_one_says_nothing() {
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
    assert_eq!(again(0.0, 300, false), at(300.0), "the default");
    assert_eq!(again(290.0, 600, true), at(890.0), "the same token; now its life is known");
    assert_eq!(again(880.0, 300, false), at(890.0), "the default says nothing against it");
}

#[test]
fn the_first_asks_and_the_others_join() {
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
fn a_refusal_of_an_older_token_is_answered_by_the_newer_one() {
    let (mut machine, old) = with_token(at(0.0));
    let (_, started) = machine.refused(at(10.0), old);
    let new = succeed(&mut machine, at(11.0), started.unwrap().id);
    assert!(new > old);
    assert_eq!(machine.refused(at(12.0), old), (Refused::Resend, None));
}

#[test]
fn a_refresh_that_began_before_the_refused_token_was_issued_does_not_count() {
    let (mut machine, first) = with_token(at(0.0));
    // A refresh begins; while it is under way a rotated token is adopted, and then refused.
    let refresh = start(&mut machine, at(3_300.0));
    let (rotated, _) = machine.rotated(at(3_301.0), first, &arrival(at(3_300.5))).unwrap();
    assert_eq!(machine.refused(at(3_302.0), rotated), (Refused::WaitAndAsk, None));
    // It hands out the token that the first one was replaced by: newer, so it is worth a try.
    succeed(&mut machine, at(3_303.0), refresh);
    assert_eq!(machine.refused(at(3_304.0), rotated), (Refused::Resend, None));
    // Had it failed, a refresh of its own would have been started only after the pause.
}

#[test]
fn nobody_whose_token_was_refused_waits_for_a_refresh_that_is_past_its_limit() {
    let (mut machine, first) = with_token(at(0.0));
    start(&mut machine, at(3_300.0));
    let (rotated, _) = machine.rotated(at(3_301.0), first, &arrival(at(3_300.5))).unwrap();
    let (answer, started) = machine.refused(at(3_311.0), rotated);
    assert_eq!(answer, Refused::Wait, "for one that can still end");
    assert!(started.is_some());
}

#[test]
fn a_late_response_from_before_a_revocation_does_not_bring_its_token_back() {
    let (mut machine, old) = with_token(at(0.0));
    let (_, started) = machine.refused(at(10.0), old);
    let new = succeed(&mut machine, at(11.0), started.unwrap().id);
    let late = machine.rotated(at(12.0), old, &arrival(at(11.5)));
    assert_eq!(late, Err(NotAdopted::OtherLineage));
    let (rotated, _) = machine.rotated(at(13.0), new, &arrival(at(12.5))).unwrap();
    assert!(rotated > new);
    let older = machine.rotated(at(14.0), new, &arrival(at(12.0)));
    assert_eq!(older, Err(NotAdopted::NotNewer), "sent before that one");
    assert!(machine.rotated(at(15.0), rotated, &arrival(at(13.0))).is_ok(), "of the same line");
    let dead = Arrival { life: Duration::ZERO, ..arrival(at(16.0)) };
    assert_eq!(machine.rotated(at(16.0), rotated, &dead), Err(NotAdopted::Ended));
    assert_eq!(machine.counters.rotations_adopted, 2);
}

#[test]
fn a_refresh_that_was_given_up_still_counts_if_it_succeeds_and_nothing_newer_has() {
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
fn the_failure_of_a_refresh_that_was_given_up_is_nobodys() {
    let mut machine = machine();
    let stuck = start(&mut machine, at(0.0));
    let second = start(&mut machine, at(11.0));
    assert!(matches!(machine.finished(at(12.0), stuck, Err(DOWN)), Finished::Outdated));
    assert!(machine.failure.is_none());
    succeed(&mut machine, at(12.0), second);
}

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
fn within_a_pause_a_refusal_is_handed_on_and_costs_nothing() {
    let (mut machine, token) = with_token(at(0.0));
    let (_, started) = machine.refused(at(10.0), token);
    machine.finished(at(11.0), started.unwrap().id, Err(DOWN));
    let left = machine.budget.left(at(11.0));
    for _ in 0..100 {
        let answer = machine.refused(at(11.1), token);
        assert_eq!(answer, (Refused::HandOn(Recovery::RenewalFailed), None));
    }
    assert_eq!(machine.budget.left(at(11.1)), left);
    assert!(matches!(machine.ask(at(11.2)).0, Ask::Use), "rejected_token, and still the token");
}

#[test]
fn a_refusal_of_a_token_that_has_ended_since_needs_no_budget() {
    let (mut machine, token) = with_token(at(0.0));
    for _ in 0..5 {
        machine.budget.begin(RefreshId::at(0), token, at(0.0));
    }
    assert_eq!(machine.refused(at(1.0), token).0, Refused::HandOn(Recovery::BudgetSpent));
    let (answer, started) = machine.refused(at(3_601.0), token);
    assert_eq!(answer, Refused::Wait);
    assert_eq!(started.unwrap().reason, Reason::Expired);
}

#[test]
fn a_refusal_joins_the_refresh_that_is_under_way_for_free() {
    let (mut machine, token) = with_token(at(0.0));
    start(&mut machine, at(3_300.0));
    assert_eq!(machine.refused(at(3_300.0), token), (Refused::Wait, None));
    assert_eq!(machine.budget.left(at(3_300.0)), 5);
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

/// Two pauses, one over by the one clock and the other by the other: no single moment says so.
#[test]
fn after_a_clock_was_set_back_and_a_suspend_no_hint_keeps_a_refresh_away() {
    let (mut machine, token) = with_token(at(0.0));
    let (_, started) = machine.refused(at(10.0), token);
    machine.finished(at(10.0), started.unwrap().id, Err(DOWN));
    let behind = |secs: f64, ahead: f64| {
        let wall = Duration::from_secs_f64(1_000_000.0 - 86_400.0 + secs + ahead);
        Now::new(Duration::from_secs_f64(secs), UNIX_EPOCH + wall)
    };
    let lost = start(&mut machine, behind(3_300.0, 0.0));
    machine.lost(behind(3_312.0, 0.0), lost);
    let after = behind(3_312.0, 1.0); // a second asleep, which only the wall clock shows
    for hint in [machine.flags().quiet_until, machine.flags().paused_until] {
        assert!(hint.is_none_or(|hint| after.has_reached(hint)), "{hint:?} is ahead");
    }
    assert!(machine.ask(after).1.is_some());
}

#[test]
fn the_same_token_again_is_neither_believed_longer_than_it_says_nor_asked_after_each_time() {
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
            assert_eq!(generation, token, "no successor");
            assert_eq!(window.ends_at, at(3_600.0), "it ends when it ended");
        }
        time += 0.1;
    }
    assert!(asked <= 20, "{asked}");
    assert!(matches!(machine.ask(at(3_600.0)).0, Ask::Wait));
}

#[test]
fn the_same_token_again_with_no_life_ends_when_it_ended_if_that_was_known() {
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
fn the_same_token_again_lives_as_it_is_said_once_more_up_to_its_dated_end() {
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
fn a_token_that_has_ended_and_comes_again_and_again_without_a_life_is_taken_once_more() {
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
fn the_same_token_again_and_again_is_left_alone_until_it_ends() {
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
fn the_same_token_once_more_is_a_failure_when_it_has_ended_and_none_in_its_last_second() {
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

#[test]
fn refusals_of_credentials_are_counted_apart_from_outages() {
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
fn a_failure_near_the_end_of_a_token_pauses_to_that_end_and_one_after_it_for_a_second() {
    let (mut machine, _) = with_token(at(0.0));
    for (time, least, most) in [(3_599.5, 500, 500), (3_600.0, 800, 2_000)] {
        let id = start(&mut machine, at(time));
        let finished = machine.finished(at(time), id, Err(DOWN));
        let Finished::Failed { retry_in, .. } = finished else { panic!("{finished:?}") };
        assert!((least..=most).contains(&retry_in.as_millis()), "{retry_in:?} at {time}");
    }
}

#[test]
fn a_token_of_less_than_a_second_is_a_failure_and_no_storm() {
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
fn after_a_lost_refresh_those_who_wait_start_another_and_the_background_pauses() {
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
fn a_renewal_that_failed_or_was_lost_costs_no_budget() {
    let (mut machine, token) = with_token(at(0.0));
    for round in 1..20 {
        let now = at(f64::from(round) * 60.0);
        machine.lift_pause(now);
        let (_, started) = machine.refused(now, token);
        let id = started.unwrap().id;
        if round % 2 == 0 {
            machine.finished(now, id, Err(DOWN));
        } else {
            machine.lost(now, id);
        }
        assert_eq!(machine.budget.left(now), 5);
    }
}

#[test]
fn whoever_waited_for_a_renewal_shows_that_it_was_worth_it() {
    let (mut machine, mut token) = with_token(at(0.0));
    for _ in 0..20 {
        let (_, started) = machine.refused(at(10.0), token);
        token = succeed(&mut machine, at(10.1), started.unwrap().id);
        // The caller who paid has gone; another one that waited is accepted.
        machine.replay_accepted(token);
    }
    assert_eq!(machine.budget.left(at(10.1)), 5);
}

#[test]
fn a_bad_server_among_good_ones_spends_the_budget() {
    let (mut machine, mut token) = with_token(at(0.0));
    let mut exchanges = 0;
    for round in 0..6_000 {
        let now = at(10.0 + f64::from(round) * 0.01);
        let (_, started) = machine.refused(now, token);
        let Some(Start { id, .. }) = started else { continue };
        exchanges += 1;
        // While it is renewed, other servers go on accepting it.
        machine.rejected_token_accepted(token, now + Duration::from_millis(2));
        token = succeed(&mut machine, now + Duration::from_millis(5), id);
        machine.replay_accepted(token);
    }
    assert!(exchanges <= 7, "{exchanges} exchanges in a minute");
}

#[test]
fn a_fixed_token_is_never_renewed() {
    let mut machine = machine();
    let (token, _) = machine.fix(at(0.0));
    assert_eq!(machine.ask(at(1e9)), (Ask::Use, None));
    let answer = machine.refused(at(1e9), token);
    assert_eq!(answer, (Refused::HandOn(Recovery::FixedToken), None));
}

/// A token endpoint with a cache: one token until that ends, with the whole seconds that are left of it.
#[test]
fn a_caching_endpoint_costs_no_errors_before_the_end_and_a_moment_after_it() {
    for life in [20_u64, 60, 300, 3_600] {
        let mut machine = machine();
        let (mut issued, mut unusable_for, mut exchanges) = (0.0, 0, 0);
        let steps = (life as f64 * 5.0 / 0.05) as u64;
        for step in 0..steps {
            let time = f64::from(u32::try_from(step).unwrap()) * 0.05;
            let now = at(time);
            let (ask, started) = machine.ask(now);
            if matches!(ask, Ask::Fail { .. }) {
                assert!(time >= life as f64, "a usable token, and an error at {time}");
                unusable_for += 1;
            }
            let Some(Start { id, .. }) = started else { continue };
            exchanges += 1;
            // The cache's clock is a little behind ours.
            let same = exchanges > 1 && time - issued < life as f64 + 0.1;
            if !same {
                issued = time;
            }
            let left = (life as f64 - (time - issued)).max(0.0).floor();
            let arrival = Arrival { life: Duration::from_secs_f64(left), same, ..arrival(now) };
            machine.finished(now, id, Ok(arrival));
        }
        // Five rollovers, of at most some hundred milliseconds each.
        assert!(unusable_for <= 4 * 8, "{unusable_for} callers failed at a life of {life} s");
        assert!(exchanges <= 5 * 20, "{exchanges} exchanges at a life of {life} s");
    }
}

#[test]
fn the_answer_to_the_current_token_itself_is_newer_however_coarse_the_clock() {
    let (mut machine, mut token) = with_token(at(0.0));
    for _ in 0..100 {
        (token, _) = machine.rotated(at(1.0), token, &arrival(at(0.0))).expect("adopted");
    }
}

#[test]
fn the_answer_to_the_current_token_is_not_newer_if_it_is_from_the_past() {
    let issued = |secs: f64, iat: u64| Arrival {
        claimed: (Some(Duration::from_secs(iat)), None),
        ..arrival(at(secs))
    };
    let mut machine = machine();
    let id = start(&mut machine, at(0.0));
    machine.finished(at(0.0), id, Ok(issued(0.0, 1_000)));
    let token = machine.current.as_ref().unwrap().generation;
    assert_eq!(machine.rotated(at(1.0), token, &issued(1.0, 939)), Err(NotAdopted::NotNewer));
    assert!(machine.rotated(at(1.0), token, &issued(1.0, 940)).is_ok(), "clocks differ by so much");
}

#[test]
fn refused_credentials_are_looked_up_once_a_second_and_a_change_ends_the_pause() {
    let mut machine = machine().with_changing_credentials(true);
    let refuse = |machine: &mut Machine, now: Now| {
        let id = start(machine, now);
        let refused = Fault { nature: Nature::Lasting, retry_after: None };
        let finished = machine.finished(now, id, Err(refused));
        let Finished::Failed { retry_in, .. } = finished else { panic!("{finished:?}") };
        retry_in
    };
    assert!(!machine.reload_due(at(0.0)), "nobody has refused them");
    refuse(&mut machine, at(0.0));
    for (time, looks) in [(0.9, false), (1.0, true), (1.9, false), (2.0, true), (2.1, false)] {
        assert_eq!(machine.reload_due(at(time)), looks, "{time}");
    }
    machine.credentials_changed(at(2.2));
    let retry_in = refuse(&mut machine, at(2.2));
    assert!(retry_in <= Duration::from_secs(10), "the first refusal of these: {retry_in:?}");
}

#[test]
fn the_third_failure_in_doubt_in_a_row_is_paced_as_a_refusal() {
    let doubt = Fault { nature: Nature::InDoubt, retry_after: None };
    let refused = Fault { nature: Nature::Lasting, retry_after: None };
    // The seconds of the slot that each failure of a row got.
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
fn credentials_that_may_have_been_refused_are_looked_up_from_the_third_failure_in_doubt() {
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
    assert!(retry_in <= Duration::from_secs(8), "in doubt anew: {retry_in:?}");
}

#[test]
fn credentials_that_cannot_change_are_not_looked_up() {
    let mut machine = machine();
    let id = start(&mut machine, at(0.0));
    machine.finished(at(0.0), id, Err(Fault { nature: Nature::Lasting, retry_after: None }));
    assert!(!machine.reload_due(at(5.0)));
}

#[test]
fn a_fixed_token_is_not_replaced_by_a_rotated_one() {
    let mut machine = machine();
    let (token, _) = machine.fix(at(0.0));
    assert!(machine.rotated(at(1.0), token, &arrival(at(1.0))).is_err());
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
fn the_next_attempt_of_an_empty_source_is_due_now() {
    let mut empty = machine();
    assert_eq!(empty.status(at(0.0)).next_attempt_in, Some(Duration::ZERO));
    let id = start(&mut empty, at(0.0));
    assert_eq!(empty.status(at(0.0)).next_attempt_in, None, "it is under way");
    empty.lost(at(1.0), id);
    assert_eq!(empty.status(at(1.0)).next_attempt_in, Some(Duration::ZERO), "a waiter starts one");
    let (mut ended, _) = with_token(at(0.0));
    assert_eq!(ended.status(at(3_600.0)).next_attempt_in, Some(Duration::ZERO));
    let mut fixed = machine();
    fixed.fix(at(0.0));
    assert_eq!(fixed.status(at(0.0)).next_attempt_in, None, "there will be none");
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
    // It ends at 3,600, and its hard margin begins at 3,570.
    assert_eq!(fail(&mut machine, 3_260.0), 3_560.0, "no shorter than it was asked for");
    let retry = fail(&mut machine, 3_560.0);
    assert!(
        (3_570.0..=3_585.0).contains(&retry),
        "one attempt in the first half of the margin: {retry}"
    );
    assert_eq!(machine.ask(at(3_569.9)), (Ask::Use, None));
    assert_eq!(fail(&mut machine, 3_585.0), 3_885.0, "then the endpoint is left alone");
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
    assert_eq!(retry_in, Duration::from_secs(300), "the one attempt was this");
}

/// When the attempts are made, and the pauses after them, where each attempt from refresh-ahead on fails so.
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
fn where_the_endpoint_asks_for_time_there_is_one_attempt_in_the_hard_margin() {
    for secs in [31, 40, 100] {
        let retry_after = Some(Duration::from_secs(secs));
        let attempts = attempts_until_the_end(Fault { nature: Nature::Passing, retry_after });
        let in_margin = attempts.iter().filter(|(at, _)| *at >= 3_570.0).count();
        let early = attempts.iter().filter(|(_, pause)| *pause < secs as f64).count();
        assert_eq!(in_margin, 1, "{attempts:?}");
        assert!(early <= 1, "that one alone comes sooner than was asked for: {attempts:?}");
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
fn refused_credentials_are_shown_once_in_the_hard_margin() {
    let attempts = attempts_until_the_end(Fault { nature: Nature::Lasting, retry_after: None });
    let in_margin = attempts.iter().filter(|(at, _)| *at >= 3_570.0).count();
    let early = attempts.iter().filter(|(_, pause)| *pause < 8.0).count();
    assert!(in_margin == 1 && early <= 1, "{attempts:?}");
}

#[test]
fn the_next_attempt_is_told_truly_while_the_token_is_fresh() {
    let (mut machine, token) = with_token(at(0.0));
    let (_, started) = machine.refused(at(10.0), token);
    machine.finished(at(10.0), started.unwrap().id, Err(DOWN));
    let next = machine.status(at(60.0)).next_attempt_in.unwrap();
    assert!(
        next > Duration::from_secs(2_800),
        "traffic causes none before refresh-ahead: {next:?}"
    );
}

#[test]
fn the_next_attempt_is_told_truly_where_the_clocks_disagree() {
    let (mut machine, _) = with_token(at(0.0));
    let set_back =
        |wall| Now::new(Duration::from_secs(3_300), UNIX_EPOCH + Duration::from_secs(wall));
    let id = start(&mut machine, set_back(0));
    machine.finished(set_back(0), id, Err(DOWN));
    // Refresh-ahead has come by the monotonic clock, the end of the pause by the other: a suspend.
    let now = set_back(2);
    assert_eq!(machine.status(now).next_attempt_in, Some(Duration::ZERO));
    start(&mut machine, now);
}
