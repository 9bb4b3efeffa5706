//! The machine against a naive model of it. Random events happen to both; after each event both must say the same.
//!
//! A sequence that fails is shrunk to a few events in plain words. Its seed is kept in `seeds.txt`.

mod event;
mod reference;

use std::time::UNIX_EPOCH;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use crate::token::machine::model::event::{Answer, Back, Event, Setup, Token};
use crate::token::machine::model::reference::Model;
use crate::token::machine::*;

/// The seeds of sequences that failed once: each run begins with them. Tests run in the package's root.
const SEEDS: &str = "tests/machine/model/seeds.txt";

prop_state_machine! {
    #![proptest_config(ProptestConfig {
        max_shrink_iters: 20_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(SEEDS))),
        ..ProptestConfig::default()
    })]

    /// `PROPTEST_CASES` says how many; 256 by default.
    #[test]
    fn the_machine_does_what_the_model_says(sequential 100 => Run);
}

/// Any event may follow any other. An event that makes no sense in its place does nothing.
struct Events;

impl ReferenceStateMachine for Events {
    type State = Setup;
    type Transition = Event;

    fn init_state() -> BoxedStrategy<Setup> {
        event::any_setup().boxed()
    }

    fn transitions(setup: &Setup) -> BoxedStrategy<Event> {
        thread_local! {
            static ANY: [BoxedStrategy<Event>; 3] = [
                event::any_event().boxed(),
                event::any_busy_event().boxed(),
                event::any_event_of_an_outage().boxed(),
            ];
        }
        ANY.with(|any| any[setup.story as usize].clone())
    }

    fn apply(setup: Setup, _: &Event) -> Setup {
        setup
    }
}

/// The machine and the model side by side, and the clocks.
struct Run {
    machine: Machine,
    model: Model,
    monotonic: Duration,
    wall: Duration,
    /// The refreshes whose tasks have not ended; some of them are given up.
    tasks: Vec<Start>,
    generations: Vec<Generation>,
}

impl StateMachineTest for Run {
    type SystemUnderTest = Run;
    type Reference = Events;

    fn init_test(setup: &Setup) -> Run {
        let (monotonic, wall) = (Duration::from_secs(500_000), Duration::from_secs(1_700_000_000));
        let mut machine = Machine::new(setup.refresh_limit, setup.seed)
            .with_changing_credentials(setup.credentials_may_change)
            .with_settling_time(setup.settling_time);
        let mut model = Model::new(*setup, Now::new(monotonic, UNIX_EPOCH + wall));
        let mut generations = Vec::new();
        if setup.fixed {
            let (generation, window) = machine.fix(model.now);
            model.fixed(generation, window);
            generations.push(generation);
        }
        Run { machine, model, monotonic, wall, tasks: Vec::new(), generations }
    }

    fn apply(mut run: Run, _: &Setup, event: Event) -> Run {
        run.happens(event);
        run.model.shows(&run.machine.status(run.model.now));
        run.model.flags(&run.machine);
        run
    }
}

