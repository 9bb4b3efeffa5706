//! The machine without async: events in, actions out, on a clock that is a number.

use std::time::UNIX_EPOCH;

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn at(secs: f64) -> Now {
    let time = Duration::from_secs_f64(secs);
    Now::new(time, UNIX_EPOCH + Duration::from_secs(1_000_000) + time)
}

fn machine() -> Machine {
    Machine::new(Duration::from_secs(11), 7)
}

fn arrival(sent: Now) -> Arrival {
    Arrival { sent, life: HOUR, same: false }
}

fn down() -> ExchangeError {
    ExchangeError::new(ExchangeErrorKind::Unreachable, "down")
}

/// Asks, and expects a flight to start.
fn start(machine: &mut Machine, now: Now) -> FlightId {
    machine.ask(now).1.expect("a flight starts").id
}

fn succeed(machine: &mut Machine, now: Now, id: FlightId) -> Generation {
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
fn a_flight_that_began_before_the_refused_token_was_issued_does_not_count() {
    let (mut machine, first) = with_token(at(0.0));
    // A refresh begins; while it is under way a rotated token is adopted, and then refused.
    let flight = start(&mut machine, at(3_300.0));
    let (rotated, _) = machine.rotated(at(3_301.0), first, arrival(at(3_300.5))).unwrap();
    assert_eq!(machine.refused(at(3_302.0), rotated), (Refused::WaitAndAsk, None));
    // It hands out the token that the first one was replaced by: newer, so it is worth a try.
    succeed(&mut machine, at(3_303.0), flight);
    assert_eq!(machine.refused(at(3_304.0), rotated), (Refused::Resend, None));
    // Had it failed, a flight of its own would have been started only after the pause.
}

#[test]
fn a_late_response_from_before_a_revocation_does_not_bring_its_token_back() {
    let (mut machine, old) = with_token(at(0.0));
    let (_, started) = machine.refused(at(10.0), old);
    let new = succeed(&mut machine, at(11.0), started.unwrap().id);
    assert!(machine.rotated(at(12.0), old, arrival(at(11.5))).is_none(), "of the old line");
    let (rotated, _) = machine.rotated(at(13.0), new, arrival(at(12.5))).unwrap();
    assert!(rotated > new);
    assert!(machine.rotated(at(14.0), new, arrival(at(12.0))).is_none(), "sent before that one");
    assert!(machine.rotated(at(15.0), rotated, arrival(at(13.0))).is_some(), "of the same line");
    let dead = Arrival { life: Duration::ZERO, ..arrival(at(16.0)) };
    assert!(machine.rotated(at(16.0), rotated, dead).is_none());
    assert_eq!(machine.counters.rotations_adopted, 2);
    assert_eq!(machine.counters.rotations_ignored, 3);
}

#[test]
fn a_flight_that_was_given_up_still_counts_if_it_succeeds_and_nothing_newer_has() {
    let mut machine = machine();
    let stuck = start(&mut machine, at(0.0));
    let second = start(&mut machine, at(11.0));
    let late = succeed(&mut machine, at(12.0), stuck);
    assert!(machine.flight.is_some(), "the second is still under way");
    assert!(succeed(&mut machine, at(13.0), second) > late);

    let stuck = start(&mut machine, at(3_600.0 + 13.0));
    let next = start(&mut machine, at(3_600.0 + 25.0));
    let newest = succeed(&mut machine, at(3_600.0 + 26.0), next);
    let outdated = machine.finished(at(3_700.0), stuck, Ok(arrival(at(3_699.0))));
    assert!(matches!(outdated, Finished::Outdated));
    assert_eq!(machine.current.as_ref().unwrap().generation, newest);
}

#[test]
fn the_failure_of_a_flight_that_was_given_up_is_nobodys() {
    let mut machine = machine();
    let stuck = start(&mut machine, at(0.0));
    let second = start(&mut machine, at(11.0));
    assert!(matches!(machine.finished(at(12.0), stuck, Err(down())), Finished::Outdated));
    assert!(machine.failure.is_none());
    succeed(&mut machine, at(12.0), second);
}

#[test]
fn within_a_pause_nothing_starts_and_everybody_gets_the_stored_error() {
    let mut machine = machine();
    let id = start(&mut machine, at(0.0));
    let Finished::Failed { retry_in, failures: 1, .. } = machine.finished(at(1.0), id, Err(down()))
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
    machine.finished(at(11.0), started.unwrap().id, Err(down()));
    let left = machine.budget.left(at(11.0));
    for _ in 0..100 {
        let answer = machine.refused(at(11.1), token);
        assert_eq!(answer, (Refused::HandOn(Recovery::RenewalFailed), None));
    }
    assert_eq!(machine.budget.left(at(11.1)), left);
    assert!(matches!(machine.ask(at(11.2)).0, Ask::Use), "suspect, and still the token");
}

#[test]
fn a_refusal_of_a_token_that_has_ended_since_needs_no_budget() {
    let (mut machine, token) = with_token(at(0.0));
    while machine.budget.take(at(0.0)) {}
    let (answer, started) = machine.refused(at(3_601.0), token);
    assert_eq!(answer, Refused::Wait { paid: false });
    assert_eq!(started.unwrap().reason, Reason::Expired);
}

#[test]
fn a_refusal_joins_the_refresh_that_is_under_way_for_free() {
    let (mut machine, token) = with_token(at(0.0));
    start(&mut machine, at(3_300.0));
    assert_eq!(machine.refused(at(3_300.0), token), (Refused::Wait { paid: false }, None));
    assert_eq!(machine.budget.left(at(3_300.0)), 5);
}

#[test]
fn the_quiet_time_ends_with_the_pause_or_the_limit_of_the_flight() {
    let mut machine = machine();
    assert_eq!(machine.quiet_until(), None);
    let id = start(&mut machine, at(0.0));
    assert_eq!(machine.quiet_until(), Some(at(11.0)));
    let Finished::Failed { retry_in, .. } = machine.finished(at(1.0), id, Err(down())) else {
        panic!("failed")
    };
    assert_eq!(machine.quiet_until(), Some(at(1.0) + retry_in));
}

/// Random events for hours of machine time. What the machine's documentation lists holds after each.
#[test]
fn invariants_hold_on_random_walks() {
    for seed in 0..300 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut machine = Machine::new(Duration::from_secs(11), seed);
        let mut flights: Vec<(FlightId, Now)> = Vec::new();
        let (mut time, mut newest) = (0.0, Generation(0));
        for _ in 0..2_000 {
            time += [0.0, 0.01, 0.5, 3.0, 40.0, 900.0][rng.usize(..6)];
            let now = at(time);
            let usable_before = usable(&machine, now);
            let paused = machine.is_paused(now);
            let live = |id: FlightId, machine: &Machine| {
                machine.flight.as_ref().is_some_and(|flight| flight.id == id)
            };
            let under_way = flights.iter().any(|&(id, since)| {
                live(id, &machine) && !now.has_reached(since + machine.flight_limit)
            });
            let started = match rng.u8(..10) {
                0..=3 => machine.ask(now).1,
                4..=5 => machine.refused(now, Generation(rng.u64(0..=newest.0))).1,
                6 => {
                    let used = Generation(rng.u64(0..=newest.0));
                    let sent = now - Duration::from_secs_f64(rng.f64() * 60.0);
                    machine.rotated(now, used, Arrival { same: rng.bool(), ..arrival(sent) });
                    None
                }
                7..=8 if !flights.is_empty() => {
                    let (id, since) = flights.swap_remove(rng.usize(..flights.len()));
                    let life = [0, 3, 600, 3_600][rng.usize(..4)];
                    let life = Duration::from_secs(life);
                    let same = rng.u8(..5) == 0;
                    let outcome = if rng.bool() {
                        Ok(Arrival { sent: since, life, same })
                    } else {
                        Err(down())
                    };
                    machine.finished(now, id, outcome);
                    None
                }
                9 => {
                    if let Some(&(id, _)) = flights.last() {
                        machine.lost(id);
                    }
                    machine.replay_accepted();
                    None
                }
                _ => None,
            };
            if let Some(start) = started {
                assert!(!under_way, "two flights (seed {seed})");
                assert!(!paused, "a flight within a pause (seed {seed})");
                flights.push((start.id, now));
            }
            assert!(machine.generation >= newest, "an older token (seed {seed})");
            assert!(
                !usable_before
                    || usable(&machine, now)
                    || machine.generation > newest
                    || machine.current.as_ref().is_some_and(|current| current.repeats > 0),
                "a usable token was lost (seed {seed})"
            );
            newest = machine.generation;
            assert!(machine.budget.left(now) <= 5);
        }
    }
}

fn usable(machine: &Machine, now: Now) -> bool {
    machine.current.as_ref().is_some_and(|current| !now.has_reached(current.window.ends_at))
}
