//! Plays the steps of `tests/scenarios/run.py`: reads one JSON object a line from the standard input, and answers with one
//! a line on the standard output.
//!
//! `tests/scenarios/README.md` documents the lines, in the section "The adapter". The adapter plays the events and tells what
//! it sees. The runner checks what is expected.

use std::io::{self, Write};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::exchange::context::Reason;
use crate::exchange::error::ExchangeError;
use crate::scheme::not_adopted::NotAdopted;
use crate::token::machine::scenarios::format::{Given, Step};
use crate::token::machine::scenarios::units::Moment;
use crate::token::machine::scenarios::world::{Did, Ended, Seen, World};

/// The spans of `given` and of a step. The lines have them in milliseconds.
const SPANS: [&str; 5] =
    ["lives_for", "default_lifetime", "exchange_timeout", "uptime", "suspended_for"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    given: Map<String, Value>,
    seed: u64,
}

#[test]
#[ignore = "reads its standard input: run tests/scenarios/run_ours"]
fn adapter() {
    let mut out = io::stdout().lock();
    writeln!(out).expect("a reader"); // ends the line that libtest has begun
    let mut world = None;
    let mut failed = false;
    for line in io::stdin().lines() {
        let line = serde_json::from_str::<Map<String, Value>>(&line.expect("UTF-8"));
        if failed && !line.as_ref().is_ok_and(|line| line.contains_key("given")) {
            continue; // until the next world begins
        }
        let reply = line
            .map_err(|error| error.to_string())
            .and_then(|line| reply(&mut world, line))
            .unwrap_or_else(|error| Some(json!({"error": error})));
        failed = reply.as_ref().is_some_and(|reply| reply.get("error").is_some());
        if let Some(reply) = reply {
            writeln!(out, "{reply}").and_then(|()| out.flush()).expect("a reader");
        }
    }
}

/// The reply to a line. None if the line asks for no reply.
fn reply(world: &mut Option<World>, mut line: Map<String, Value>) -> Result<Option<Value>, String> {
    if line.contains_key("given") {
        let Begin { mut given, seed } = read(line)?;
        with_units(&mut given);
        let given: Given = read(given)?;
        let world = world.insert(World::new(&given, seed)?);
        world.seen = Seen::default(); // no step has been played
        return Ok(Some(observed(world)));
    }
    let unanswered = line.remove("unanswered").is_some();
    let world = world.as_mut().ok_or("no world has begun")?;
    let (step, if_sent) = step(line)?;
    world.play(&step, if_sent)?;
    Ok((!unanswered).then(|| observed(world)))
}

/// The step of a line, and whether its `api_answers` is passed over if the request was not sent.
fn step(mut line: Map<String, Value>) -> Result<(Step, bool), String> {
    let at = line.remove("at_ms").and_then(|at| at.as_f64()).ok_or("a step has `at_ms`")?;
    let if_sent = line.remove("if_sent").is_some();
    with_units(&mut line);
    if let Some(Value::Object(standing)) = line.get_mut("endpoint_from_now_on") {
        in_units(standing, "takes", |ms| format!("{ms}ms"));
    }
    in_units(&mut line, "wall_clock_moves", |ms| format!("{ms:+}ms"));
    for name in ["at", "after", "note", "repeat", "expect"] {
        if line.contains_key(name) {
            return Err(format!("`{name}` is for the runner"));
        }
    }
    let mut step: Step = read(line)?;
    let at = Duration::try_from_secs_f64(at / 1_000.0).map_err(|error| error.to_string())?;
    step.at = Some(Moment::FromStart(at));
    Ok((step, if_sent))
}

fn with_units(members: &mut Map<String, Value>) {
    for name in SPANS {
        in_units(members, name, |ms| format!("{ms}ms"));
    }
}

fn in_units(members: &mut Map<String, Value>, name: &str, text: impl Fn(f64) -> String) {
    if let Some(value) = members.get_mut(name)
        && let Some(ms) = value.as_f64()
    {
        *value = json!(text(ms));
    }
}

fn read<T: for<'de> Deserialize<'de>>(members: Map<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(members)).map_err(|error| error.to_string())
}