impl Run {
    fn happens(&mut self, event: Event) {
        let now = self.model.now;
        match event {
            Event::TimePasses(time) => self.clocks(self.monotonic + time, self.wall + time),
            Event::Suspended(time) | Event::ClockSetForward(time) => {
                self.clocks(self.monotonic, self.wall + time);
            }
            Event::ClockSetBack(time) => {
                self.clocks(self.monotonic, self.wall.saturating_sub(time));
            }
            Event::Comes(moment, just_before) => {
                let time = self.model.time_until(moment);
                let time = time.saturating_sub(Duration::from_nanos(just_before.into()));
                self.clocks(self.monotonic + time, self.wall + time);
            }
            Event::Ask => {
                let silent = self.model.is_said_to_be_silent(&self.machine);
                let before = silent.then(|| format!("{:?}", self.machine));
                let (ask, start) = self.machine.ask(now);
                if let Some(before) = before {
                    let changed = before != format!("{:?}", self.machine);
                    assert!(!changed && ask != Ask::Wait, "11: a flag hides an exchange");
                    assert!(!self.model.is_reload_due(), "11: a flag hides a reload");
                }
                self.model.asked(ask, start);
                self.tasks.extend(start);
            }
            Event::Refused(token) => {
                let refused = self.generation(token);
                let (answer, start) = self.machine.refused(now, refused);
                self.model.refused(refused, answer, start);
                self.tasks.extend(start);
            }
            Event::Doubted(token) => {
                let doubted = self.generation(token);
                let (answer, start) = self.machine.doubted(now, doubted);
                self.model.doubted(doubted, answer, start);
                self.tasks.extend(start);
            }
            Event::Ends(refresh, answer) => {
                let Some(refresh) = self.end(refresh) else { return };
                let outcome = match answer {
                    Answer::Token { at_once, token } => {
                        Ok(self.arrival(if at_once { refresh.started } else { now }, token))
                    }
                    Answer::Error(fault) => Err(fault),
                };
                let finished = self.machine.finished(now, refresh.id, outcome);
                if let Finished::Adopt { generation, .. } = finished {
                    self.adopted(generation);
                }
                self.model.finished(refresh.id, outcome, finished);
            }
            Event::Vanishes(refresh) => {
                let Some(refresh) = self.end(refresh) else { return };
                self.machine.lost(now, refresh.id);
                self.model.lost(refresh.id);
            }
            Event::WaitedTooLong => {
                if let Some(refresh) = self.model.overdue() {
                    self.machine.lost(now, refresh);
                    self.model.lost(refresh);
                }
            }
            Event::Rotated { used, sent_ago, token } => {
                // No response states when its token is renewed.
                let token = Token { refresh_after: None, ..token };
                let (used, arrival) = (self.generation(used), self.arrival(now - sent_ago, token));
                assert_eq!(
                    self.machine.may_follow(now, used, &arrival).err(),
                    self.model.why_not(used, arrival),
                    "before its signature is verified"
                );
                let rotated = self.machine.rotated(now, used, &arrival);
                if let Ok((generation, _)) = rotated {
                    self.adopted(generation);
                }
                self.model.rotated(used, arrival, rotated);
            }
            Event::ReplayAccepted(token) => {
                let with = self.generation(token);
                self.machine.replay_accepted(with);
                self.model.replay_accepted(with);
            }
            Event::RejectedTokenAccepted(token, ago) => {
                let rejected_token = self.generation(token);
                self.machine.rejected_token_accepted(rejected_token, now - ago);
                self.model.rejected_token_accepted(rejected_token, now - ago);
            }
            Event::RetryNow => {
                self.machine.lift_pause(now);
                self.model.pause_lifted();
            }
            Event::Reload { changed } => {
                let reloads = self.machine.reload_due(now);
                self.model.reloaded(reloads);
                if reloads && changed {
                    self.machine.credentials_changed(now);
                    self.model.credentials_changed();
                }
            }
        }
    }

    fn clocks(&mut self, monotonic: Duration, wall: Duration) {
        let far = Duration::from_secs(10_000_000_000);
        (self.monotonic, self.wall) = (monotonic.min(far), wall.min(far));
        self.model.time_is(Now::new(self.monotonic, UNIX_EPOCH + self.wall));
    }

    /// Ends a task that is still running.
    fn end(&mut self, back: Back) -> Option<Start> {
        let nth = self.tasks.len().checked_sub(back + 1)?;
        Some(self.tasks.remove(nth))
    }

    /// The generation of the token that so many tokens followed; the default one if there is no such token. No request has
    /// sent a token that waits.
    fn generation(&self, back: Back) -> Generation {
        let used: Vec<_> =
            self.generations.iter().filter(|it| !self.model.waits(**it)).copied().collect();
        let nth = used.len().checked_sub(back + 1);
        nth.map_or(Generation::default(), |nth| used[nth])
    }

    fn adopted(&mut self, generation: Generation) {
        if self.generations.last() != Some(&generation) {
            self.generations.push(generation);
        }
    }

    fn arrival(&self, sent: Now, token: Token) -> Arrival {
        let Token { life, stated, dated_by, same, refresh_after, refresh_token, claimed } = token;
        let dated = dated_by.map(|by| life + by);
        let same = same && !self.generations.is_empty();
        let refresh_token = refresh_token.then_some(());
        Arrival { sent, life, stated, dated, same, refresh_after, refresh_token, claimed }
    }
}
