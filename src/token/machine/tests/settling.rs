//! A provider that accepts a new token only some seconds after it has issued it.

use super::*;

const FIVE: Duration = Duration::from_secs(5);

/// A machine with a token of an hour that was issued at zero, and a refresh that begins at this second.
fn renewing(secs: f64) -> (Machine, Generation, RefreshId) {
    let mut machine = machine().with_settling_time(FIVE);
    let id = start(&mut machine, at(0.0));
    let first = succeed(&mut machine, at(0.0), id);
    let id = start(&mut machine, at(secs));
    (machine, first, id)
}

fn waits(machine: &mut Machine, now: Now, id: RefreshId, arrival: Arrival) -> bool {
    match machine.finished(now, id, Ok(arrival)) {
        Finished::Adopt { waits, .. } => waits,
        other => panic!("adopted, not {other:?}"),
    }
}

fn current(machine: &mut Machine, now: Now) -> u64 {
    machine.status(now).generation.map_or(0, Generation::number)
}

#[test]
fn while_the_old_token_is_usable_the_new_one_waits_until_it_has_settled() {
    let (mut machine, _, id) = renewing(3_300.0);
    assert!(waits(&mut machine, at(3_300.0), id, arrival(at(3_300.0))));
    assert_eq!(machine.flags().paused_until, Some(at(3_305.0)), "no request asks until then");
    for time in [3_300.0, 3_304.9] {
        assert_eq!(machine.ask(at(time)), (Ask::Use, None), "no second refresh");
        assert_eq!((current(&mut machine, at(time)), machine.is_settling()), (1, true));
    }
    assert_eq!(current(&mut machine, at(3_305.0)), 2, "the status says so before a request asks");
    assert_eq!(machine.ask(at(3_305.0)), (Ask::Use, None));
    assert_eq!((current(&mut machine, at(3_305.0)), machine.is_settling()), (2, false));
    assert_eq!(machine.flags().paused_until, None);
}

#[test]
fn nobody_waits_for_it_in_the_hard_margin() {
    let (mut machine, _, id) = renewing(3_572.0);
    assert!(waits(&mut machine, at(3_572.0), id, arrival(at(3_572.0))));
    assert_eq!(machine.ask(at(3_573.0)), (Ask::Use, None));
}

#[test]
fn it_is_used_when_the_old_token_ends() {
    let (mut machine, _, id) = renewing(3_597.0);
    assert!(waits(&mut machine, at(3_597.0), id, arrival(at(3_597.0))));
    assert_eq!(machine.flags().paused_until, Some(at(3_600.0)));
    assert_eq!(machine.ask(at(3_600.0)), (Ask::Use, None));
    assert_eq!(current(&mut machine, at(3_600.0)), 2);
}

#[test]
fn a_refusal_or_a_doubt_of_the_old_token_ends_the_wait_and_costs_nothing() {
    for complain in [Machine::refused, Machine::doubted] {
        let (mut machine, first, id) = renewing(3_300.0);
        assert!(waits(&mut machine, at(3_300.0), id, arrival(at(3_300.0))));
        assert_eq!(complain(&mut machine, at(3_301.0), first), (Refused::Resend, None));
        assert_eq!(current(&mut machine, at(3_301.0)), 2);
        assert_eq!(machine.status(at(3_301.0)).renewal_budget, 5);
    }
}

#[test]
fn a_renewal_for_a_refused_or_doubted_token_does_not_wait() {
    for complain in [Machine::refused, Machine::doubted] {
        let (mut machine, first, id) = renewing(3_300.0);
        assert_eq!(complain(&mut machine, at(3_300.0), first), (Refused::Wait, None), "it joins");
        assert!(!waits(&mut machine, at(3_301.0), id, arrival(at(3_301.0))));
        assert_eq!(current(&mut machine, at(3_301.0)), 2);
    }
}

#[test]
fn a_refusal_of_an_unsettled_token_renews_nothing_and_one_after_that_renews() {
    let mut machine = machine().with_settling_time(FIVE);
    let id = start(&mut machine, at(0.0));
    let token = succeed(&mut machine, at(1.0), id);
    for nth in 0..1_000_u32 {
        let now = at(1.0 + f64::from(nth) / 201.0);
        assert_eq!(machine.refused(now, token), (Refused::SendAgain, None), "{nth}");
        assert!(!machine.would_renew(now, token));
    }
    let status = machine.status(at(5.9));
    assert_eq!((status.renewal_budget, status.counters.exchanges()), (5, 1));
    assert_eq!(status.counters.refusals, 1_000);
    let (told, started) = machine.refused(at(6.0), token);
    assert_eq!((told, started.map(|it| it.reason)), (Refused::Wait, Some(Reason::Refused)));
}

#[test]
fn a_token_that_is_due_before_it_has_settled_does_not_wait() {
    let (mut machine, _, id) = renewing(3_300.0);
    let short = Arrival { life: Duration::from_secs(4), ..arrival(at(3_300.0)) };
    assert!(!waits(&mut machine, at(3_300.0), id, short));
}

#[test]
fn the_refresh_token_of_a_token_that_waits_is_kept_and_no_response_brings_its_successor() {
    let (mut machine, first, id) = renewing(3_300.0);
    let with_refresh_token = Arrival { refresh_token: Some(()), ..arrival(at(3_300.0)) };
    assert!(waits(&mut machine, at(3_300.0), id, with_refresh_token));
    assert!(machine.provenance().1);
    let rotated = machine.rotated(at(3_301.0), first, &arrival(at(3_301.0)));
    assert_eq!(rotated, Err(NotAdopted::OtherLineage));
}

#[test]
fn a_refresh_that_was_given_up_does_not_replace_a_token_that_waits() {
    let (mut machine, _, given_up) = renewing(3_300.0);
    machine.lost(at(3_311.0), given_up);
    let id = start(&mut machine, at(3_400.0));
    assert!(waits(&mut machine, at(3_400.0), id, arrival(at(3_400.0))));
    let late = machine.finished(at(3_401.0), given_up, Ok(arrival(at(3_401.0))));
    assert_eq!(late, Finished::Outdated);
}