/// What the step caused, and the source as it is now.
fn observed(world: &mut World) -> Value {
    let mut reply = step_of(world);
    reply.append(&mut state_of(world));
    reply.append(&mut counts_of(world));
    let callers = world.callers().map(|(name, did)| (name.clone(), caller(did)));
    reply.insert("callers".to_owned(), Value::Object(callers.collect()));
    Value::Object(reply)
}

fn step_of(world: &World) -> Map<String, Value> {
    let seen = &world.seen;
    let reasons: Vec<_> = seen.starts.iter().map(|(reason, _)| reason.as_str()).collect();
    let shows: Vec<_> = seen.starts.iter().map(|(_, shows)| shows).collect();
    let mut step = object(json!({"starts": reasons, "shows": shows}));
    let (name, value) = match &seen.ended_with {
        Some(Ended::Brings(token)) => ("brings", json!(token)),
        Some(Ended::AsksAgain(shows)) => ("asks_again", json!(shows)),
        Some(Ended::Ignored) => ("ignored", json!(true)),
        Some(Ended::Fails(error, pause)) => ("exchange_fails", failure(error, None, *pause)),
        None => ("", Value::Null),
    };
    step.insert(name.to_owned(), value);
    match &seen.handed_out {
        Some(Ok(token)) => step.insert("adopts".to_owned(), json!(token)),
        Some(Err(why)) => step.insert("does_not_adopt".to_owned(), json!(why.as_str())),
        None => None,
    };
    step.remove("");
    step
}

fn state_of(world: &mut World) -> Map<String, Value> {
    let status = world.status();
    object(json!({
        "state": status.state.as_str(),
        "token": world.token().as_deref().unwrap_or("none"),
        "expires_in": status.expires_in.map(ms),
        "next_try_in": status.next_attempt_in.map(ms),
        "failures": status.consecutive_failures,
        "failing_for": status.failing_for.map(ms),
        "budget": status.renewal_budget,
        "under_way": status.exchange_under_way,
        "refresh_token": world.refresh_token().unwrap_or("none"),
        "waiting": world.waiting(),
    }))
}

fn counts_of(world: &mut World) -> Map<String, Value> {
    let counters = world.status().counters;
    let started =
        Reason::ALL.iter().map(|reason| (reason.as_str(), counters.exchanges_for(*reason)));
    let not_adopted =
        NotAdopted::ALL.iter().map(|why| (why.as_str(), counters.rotations_not_adopted_for(*why)));
    let named = |counts: &mut dyn Iterator<Item = (&'static str, u64)>| -> Map<String, Value> {
        counts.map(|(name, count)| (name.to_owned(), json!(count))).collect()
    };
    object(json!({
        "exchanges": counters.exchanges(),
        "exchanges_for": named(&mut started.into_iter()),
        "succeeded": counters.exchanges_succeeded,
        "failed": counters.exchanges_failed,
        "vanished": counters.exchanges_lost,
        "same_token": counters.same_token,
        "refresh_tokens_spent": counters.refresh_tokens_spent,
        "refusals": counters.refusals,
        "refusals_over_budget": counters.budget_refusals,
        "doubts": counters.doubts,
        "successors_adopted": counters.rotations_adopted,
        "successors_not_adopted": named(&mut not_adopted.into_iter()),
        "reloads": world.reloads,
        "requests_failed": world.requests_failed,
        "requests_given_401": world.requests_given_401,
    }))
}

/// The last thing that happened to a caller.
fn caller(did: &Did) -> Value {
    match did {
        Did::Sends(token) => json!({"sends": token}),
        Did::SendsAgain(token) => json!({"sends_again": token}),
        Did::Waits => json!({"waits": true}),
        Did::Fails(error, age, next) => json!({"fails": failure(error, Some(*age), *next)}),
        Did::Gets401(why) => json!({"gets_401": why}),
        Did::GetsDoubted(why) => json!({"gets_doubted": why}),
        Did::Gets(status) => json!({"gets": status}),
    }
}

fn failure(error: &ExchangeError, age: Option<Duration>, next: Duration) -> Value {
    json!({
        "kind": error.kind().as_str(),
        "status": error.status().map(|status| status.as_u16()),
        "code": error.code(),
        "age": age.map(ms),
        "next_try_in": ms(next),
    })
}

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
