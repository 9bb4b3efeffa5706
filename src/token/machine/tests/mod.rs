//! Tests of the machine without async: events in, actions out, and a number as the clock.

mod pause;
mod refresh;
mod refresh_after;
mod refusal;
mod same_token;
mod settling;

use std::time::UNIX_EPOCH;

use crate::scheme::not_adopted::NotAdopted;
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
        refresh_after: None,
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
