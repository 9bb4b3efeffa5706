//! The world around a machine, in virtual time: a token endpoint, an API, callers.
//!
//! It does what the shell (`shared.rs`, `waiting.rs`, `sent_request.rs`) does, without async. The crate's own code reads the
//! answers, and judges lifetimes and successors.

mod callers;
mod exchanges;
mod successors;
mod texts;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use crate::clock::Now;
use crate::endpoint::scheme::Scheme;
use crate::exchange::context::Reason;
use crate::exchange::error::ExchangeError;
use crate::scheme::not_adopted::NotAdopted;
use crate::secret::Secret;
use crate::token::builder::{DEFAULT_LIFETIME, EXCHANGE_TIMEOUT};
use crate::token::machine::Machine;
use crate::token::machine::events::{Complaint, Generation, RefreshId};
use crate::token::machine::rotation::Lineage;
use crate::token::machine::scenarios::format::*;
use crate::token::machine::scenarios::units::{Moment, nanos};
use crate::token::machine::scenarios::world::texts::{jwt, kind_of, scheme};
use crate::token::machine::status::Status;
use crate::token::machine::window::Window;

/// The wall clock at the beginning, by default: 2027-01-15T08:00:00Z.
const WALL_CLOCK: u64 = 1_800_000_000;
const UPTIME: Duration = Duration::from_secs(86_400);
/// The secret of the credentials; it signs JWTs.
const SECRET: &str = "secret";

pub(crate) struct World {
    scheme: Arc<dyn Scheme>,
    /// Keeps a refresh token and the last error, as in a source.
    machine: Machine<Secret, ExchangeError>,
    /// Answers of the API with these statuses are doubted.
    doubted_statuses: Vec<u16>,
    default_lifetime: Duration,
    /// Since the scenario began, without suspends.
    pub(crate) time: Duration,
    uptime: Duration,
    /// What the wall clock shows, in nanoseconds since 1970, apart from `time`.
    wall: i128,
    jwts: BTreeMap<String, String>,
    current: Option<Held>,
    /// The text of each token that was current.
    texts: BTreeMap<Generation, String>,
    refreshes: Vec<Refresh>,
    callers: BTreeMap<String, Caller>,
    standing: Option<Standing>,
    /// The answers that `endpoint_from_now_on` has scheduled: the time, the exchange, the answer.
    answers: Vec<(Duration, usize, Answer)>,
    credentials_changed: bool,
    pub(crate) reloads: u64,
    pub(crate) requests_failed: u64,
    pub(crate) requests_given_401: u64,
    pub(crate) seen: Seen,
}

/// What a step caused.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) caller: Option<String>,
    /// The reason of each exchange that began, and what its request shows.
    pub(crate) starts: Vec<(Reason, String)>,
    pub(crate) ended_with: Option<Ended>,
    pub(crate) handed_out: Option<Result<String, NotAdopted>>,
}

pub(crate) enum Ended {
    Brings(String),
    Fails(ExchangeError, Duration),
    Ignored,
    AsksAgain(String),
}

/// The current token.
struct Held {
    text: String,
    generation: Generation,
    window: Window,
    line: Option<Arc<Lineage>>,
}

struct Refresh {
    id: RefreshId,
    sent: Now,
    spent: Option<Secret>,
    request_name: &'static str,
}

pub(crate) struct Caller {
    replayable: bool,
    stage: Stage,
    /// The last thing that happened to it.
    pub(crate) did: Did,
}

#[derive(Clone, Copy)]
enum Stage {
    ForToken {
        refresh: usize,
    },
    ForSuccessor {
        refresh: usize,
        complaint: Complaint,
        refused: Generation,
        counts: bool,
    },
    /// `replay` is none for the first sending; else it says whether the request has waited for its second token.
    Sent {
        with: Generation,
        at: Now,
        due: bool,
        replay: Option<bool>,
    },
    Over,
}

