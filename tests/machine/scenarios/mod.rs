//! Runs `tests/scenarios/*.json`, the scenarios of the failure policy, on virtual time.
//!
//! `tests/scenarios/README.md` documents the format. Every scenario is run with many seeds. What it expects must hold for
//! every draw.

mod adapter;
mod check;
mod format;
mod units;
mod world;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::token::machine::scenarios::check::check;
use crate::token::machine::scenarios::format::{Expect, File, Given, Outline, Step, filled_in};
use crate::token::machine::scenarios::units::Draw;
use crate::token::machine::scenarios::world::World;

/// How often a scenario is run, each time with other draws.
const RUNS: u64 = 16;

/// A scenario with the values of one example.
struct Scenario {
    given: Given,
    /// Each with its JSON, which a failure shows.
    steps: Vec<(Step, String)>,
    expected: Expect,
}

impl Scenario {
    fn new(outline: &Outline, example: &Map<String, Value>) -> Result<Scenario, String> {
        let steps = outline.steps.iter().enumerate().map(|(number, template)| {
            let value = filled_in(template, example);
            let text = value.to_string();
            let step: Step = serde_json::from_value(value)
                .map_err(|error| format!("step {}: {error}", number + 1))?;
            check_form(&step).map_err(|error| format!("step {}: {error}", number + 1))?;
            Ok((step, text))
        });
        let scenario = Scenario {
            given: parse(&filled_in(&outline.given, example), "given")?,
            steps: steps.collect::<Result<_, String>>()?,
            expected: parse(&filled_in(&outline.expected, example), "expected")?,
        };
        let expects = |(step, _): &(Step, String)| has_expectation(step);
        if scenario.expected.is_empty() && !scenario.steps.iter().any(expects) {
            return Err("it expects nothing".to_owned());
        }
        Ok(scenario)
    }

    fn run(&self, seed: u64) -> Result<Vec<Draw>, String> {
        let mut draws = Vec::new();
        let mut world = World::new(&self.given, seed).map_err(|it| format!("given: {it}"))?;
        for (number, (step, text)) in self.steps.iter().enumerate() {
            let failed = |why: String| format!("step {} {text}\n      {why}", number + 1);
            let drawn = play(&mut world, step, false).map_err(failed)?;
            // Two steps that are each always the same do not fill a range together.
            let of_this_step =
                |it: Draw| Draw { what: format!("step {}, {}", number + 1, it.what), ..it };
            draws.extend(drawn.into_iter().map(of_this_step));
        }
        world.seen = world::Seen::default();
        let differences = check(&mut world, &self.expected, false);
        differences.into_result().map_err(|why| format!("expected\n      {why}"))?;
        Ok(draws)
    }
}

fn play(world: &mut World, step: &Step, repeated: bool) -> Result<Vec<Draw>, String> {
    world.play(step, repeated)?;
    if let Some(repeat) = &step.repeat {
        let begin = world.time;
        for round in 0..repeat.times {
            for step in &repeat.steps {
                play(world, step, true).map_err(|why| format!("round {}: {why}", round + 1))?;
            }
            let next = begin + repeat.every.0 * (round + 1);
            if world.time > next {
                return Err("the steps of a round take longer than the round".to_owned());
            }
            world.pass_until(next)?;
        }
    }
    let nothing = Expect::default();
    match &step.expect {
        None if repeated || step.repeat.is_some() => Ok(Vec::new()),
        expect => {
            let silent = !repeated && step.repeat.is_none();
            check(world, expect.as_ref().unwrap_or(&nothing), silent).into_result()
        }
    }
}

fn has_expectation(step: &Step) -> bool {
    let within =
        |step: &Step| step.repeat.as_ref().is_some_and(|it| it.steps.iter().any(has_expectation));
    step.expect.as_ref().is_some_and(|expect| !expect.is_empty()) || within(step)
}

/// A step has one event at most.
fn check_form(step: &Step) -> Result<(), String> {
    let events = [
        step.request.is_some(),
        step.endpoint_answers.is_some(),
        step.endpoint_fails.is_some(),
        step.exchange_vanishes.is_some(),
        step.endpoint_from_now_on.is_some(),
        step.api_answers.is_some(),
        step.suspended_for.is_some(),
        step.wall_clock_moves.is_some(),
        step.credentials_change.is_some(),
        step.operator_says.is_some(),
        step.repeat.is_some(),
    ];
    let events = events.into_iter().filter(|it| *it).count();
    if events > 1 {
        return Err("it is more than one event".to_owned());
    }
    if events == 0 && !has_expectation(step) {
        return Err("it neither does nor expects anything".to_owned());
    }
    step.repeat.iter().flat_map(|it| &it.steps).try_for_each(check_form)
}

fn parse<T: Default + for<'de> Deserialize<'de>>(value: &Value, what: &str) -> Result<T, String> {
    if value.is_null() {
        return Ok(T::default());
    }
    serde_json::from_value(value.clone()).map_err(|error| format!("{what}: {error}"))
}

