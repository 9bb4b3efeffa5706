//! Compares what a scenario expects with what happened.

use std::fmt::Debug;
use std::time::Duration;

use crate::exchange::context::Reason;
use crate::exchange::error::ExchangeError;
use crate::scheme::not_adopted::NotAdopted;
use crate::token::machine::scenarios::format::{CallerExpect, Expect, Fails};
use crate::token::machine::scenarios::units::{Count, Draw, Range};
use crate::token::machine::scenarios::world::{Did, Ended, World};

/// What happened otherwise than expected, and the values that were drawn.
#[derive(Default)]
pub(crate) struct Differences(Vec<String>, Vec<Draw>);

impl Differences {
    pub(crate) fn into_result(self) -> Result<Vec<Draw>, String> {
        if self.0.is_empty() { Ok(self.1) } else { Err(self.0.join("\n      ")) }
    }

    fn note(&mut self, what: &str, expected: impl Debug, came: impl Debug) {
        self.0.push(format!("{what}: expected {expected:?}, came {came:?}"));
    }

    fn equal<T: PartialEq + Debug>(&mut self, what: &str, expected: Option<T>, came: &T) {
        if let Some(expected) = expected.filter(|expected| expected != came) {
            self.note(what, expected, came);
        }
    }

    fn count(&mut self, what: &str, expected: Option<&Count>, came: u64) {
        if let Some(expected) = expected.filter(|expected| !expected.holds(came)) {
            self.0.push(format!("{what}: expected {expected}, came {came}"));
        }
    }

    fn range(&mut self, what: &str, expected: Option<&Range>, came: Option<Duration>) {
        if let (Some(Range::Drawn(from, to)), Some(value)) = (expected, came) {
            self.1.push(Draw { what: what.to_owned(), from: *from, to: *to, value });
        }
        if let Some(expected) = expected.filter(|expected| !expected.holds(came)) {
            self.note(what, expected, came);
        }
    }
}

/// `silent` means that an exchange which is not expected is a difference.
pub(crate) fn check(world: &mut World, expect: &Expect, silent: bool) -> Differences {
    let mut found = Differences::default();
    check_callers(world, expect, &mut found);
    check_step(world, expect, silent, &mut found);
    check_state(world, expect, &mut found);
    check_counts(world, expect, &mut found);
    found
}

fn check_callers(world: &World, expect: &Expect, found: &mut Differences) {
    let own = CallerExpect {
        sends: expect.sends.clone(),
        sends_again: expect.sends_again.clone(),
        waits: expect.waits,
        fails: expect.fails.clone(),
        gets_401: expect.gets_401.clone(),
        gets_doubted: expect.gets_doubted.clone(),
        gets: expect.gets,
    };
    if let Some(name) = &world.seen.caller {
        check_caller(world, name, &own, found);
    } else if !own.is_empty() {
        found.0.push("this step has no caller: use `callers`".to_owned());
    }
    for (name, expect) in &expect.callers {
        check_caller(world, name, expect, found);
    }
}

impl CallerExpect {
    fn is_empty(&self) -> bool {
        let CallerExpect { sends, sends_again, waits, fails, gets_401, gets_doubted, gets } = self;
        let texts = [sends, sends_again, gets_401, gets_doubted].iter().all(|it| it.is_none());
        texts && waits.is_none() && fails.is_none() && gets.is_none()
    }
}

fn check_caller(world: &World, name: &str, expect: &CallerExpect, found: &mut Differences) {
    let Some(did) = world.caller(name).map(|caller| caller.did.clone()) else {
        found.0.push(format!("there is no caller {name:?}"));
        return;
    };
    let CallerExpect { sends, sends_again, waits, fails, gets_401, gets_doubted, gets } = expect;
    let holds = match (&did, expect) {
        (Did::Fails(error, age, next), CallerExpect { fails: Some(fails), .. }) => {
            check_failure(name, fails, error, Some(*age), *next, found);
            true
        }
        (Did::Sends(token), _) => sends.as_ref().is_some_and(|it| it == token),
        (Did::SendsAgain(token), _) => sends_again.as_ref().is_some_and(|it| it == token),
        (Did::Waits, _) => *waits == Some(true),
        (Did::Gets401(why), _) => gets_401.as_ref().is_some_and(|it| it == why),
        (Did::GetsDoubted(why), _) => gets_doubted.as_ref().is_some_and(|it| it == why),
        (Did::Gets(status), _) => *gets == Some(*status),
        (Did::Fails(..), _) => false,
    };
    let expected = [
        sends.as_ref().map(|token| format!("sends {token}")),
        sends_again.as_ref().map(|token| format!("sends again, {token}")),
        waits.map(|_| "waits".to_owned()),
        fails.as_ref().map(|_| "fails".to_owned()),
        gets_401.as_ref().map(|why| format!("gets the 401: {why}")),
        gets_doubted.as_ref().map(|why| format!("gets the doubted answer: {why}")),
        gets.map(|status| format!("gets {status}")),
    ];
    let expected: Vec<_> = expected.into_iter().flatten().collect();
    if !holds && !expected.is_empty() {
        found.0.push(format!("{name}: expected {}, came {did:?}", expected.join(" and ")));
    }
}