#[derive(Clone, Debug)]
pub(crate) enum Did {
    Sends(String),
    SendsAgain(String),
    Waits,
    Fails(ExchangeError, Duration, Duration),
    Gets401(&'static str),
    GetsDoubted(&'static str),
    Gets(u16),
}

/// How a refresh ended, for those who waited.
enum Outcome {
    Token,
    Error(ExchangeError, Duration),
    Lost,
}

type Played = Result<(), String>;

impl World {
    pub(crate) fn new(given: &Given, seed: u64) -> Result<World, String> {
        let timeout = given.exchange_timeout.map_or(EXCHANGE_TIMEOUT, |it| it.0);
        let mut world = World {
            scheme: scheme(given.scheme).map_err(|error| error.to_string())?,
            machine: Machine::new(timeout + Duration::from_secs(1), seed)
                .with_changing_credentials(given.credentials == Credentials::InFiles),
            doubted_statuses: given.doubted_statuses.clone(),
            default_lifetime: given.default_lifetime.map_or(DEFAULT_LIFETIME, |it| it.0),
            time: Duration::ZERO,
            uptime: given.uptime.map_or(UPTIME, |it| it.0),
            wall: nanos(Duration::from_secs(given.wall_clock.unwrap_or(WALL_CLOCK))),
            jwts: BTreeMap::new(),
            current: None,
            texts: BTreeMap::new(),
            refreshes: Vec::new(),
            callers: BTreeMap::new(),
            standing: None,
            answers: Vec::new(),
            credentials_changed: false,
            reloads: 0,
            requests_failed: 0,
            requests_given_401: 0,
            seen: Seen::default(),
        };
        for (name, it) in &given.jwts {
            world.jwts.insert(name.clone(), jwt(it)?);
        }
        if let Some(token) = &given.fixed_token {
            let (generation, window) = world.machine.fix(world.now());
            world.hold(token.clone(), generation, window, None);
        }
        if let Some(token) = &given.token {
            let lives_for = given.lives_for.map_or(3_600.0, |it| it.0.as_secs_f64());
            let body = match given.scheme {
                SchemeName::Rotating | SchemeName::RotatingWhenDue => json!(token),
                _ => {
                    let refresh_token = &given.refresh_token;
                    json!({"access_token": token, "expires_in": lives_for, "refresh_token": refresh_token})
                }
            };
            world.ask("given")?;
            world.answer(0, &Answer { body: Some(body), ..Answer::default() })?;
            if world.current.is_none() {
                return Err(format!("no token was issued: {:?}", world.machine.last_error()));
            }
            world.callers.clear();
        }
        Ok(world)
    }

    /// Plays one step. Within a `repeat`, an answer to a request that was not sent is passed over.
    pub(crate) fn play(&mut self, step: &Step, repeated: bool) -> Played {
        self.seen = Seen::default();
        self.pass_time(step)?;
        if let Some(name) = &step.request {
            self.seen.caller = Some(name.clone());
            let replayable = step.replayable.unwrap_or(true);
            let caller = Caller { replayable, stage: Stage::Over, did: Did::Waits };
            self.callers.insert(name.clone(), caller);
            self.ask(name)?;
        }
        if let Some(answer) = &step.endpoint_answers {
            self.answer(self.refresh_of(step)?, answer)?;
        }
        if let Some(kind) = &step.endpoint_fails {
            let error = ExchangeError::new(kind_of(kind)?, "as the scenario says");
            self.end_with(self.refresh_of(step)?, Err(error))?;
        }
        if step.exchange_vanishes.is_some() {
            let refresh = self.refresh_of(step)?;
            self.machine.lost(self.now(), self.refreshes[refresh].id);
            self.resolve(refresh, &Outcome::Lost)?;
        }
        if let Some(standing) = &step.endpoint_from_now_on {
            self.standing = Some(standing.clone());
        }
        if let Some(answer) = &step.api_answers {
            self.seen.caller = Some(answer.to.clone());
            self.api_answers(answer, repeated)?;
        }
        if let Some(suspended) = step.suspended_for {
            self.wall += nanos(suspended.0);
        }
        if let Some(shift) = step.wall_clock_moves {
            self.wall += shift.0;
        }
        if step.credentials_change.is_some() {
            self.credentials_changed = true;
        }
        if let Some(Say::TryNow) = step.operator_says {
            self.machine.lift_pause(self.now());
        }
        self.pass_until(self.time)
    }

    // ===== time =====

    pub(crate) fn now(&self) -> Now {
        let wall = self.wall + nanos(self.time);
        let wall = u64::try_from(wall.max(0)).unwrap_or(u64::MAX >> 1);
        Now::new(self.uptime + self.time, UNIX_EPOCH + Duration::from_nanos(wall))
    }

    fn pass_time(&mut self, step: &Step) -> Played {
        let until = match (step.at, step.after) {
            (None, None) => return Ok(()),
            (None, Some(after)) => self.time + after.0,
            (Some(Moment::FromStart(at)), None) => at,
            (Some(Moment::NextTry(shift)), None) => {
                let next = self.status().next_attempt_in.ok_or("there is no next try")?;
                let until = nanos(self.time + next) + shift.0;
                Duration::from_nanos(u64::try_from(until).map_err(|_| "before the start")?)
            }
            (Some(_), Some(_)) => return Err("a step has either `at` or `after`".to_owned()),
        };
        if until < self.time {
            return Err(format!("{until:?} is over: it is {:?}", self.time));
        }
        self.pass_until(until)
    }

    /// Lets time pass. The token endpoint gives the answers that fall into that time.
    pub(crate) fn pass_until(&mut self, until: Duration) -> Played {
        loop {
            let due = self.answers.iter().enumerate().filter(|(_, (at, ..))| *at <= until);
            let Some((nth, _)) = due.min_by_key(|(_, (at, ..))| *at) else { break };
            let (at, index, answer) = self.answers.swap_remove(nth);
            self.time = self.time.max(at);
            self.answer(index, &answer)?;
        }
        self.time = until;
        Ok(())
    }

    // ===== questions =====

    pub(crate) fn status(&mut self) -> Status {
        let now = self.now();
        self.machine.status(now)
    }

    pub(crate) fn caller(&self, name: &str) -> Option<&Caller> {
        self.callers.get(name)
    }

    pub(crate) fn callers(&self) -> impl Iterator<Item = (&String, &Did)> {
        self.callers.iter().map(|(name, caller)| (name, &caller.did))
    }

    pub(crate) fn waiting(&self) -> u64 {
        let waits =
            |it: &&Caller| matches!(it.stage, Stage::ForToken { .. } | Stage::ForSuccessor { .. });
        self.callers.values().filter(waits).count() as u64
    }

    pub(crate) fn token(&self) -> Option<String> {
        self.current.as_ref().map(|current| self.name_of(&current.text))
    }

    pub(crate) fn refresh_token(&self) -> Option<&str> {
        self.machine.refresh_token.as_ref().map(Secret::expose)
    }

    fn generation(&self) -> Generation {
        self.current.as_ref().map(|current| current.generation).unwrap_or_default()
    }

    fn is_usable(&self) -> bool {
        self.current.as_ref().is_some_and(|it| !self.now().has_reached(it.window.ends_at))
    }

    fn last_refresh(&self) -> Result<usize, String> {
        self.refreshes.len().checked_sub(1).ok_or_else(|| "no exchange has begun".to_owned())
    }

    fn refresh_of(&self, step: &Step) -> Result<usize, String> {
        let number = step.exchange.map_or_else(|| self.last_refresh(), |number| Ok(number - 1))?;
        let begun = (number < self.refreshes.len()).then_some(number);
        begun.ok_or_else(|| format!("exchange {} has not begun", number + 1))
    }
}