/// Runs a scenario with all its examples and draws.
fn run(outline: &Outline) -> Result<(), String> {
    let story = &outline.story;
    if story.len() > 140 || story.contains('\n') || !story.ends_with('.') {
        return Err("its story is no line that ends with a full stop".to_owned());
    }
    let none = [Map::new()];
    let examples = if outline.examples.is_empty() { &none[..] } else { &outline.examples };
    for example in examples {
        let of = if example.is_empty() {
            String::new()
        } else {
            format!("example {}\n    ", Value::Object(example.clone()))
        };
        let scenario = Scenario::new(outline, example).map_err(|why| format!("{of}{why}"))?;
        let mut draws = Vec::new();
        for seed in 0..RUNS {
            let run = scenario.run(seed).map_err(|why| format!("{of}seed {seed}, {why}"))?;
            draws.extend(run);
        }
        Draw::fill(&draws).map_err(|why| format!("{of}{why}"))?;
    }
    Ok(())
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// What the directory has beside scenarios: the page that documents them, and the runner for other implementations.
const OTHERS: [&str; 5] = ["README.md", "run.py", "run_ours", "scenario.py", "self_test.py"];

/// Every file of scenarios, by name.
fn files() -> Vec<(String, File)> {
    let mut names: Vec<_> = fs::read_dir(directory())
        .expect("tests/scenarios")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .filter(|name| !OTHERS.contains(&&**name))
        .collect();
    names.sort();
    let read = |name: String| {
        assert!(name.ends_with(".json"), "{name} is not known here");
        let text = fs::read_to_string(directory().join(&name)).expect("a file");
        let file: File =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!file.theme.is_empty() && !file.scenarios.is_empty(), "{name} is empty");
        (name, file)
    };
    names.into_iter().map(read).collect()
}

#[test]
fn every_scenario_holds_for_every_draw() {
    let (mut stories, mut failures) = (BTreeSet::new(), Vec::new());
    for (name, file) in files() {
        for outline in &file.scenarios {
            let Outline { story, promises, .. } = outline;
            assert!(stories.insert(story.clone()), "{name}: told twice: {story}");
            assert!(!promises.is_empty(), "{name}: of no promise: {story}");
            if let Err(why) = run(outline) {
                failures.push(format!("{name}: {story}\n    {why}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} failed\n\n{}\n", failures.len(), failures.join("\n\n"));
    assert!(stories.len() >= 200, "only {} scenarios", stories.len());
}

// ===== tests of the runner =====

fn ran(scenario: &Value) -> Result<(), String> {
    let outline = serde_json::from_value(scenario.clone()).map_err(|error| error.to_string())?;
    run(&outline)
}

#[test]
fn a_scenario_that_is_mistyped_expects_nothing_or_is_wrong_fails() {
    let base = serde_json::json!({
        "story": "The first request waits.",
        "promises": [1],
        "steps": [{"request": "a", "expect": {"starts": "first", "waits": true}}],
    });
    assert_eq!(ran(&base), Ok(()));
    let wrong = [
        ("/steps/0/expect", r#"{"starts": "first", "wait": true}"#, "unknown field `wait`"),
        ("/steps/0/expect", r#"{}"#, "it expects nothing"),
        ("/steps/0/expect", r#"{"waits": true}"#, "starts: expected []"),
        ("/steps/0/expect", r#"{"starts": "expired"}"#, "expected [\"expired\"]"),
        ("/steps/0/expect", r#"{"starts": "first", "sends": "t1"}"#, "expected sends t1"),
        ("/steps/0/expect", r#"{"starts": "first", "exchanges": 2}"#, "expected 2..2, came 1"),
        ("/steps/0", r#"{"request": "a", "exchange_vanishes": true}"#, "more than one event"),
        ("/steps/0", r#"{"at": "5"}"#, "no span of time"),
        ("/steps/0", r#"{"at": "5s"}"#, "neither does nor expects"),
        ("/steps/0", r#"{"endpoint_fails": "timeout", "expect": {"failed": 1}}"#, "has begun"),
        ("/story", r#""no full stop""#, "no line"),
    ];
    for (at, value, why) in wrong {
        let mut scenario = base.clone();
        *scenario.pointer_mut(at).unwrap() = serde_json::from_str(value).unwrap();
        let failed = ran(&scenario).expect_err(value);
        assert!(failed.contains(why), "{value}: {failed}");
    }
}

/// The names of a type's members, from serde's error for an unknown member.
fn members<T: for<'de> Deserialize<'de>>() -> Vec<String> {
    let error = serde_json::from_str::<T>(r#"{"no such member": 1}"#).err().unwrap().to_string();
    let names = error.split_once("expected").expect("a list").1;
    names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_member_of_the_format_is_documented() {
    let readme = fs::read_to_string(directory().join("README.md")).expect("README.md");
    let all = [
        members::<File>(),
        members::<Outline>(),
        members::<Given>(),
        members::<Step>(),
        members::<Expect>(),
        members::<format::Fails>(),
        members::<format::Answer>(),
        members::<format::Standing>(),
        members::<format::ApiAnswer>(),
        members::<format::Repeat>(),
        members::<format::Jwt>(),
    ];
    for name in all.concat() {
        assert!(readme.contains(&format!("`{name}`")), "not in the README: {name}");
    }
}
