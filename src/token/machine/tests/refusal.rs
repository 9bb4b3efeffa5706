//! The effects of a refusal by the API.

use super::*;

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
    // A refresh begins. While it runs, a token from a response is adopted and then refused.
    let refresh = start(&mut machine, at(3_300.0));
    let (rotated, _) = machine.rotated(at(3_301.0), first, &arrival(at(3_300.5))).unwrap();
    assert_eq!(machine.refused(at(3_302.0), rotated), (Refused::WaitAndAsk, None));
    // The refresh brings the token that replaced the first one. It is newer, so the request is sent
    // again with it.
    succeed(&mut machine, at(3_303.0), refresh);
    assert_eq!(machine.refused(at(3_304.0), rotated), (Refused::Resend, None));
    // If the refresh failed, a caller could start another one only after the pause.
}

#[test]
fn a_caller_with_a_refused_token_does_not_wait_for_a_refresh_past_its_limit() {
    let (mut machine, first) = with_token(at(0.0));
    start(&mut machine, at(3_300.0));
    let (rotated, _) = machine.rotated(at(3_301.0), first, &arrival(at(3_300.5))).unwrap();
    let (answer, started) = machine.refused(at(3_311.0), rotated);
    assert_eq!(answer, Refused::Wait, "a new refresh begins, which can still end");
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
    assert_eq!(
        older,
        Err(NotAdopted::NotNewer),
        "its request was sent before the request of the current token"
    );
    assert!(
        machine.rotated(at(15.0), rotated, &arrival(at(13.0))).is_ok(),
        "a token of the same lineage is adopted"
    );
    let dead = Arrival { life: Duration::ZERO, ..arrival(at(16.0)) };
    assert_eq!(machine.rotated(at(16.0), rotated, &dead), Err(NotAdopted::Ended));
    assert_eq!(machine.counters.rotations_adopted, 2);
}

#[test]
fn within_a_pause_a_refusal_is_returned_and_costs_no_budget() {
    let (mut machine, token) = with_token(at(0.0));
    let (_, started) = machine.refused(at(10.0), token);
    machine.finished(at(11.0), started.unwrap().id, Err(DOWN));
    let left = machine.budget.left(at(11.0));
    for _ in 0..100 {
        let answer = machine.refused(at(11.1), token);
        assert_eq!(answer, (Refused::HandOn(Recovery::RenewalFailed), None));
    }
    assert_eq!(machine.budget.left(at(11.1)), left);
    assert!(matches!(machine.ask(at(11.2)).0, Ask::Use), "refused, but still the token");
}

#[test]
fn a_refusal_of_an_expired_token_needs_no_budget() {
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
fn a_renewal_is_refunded_when_a_request_that_waited_for_it_succeeds() {
    let (mut machine, mut token) = with_token(at(0.0));
    for _ in 0..20 {
        let (_, started) = machine.refused(at(10.0), token);
        token = succeed(&mut machine, at(10.1), started.unwrap().id);
        // The caller whose refusal took from the budget has given up. Another one that waited is
        // accepted.
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
        // While the token is renewed, other servers still accept it.
        machine.rejected_token_accepted(token, now + Duration::from_millis(2));
        token = succeed(&mut machine, now + Duration::from_millis(5), id);
        machine.replay_accepted(token);
    }
    assert!(exchanges <= 7, "{exchanges} exchanges in a minute");
}