fn check_failure(
    what: &str,
    expect: &Fails,
    error: &ExchangeError,
    age: Option<Duration>,
    next: Duration,
    found: &mut Differences,
) {
    let Fails { kind, status, code, age: expected_age, next_try_in } = expect;
    let came = error.status().map(|status| status.as_u16());
    found.equal(&format!("{what}: kind"), kind.as_deref(), &error.kind().as_str());
    found.equal(&format!("{what}: status"), status.map(Some), &came);
    found.equal(&format!("{what}: code"), code.as_deref().map(Some), &error.code());
    found.range(&format!("{what}: age"), expected_age.as_ref(), age);
    found.range(&format!("{what}: next_try_in"), next_try_in.as_ref(), Some(next));
}

fn check_step(world: &World, expect: &Expect, silent: bool, found: &mut Differences) {
    let seen = &world.seen;
    let starts: Vec<_> = seen.starts.iter().map(|(reason, _)| reason.as_str()).collect();
    let expected: Vec<_> = expect.starts.as_deref().into_iter().collect();
    if starts != expected && (silent || expect.starts.is_some()) {
        found.note("starts", expected, starts);
    }
    let shows = seen.starts.first().map(|(_, shows)| &**shows);
    found.equal("shows", expect.shows.as_deref().map(Some), &shows);
    let came = match &seen.ended_with {
        Some(Ended::Brings(token)) => format!("brings {token}"),
        Some(Ended::AsksAgain(shows)) => format!("asks again, showing {shows}"),
        Some(Ended::Ignored) => "is ignored".to_owned(),
        Some(Ended::Fails(error, pause)) => {
            if let Some(fails) = &expect.exchange_fails {
                check_failure("exchange_fails", fails, error, None, *pause, found);
            }
            format!("fails: {error}")
        }
        None => "does not end".to_owned(),
    };
    let failed = matches!(seen.ended_with, Some(Ended::Fails(..)));
    if expect.exchange_fails.is_some() && !failed {
        found.note("the exchange", "fails", &came);
    }
    found.equal("the exchange", expect.brings.as_ref().map(|it| format!("brings {it}")), &came);
    let again = expect.asks_again.as_ref().map(|it| format!("asks again, showing {it}"));
    found.equal("the exchange", again, &came);
    found.equal("the exchange", expect.ignored.map(|_| "is ignored".to_owned()), &came);
    let handed_out = seen.handed_out.as_ref();
    let adopted = handed_out.and_then(|it| it.as_ref().ok()).map(|it| &**it);
    found.equal("adopts", expect.adopts.as_deref().map(Some), &adopted);
    let why = handed_out.and_then(|it| it.as_ref().err()).map(|why| why.as_str());
    found.equal("does_not_adopt", expect.does_not_adopt.as_deref().map(Some), &why);
}

fn check_state(world: &mut World, expect: &Expect, found: &mut Differences) {
    let status = world.status();
    found.equal("state", expect.state.as_deref(), &status.state.as_str());
    let token = world.token();
    found.equal("token", expect.token.as_deref(), &token.as_deref().unwrap_or("none"));
    found.range("expires_in", expect.expires_in.as_ref(), status.expires_in);
    found.range("next_try_in", expect.next_try_in.as_ref(), status.next_attempt_in);
    found.count("failures", expect.failures.as_ref(), status.consecutive_failures.into());
    found.range("failing_for", expect.failing_for.as_ref(), status.failing_for);
    found.count("budget", expect.budget.as_ref(), status.renewal_budget.into());
    found.equal("under_way", expect.under_way, &status.exchange_under_way);
    let refresh_token = world.refresh_token().unwrap_or("none");
    found.equal("refresh_token", expect.refresh_token.as_deref(), &refresh_token);
    found.count("waiting", expect.waiting.as_ref(), world.waiting());
}

fn check_counts(world: &mut World, expect: &Expect, found: &mut Differences) {
    let counters = world.status().counters;
    found.count("exchanges", expect.exchanges.as_ref(), counters.exchanges());
    for (label, expected) in &expect.exchanges_for {
        match Reason::ALL.iter().find(|reason| reason.as_str() == label) {
            Some(&reason) => found.count(label, Some(expected), counters.exchanges_for(reason)),
            None => found.0.push(format!("{label:?} is no reason")),
        }
    }
    for (label, expected) in &expect.successors_not_adopted {
        match NotAdopted::ALL.iter().find(|why| why.as_str() == label) {
            Some(&why) => {
                found.count(label, Some(expected), counters.rotations_not_adopted_for(why));
            }
            None => found.0.push(format!("{label:?} is no reason")),
        }
    }
    let counts = [
        ("succeeded", &expect.succeeded, counters.exchanges_succeeded),
        ("failed", &expect.failed, counters.exchanges_failed),
        ("vanished", &expect.vanished, counters.exchanges_lost),
        ("same_token", &expect.same_token, counters.same_token),
        ("refresh_tokens_spent", &expect.refresh_tokens_spent, counters.refresh_tokens_spent),
        ("refusals", &expect.refusals, counters.refusals),
        ("refusals_over_budget", &expect.refusals_over_budget, counters.budget_refusals),
        ("doubts", &expect.doubts, counters.doubts),
        ("successors_adopted", &expect.successors_adopted, counters.rotations_adopted),
        ("reloads", &expect.reloads, world.reloads),
        ("requests_failed", &expect.requests_failed, world.requests_failed),
        ("requests_given_401", &expect.requests_given_401, world.requests_given_401),
    ];
    for (what, expected, came) in counts {
        found.count(what, expected.as_ref(), came);
    }
}
