//! The world around a machine, on a clock that is a number: a token endpoint, an API, callers.
//!
//! It does what the shell (`core.rs`, `wait.rs`, `attempt.rs`) does, without waiting: classification,
//! lifetimes and rotations are the crate's own code.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Response, StatusCode};
use ring::hmac;
use serde_json::{Value, json};

use super::super::action::{Arrival, Ask, Finished, FlightId, Generation, Refused, Start};
use super::super::backoff::Fault;
use super::super::parts::{MAX_ROTATED_TOKEN, MAX_TOKEN, present};
use super::super::rotation::{Line, NotAdopted};
use super::super::schedule::{self, Window};
use super::super::state::Machine;
use super::super::status::Status;
use super::super::{DEFAULT_LIFETIME, EXCHANGE_TIMEOUT};
use super::format::*;
use crate::Secret;
use crate::clock::{Clock, Now, Sleep};
use crate::exchange::{Chain, ExchangeContext, ExchangeError, ExchangeErrorKind, Issued, Reason};
use crate::recovery::Recovery;
use crate::scheme::jwt::{Claims, Times};
use crate::scheme::{
    Adopt, Atlas, ClientCredentials, Endpoint, ExchangeAnswer, RefreshTokenIn, ResponseHead,
    Rotating, Scheme, Step as Next, Verdict,
};

/// When scenarios begin, unless they say otherwise: 2027-01-15T08:00:00Z.
const WALL_CLOCK: u64 = 1_800_000_000;
const UPTIME: Duration = Duration::from_secs(86_400);
/// The secret of the credentials; it signs JWTs.
const SECRET: &str = "secret";

pub(super) struct World {
    scheme: Arc<dyn Scheme>,
    machine: Machine,
    default_lifetime: Duration,
    /// Since the scenario began, without suspends.
    pub(super) time: Duration,
    uptime: Duration,
    /// What the wall clock shows, in nanoseconds since 1970, apart from `time`.
    wall: i128,
    jwts: BTreeMap<String, String>,
    current: Option<Held>,
    /// The text of each token that was current.
    texts: BTreeMap<Generation, String>,
    refresh_token: Option<Secret>,
    last_error: Option<ExchangeError>,
    flights: Vec<Flight>,
    callers: BTreeMap<String, Caller>,
    standing: Option<Standing>,
    /// Those that are to come by `endpoint_from_now_on`: when, and to which exchange.
    answers: Vec<(Duration, usize, Answer)>,
    credentials_changed: bool,
    pub(super) look_ups: u64,
    pub(super) requests_failed: u64,
    pub(super) requests_given_401: u64,
    pub(super) seen: Seen,
}

/// What a step caused.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) caller: Option<String>,
    /// The reason of each exchange that began, and what its request shows.
    pub(super) starts: Vec<(Reason, String)>,
    pub(super) landed: Option<Landed>,
    pub(super) handed_out: Option<Result<String, NotAdopted>>,
}

pub(super) enum Landed {
    Brings(String),
    Fails(ExchangeError, Duration),
    Ignored,
    AsksAgain(String),
}

/// The current token, as the cell has it.
struct Held {
    text: String,
    generation: Generation,
    window: Window,
    line: Option<Arc<Line>>,
}

struct Flight {
    id: FlightId,
    sent: Now,
    spent: Option<Secret>,
    request_name: &'static str,
}

pub(super) struct Caller {
    replayable: bool,
    stage: Stage,
    /// The last thing that happened to it.
    pub(super) did: Did,
}

#[derive(Clone, Copy)]
enum Stage {
    ForToken {
        flight: usize,
    },
    ForSuccessor {
        flight: usize,
        refused: Generation,
        counts: bool,
    },
    /// `replay`: whether it waited for its second token.
    Sent {
        with: Generation,
        at: Now,
        due: bool,
        replay: Option<bool>,
    },
    Over,
}

#[derive(Clone, Debug)]
pub(super) enum Did {
    Sends(String),
    SendsAgain(String),
    Waits,
    Fails(ExchangeError, Duration, Duration),
    Gets401(&'static str),
    Gets(u16),
}

/// How a flight ended, for those who waited.
enum Outcome {
    Token,
    Error(ExchangeError, Duration),
    Lost,
}

type Played = Result<(), String>;

impl World {
    pub(super) fn new(given: &Given, seed: u64) -> Result<World, String> {
        let timeout = given.exchange_timeout.map_or(EXCHANGE_TIMEOUT, |it| it.0);
        let mut world = World {
            scheme: scheme(given.scheme).map_err(|error| error.to_string())?,
            machine: Machine::new(timeout + Duration::from_secs(1), seed)
                .with_changing_credentials(given.credentials == Credentials::InFiles),
            default_lifetime: given.default_lifetime.map_or(DEFAULT_LIFETIME, |it| it.0),
            time: Duration::ZERO,
            uptime: given.uptime.map_or(UPTIME, |it| it.0),
            wall: nanos(Duration::from_secs(given.wall_clock.unwrap_or(WALL_CLOCK))),
            jwts: BTreeMap::new(),
            current: None,
            texts: BTreeMap::new(),
            refresh_token: None,
            last_error: None,
            flights: Vec::new(),
            callers: BTreeMap::new(),
            standing: None,
            answers: Vec::new(),
            credentials_changed: false,
            look_ups: 0,
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
                    let refresh = &given.refresh_token;
                    json!({"access_token": token, "expires_in": lives_for, "refresh_token": refresh})
                }
            };
            world.ask("given")?;
            world.answer(0, &Answer { body: Some(body), ..Answer::default() })?;
            if world.current.is_none() {
                return Err(format!("no token was issued: {:?}", world.last_error));
            }
            world.callers.clear();
        }
        Ok(world)
    }

    /// Plays one step. Within a `repeat`, an answer to a request that was not sent is passed over.
    pub(super) fn play(&mut self, step: &Step, repeated: bool) -> Played {
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
            self.answer(self.flight_of(step)?, answer)?;
        }
        if let Some(kind) = &step.endpoint_fails {
            let error = ExchangeError::new(kind_of(kind)?, "as the scenario says");
            self.land(self.flight_of(step)?, Err(error))?;
        }
        if step.exchange_vanishes.is_some() {
            let flight = self.flight_of(step)?;
            self.machine.lost(self.now(), self.flights[flight].id);
            self.resolve(flight, &Outcome::Lost)?;
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

    pub(super) fn now(&self) -> Now {
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

    /// Lets time pass, and the endpoint answer in it what `endpoint_from_now_on` says.
    pub(super) fn pass_until(&mut self, until: Duration) -> Played {
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

    // ===== callers =====

    /// A request wants a token.
    fn ask(&mut self, name: &str) -> Played {
        let now = self.now();
        // Where responses hand out successors, a due refresh is left to this request's own response.
        let left_to_response = self.scheme.rotation().is_some()
            && self.current.as_ref().is_some_and(|it| !now.has_reached(it.window.margin_at));
        if left_to_response {
            return self.send(name, None);
        }
        let (ask, start) = self.machine.ask(now);
        self.act(start)?;
        match ask {
            Ask::Use => self.send(name, None),
            Ask::Wait => {
                let flight = self.last_flight()?;
                self.set(name, Stage::ForToken { flight }, Did::Waits);
                Ok(())
            }
            Ask::Fail { age, retry_in } => {
                let error = self.last_error.clone().ok_or("a failure without an error")?;
                self.set(name, Stage::Over, Did::Fails(error, age, retry_in));
                Ok(())
            }
        }
    }

    /// Sends a request with the current token; for a replay, `replay` says whether it waited for that.
    fn send(&mut self, name: &str, replay: Option<bool>) -> Played {
        let (now, current) = (self.now(), self.current.as_ref().ok_or("no token")?);
        if now.has_reached(current.window.ends_at) {
            return Err(format!("{name} is told to send a token that is over"));
        }
        let due = replay.is_none() && now.has_reached(current.window.refresh_at);
        let stage = Stage::Sent { with: current.generation, at: now, due, replay };
        let text = self.name_of(&current.text);
        let did = if replay.is_some() { Did::SendsAgain(text) } else { Did::Sends(text) };
        self.set(name, stage, did);
        Ok(())
    }

    fn api_answers(&mut self, answer: &ApiAnswer, repeated: bool) -> Played {
        let name = &*answer.to;
        let caller = self.callers.get(name);
        let Some(Stage::Sent { with, at, due, replay }) = caller.map(|it| it.stage) else {
            let not_sent = format!("{name} has not been sent, or was answered");
            return if repeated { Ok(()) } else { Err(not_sent) };
        };
        let response = self.response(answer.status, &answer.headers, Bytes::new(), 0)?;
        let head = ResponseHead::of(&response);
        if self.scheme.judge(head) == Verdict::Refused {
            return match replay {
                Some(_) => {
                    self.set(name, Stage::Over, Did::Gets401(Recovery::Replayed.as_str()));
                    Ok(())
                }
                None => self.refused(name, with),
            };
        }
        let now = self.now();
        let sent = now - now.since(at);
        if self.machine.suspect() == Some(with) && head.status.is_success() {
            self.machine.suspect_accepted(with, sent);
        }
        let is_judged =
            !head.status.is_server_error() && head.status != StatusCode::TOO_MANY_REQUESTS;
        if replay == Some(true) && is_judged {
            self.machine.replay_accepted(with);
        }
        let untouched = head.status == StatusCode::UNAUTHORIZED;
        let did = if untouched { Did::Gets401("untouched") } else { Did::Gets(answer.status) };
        self.set(name, Stage::Over, did);
        let followed = head.status.is_success() && self.handed_out(with, sent, head);
        if self.scheme.rotation().is_some() && due && !followed {
            let (_, start) = self.machine.ask(now);
            self.act(start)?;
        }
        Ok(())
    }

    /// The API refused the token of a request.
    fn refused(&mut self, name: &str, refused: Generation) -> Played {
        let (answer, start) = self.machine.refused(self.now(), refused);
        self.act(start)?;
        if self.callers.get(name).is_some_and(|caller| !caller.replayable) {
            let recovery = match answer {
                Refused::HandOn(recovery) => recovery,
                _ => Recovery::NotReplayable,
            };
            self.set(name, Stage::Over, Did::Gets401(recovery.as_str()));
            return Ok(());
        }
        match answer {
            Refused::Resend => self.send(name, Some(false)),
            Refused::HandOn(recovery) => self.hand_on(name, refused, recovery),
            Refused::Wait | Refused::WaitAndAsk => {
                let (flight, counts) = (self.last_flight()?, answer == Refused::Wait);
                self.set(name, Stage::ForSuccessor { flight, refused, counts }, Did::Waits);
                Ok(())
            }
        }
    }

    /// Gives the 401 to the caller, unless a newer token has come in the meantime.
    fn hand_on(&mut self, name: &str, refused: Generation, recovery: Recovery) -> Played {
        match &self.current {
            Some(current) if current.generation > refused && self.is_usable() => {
                self.send(name, Some(false))
            }
            _ => {
                self.set(name, Stage::Over, Did::Gets401(recovery.as_str()));
                Ok(())
            }
        }
    }

    /// Tells those who waited for a flight how it ended.
    fn resolve(&mut self, ended: usize, outcome: &Outcome) -> Played {
        let waiting = |(name, caller): (&String, &Caller)| match caller.stage {
            Stage::ForToken { flight } | Stage::ForSuccessor { flight, .. } if flight == ended => {
                Some((name.clone(), caller.stage))
            }
            _ => None,
        };
        let waiting: Vec<_> = self.callers.iter().filter_map(waiting).collect();
        for (name, stage) in waiting {
            match (stage, outcome) {
                (Stage::ForToken { .. }, Outcome::Error(error, retry_in)) if !self.is_usable() => {
                    let did = Did::Fails(error.clone(), Duration::ZERO, *retry_in);
                    self.set(&name, Stage::Over, did);
                }
                (Stage::ForToken { .. }, Outcome::Token | Outcome::Error(..))
                    if self.is_usable() =>
                {
                    self.send(&name, None)?;
                }
                (Stage::ForToken { .. }, _) => self.ask(&name)?,
                (Stage::ForSuccessor { refused, counts: true, .. }, Outcome::Token) => {
                    if self.current.as_ref().is_some_and(|it| it.generation > refused) {
                        self.send(&name, Some(true))?;
                    } else {
                        self.hand_on(&name, refused, Recovery::SameToken)?;
                    }
                }
                (Stage::ForSuccessor { refused, counts: true, .. }, Outcome::Error(..)) => {
                    self.hand_on(&name, refused, Recovery::RenewalFailed)?;
                }
                (Stage::ForSuccessor { refused, .. }, _) => self.refused(&name, refused)?,
                (Stage::Sent { .. } | Stage::Over, _) => {}
            }
        }
        Ok(())
    }

    fn set(&mut self, name: &str, stage: Stage, did: Did) {
        self.requests_failed += u64::from(matches!(did, Did::Fails(..)));
        self.requests_given_401 += u64::from(matches!(did, Did::Gets401(_)));
        if let Some(caller) = self.callers.get_mut(name) {
            (caller.stage, caller.did) = (stage, did);
        } else {
            self.callers.insert(name.to_owned(), Caller { replayable: true, stage, did });
        }
    }

    // ===== exchanges =====

    /// Does what follows an event: looks up credentials, begins an exchange.
    fn act(&mut self, start: Option<Start>) -> Played {
        let now = self.now();
        if let Some(start) = start {
            self.begin(&start)?;
        }
        if self.machine.look_up(now) {
            self.look_ups += 1;
            if std::mem::take(&mut self.credentials_changed) {
                self.machine.lift_pause(now);
            }
        }
        Ok(())
    }

    fn begin(&mut self, start: &Start) -> Played {
        self.credentials_changed = false; // they are read before each exchange
        let spent = self.refresh_token.take().filter(|_| start.refresh);
        let clock = Arc::new(Still(start.started));
        let cx = ExchangeContext::new(clock, start.reason, spent.clone(), Chain::default());
        let request = self.scheme.exchange_request(&cx).map_err(|error| error.to_string())?;
        let shows = shown_by(request.name(), spent.as_ref());
        self.seen.starts.push((start.reason, shows));
        let index = self.flights.len();
        if let Some(Standing { takes, answer }) = &self.standing {
            let body = answer.body.as_ref().map(|body| numbered(body, index + 1));
            self.answers.push((self.time + takes.0, index, Answer { body, ..answer.clone() }));
        }
        let request_name = request.name();
        self.flights.push(Flight { id: start.id, sent: start.started, spent, request_name });
        Ok(())
    }

    fn answer(&mut self, index: usize, answer: &Answer) -> Played {
        let body = match (&answer.body, &answer.text) {
            (Some(body), _) => self.named(body).to_string(),
            (None, Some(text)) => text.clone(),
            (None, None) => String::new(),
        };
        let status = answer.status.unwrap_or(200);
        let number = index + 1;
        let response = self.response(status, &answer.headers, body.into(), number)?;
        let answer = ExchangeAnswer::new(response).to_request(self.flights[index].request_name);
        match self.scheme.read_answer(answer) {
            Ok(Next::Issued(issued)) => {
                let issued = issued.settle_refresh_token(self.flights[index].spent.as_ref());
                let fits = present(&self.scheme, issued.access_token(), MAX_TOKEN);
                let malformed = |it| ExchangeError::new(ExchangeErrorKind::Malformed, it);
                self.land(index, fits.map(|_| issued).map_err(malformed))
            }
            Ok(Next::Again(request)) => {
                let (now, name) = (self.now(), request.name());
                let flight = &mut self.flights[index];
                (flight.sent, flight.request_name) = (now, name);
                let shows = shown_by(name, flight.spent.as_ref());
                self.seen.landed = Some(Landed::AsksAgain(shows));
                Ok(())
            }
            Err(error) => self.land(index, Err(error)),
        }
    }

    /// An exchange ended; as `Core::finished`.
    fn land(&mut self, index: usize, landed: Result<Issued, ExchangeError>) -> Played {
        let (now, flight) = (self.now(), &self.flights[index]);
        let (id, sent) = (flight.id, flight.sent);
        let arrival = match &landed {
            Ok(issued) => Ok(self.arrival(issued, sent)),
            Err(error) => {
                Err(Fault { transient: error.is_transient(), retry_after: error.retry_after() })
            }
        };
        let finished = self.machine.finished(now, id, arrival);
        let outcome = match (finished, landed) {
            (Finished::Adopt { generation, window, .. }, Ok(issued)) => {
                self.refresh_token = issued.refresh_token().cloned();
                self.last_error = None;
                let text = issued.access_token().expose().to_owned();
                let line = self.scheme.rotation().and(arrival.ok()).map(|arrival| {
                    let claims = Claims::of(&text);
                    Arc::new(Line { claims, landed: now, life: arrival.life })
                });
                self.seen.landed = Some(Landed::Brings(self.name_of(&text)));
                self.hold(text, generation, window, line);
                Outcome::Token
            }
            (Finished::Failed { dead, retry_in, .. }, landed) => {
                let expired =
                    || ExchangeError::new(ExchangeErrorKind::Expired, "over when it arrived");
                let error = landed.err().filter(|_| !dead).unwrap_or_else(expired);
                self.last_error = Some(error.clone());
                self.seen.landed = Some(Landed::Fails(error.clone(), retry_in));
                Outcome::Error(error, retry_in)
            }
            _ => {
                self.seen.landed = Some(Landed::Ignored);
                Outcome::Lost
            }
        };
        self.resolve(index, &outcome)
    }

    /// As `Core::arrival` and `Core::compared`.
    fn arrival(&self, issued: &Issued, sent: Now) -> Arrival {
        let text = issued.access_token().expose();
        let claims = Times::of(text);
        let life = schedule::life(issued.expires_in(), claims, sent, self.default_lifetime);
        let same = self.current.as_ref().is_some_and(|current| current.text == text);
        let refresh = issued.refresh_token().is_some();
        Arrival {
            sent,
            life,
            dated: claims.exp.is_some(),
            same,
            refresh,
            claimed: claims.claimed(),
        }
    }

    /// A response brought a successor, or not; as `Core::handed_out`.
    fn handed_out(&mut self, used: Generation, sent: Now, response: ResponseHead<'_>) -> bool {
        let scheme = self.scheme.clone();
        let now = self.now();
        let (Some(rotation), Some(current)) = (scheme.rotation(), &self.current) else {
            return false;
        };
        if rotation.is_when_due() && !now.has_reached(current.window.refresh_at) {
            return false;
        }
        let followed = match rotation.handed_out(response.headers) {
            Ok(Some(token)) if token.expose() != current.text => self.follow(used, sent, &token),
            Ok(_) => return false,
            Err(why) => Err(why),
        };
        if let Err(why) = followed {
            self.machine.not_adopted(why);
        }
        let followed = followed.map(|()| self.name_of(&self.texts[&self.generation()]));
        let is_ok = followed.is_ok();
        self.seen.handed_out = Some(followed);
        is_ok
    }

    fn follow(&mut self, used: Generation, sent: Now, token: &Secret) -> Result<(), NotAdopted> {
        let (now, text) = (self.now(), token.expose());
        if text.len() > MAX_ROTATED_TOKEN {
            return Err(NotAdopted::TooLong);
        }
        present(&self.scheme, token, MAX_ROTATED_TOKEN).map_err(|_| NotAdopted::Malformed)?;
        let claims = Claims::of(text);
        let line = self.current.as_ref().and_then(|it| it.line.clone());
        let line = line.ok_or(NotAdopted::OtherLine)?;
        let life = line.admits(&claims, now)?;
        let (claimed, dated) = (claims.times.claimed(), claims.times.exp.is_some());
        let arrival = Arrival { sent, life, dated, same: false, refresh: false, claimed };
        self.machine.may_follow(now, used, arrival)?;
        if !self.scheme.is_authentic(token) {
            return Err(NotAdopted::BadSignature);
        }
        let (generation, window) = self.machine.rotated(now, used, arrival)?;
        self.hold(text.to_owned(), generation, window, Some(line));
        Ok(())
    }

    fn hold(
        &mut self,
        text: String,
        generation: Generation,
        window: Window,
        line: Option<Arc<Line>>,
    ) {
        self.texts.insert(generation, text.clone());
        self.current = Some(Held { text, generation, window, line });
    }

    // ===== questions =====

    pub(super) fn status(&mut self) -> Status {
        let now = self.now();
        self.machine.status(now)
    }

    pub(super) fn caller(&self, name: &str) -> Option<&Caller> {
        self.callers.get(name)
    }

    pub(super) fn waiting(&self) -> u64 {
        let waits =
            |it: &&Caller| matches!(it.stage, Stage::ForToken { .. } | Stage::ForSuccessor { .. });
        self.callers.values().filter(waits).count() as u64
    }

    pub(super) fn token(&self) -> Option<String> {
        self.current.as_ref().map(|current| self.name_of(&current.text))
    }

    pub(super) fn refresh_token(&self) -> Option<&str> {
        self.refresh_token.as_ref().map(Secret::expose)
    }

    fn generation(&self) -> Generation {
        self.current.as_ref().map(|current| current.generation).unwrap_or_default()
    }

    fn is_usable(&self) -> bool {
        self.current.as_ref().is_some_and(|it| !self.now().has_reached(it.window.ends_at))
    }

    fn last_flight(&self) -> Result<usize, String> {
        self.flights.len().checked_sub(1).ok_or_else(|| "no exchange has begun".to_owned())
    }

    fn flight_of(&self, step: &Step) -> Result<usize, String> {
        let number = step.exchange.map_or_else(|| self.last_flight(), |number| Ok(number - 1))?;
        let begun = (number < self.flights.len()).then_some(number);
        begun.ok_or_else(|| format!("exchange {} has not begun", number + 1))
    }

    // ===== texts =====

    /// What a scenario calls the token of this text.
    fn name_of(&self, text: &str) -> String {
        let named = self.jwts.iter().find(|(_, jwt)| *jwt == text);
        named.map_or(text, |(name, _)| name).to_owned()
    }

    /// Puts JWTs where their names stand.
    fn with_jwts(&self, text: &str) -> String {
        let words = text.split(' ').map(|word| self.jwts.get(word).map_or(word, String::as_str));
        words.collect::<Vec<_>>().join(" ")
    }

    fn named(&self, body: &Value) -> Value {
        match body {
            Value::String(text) => Value::String(self.with_jwts(text)),
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), self.named(value))).collect()
            }
            other => other.clone(),
        }
    }

    fn response(
        &self,
        status: u16,
        headers: &BTreeMap<String, Texts>,
        body: Bytes,
        number: usize,
    ) -> Result<Response<Bytes>, String> {
        let mut response = Response::builder().status(status);
        for (name, values) in headers {
            for value in values.all() {
                let value = value.replace('#', &number.to_string());
                response = response.header(name, self.with_jwts(&value));
            }
        }
        response.body(body).map_err(|error| error.to_string())
    }
}

fn shown_by(request_name: &str, spent: Option<&Secret>) -> String {
    let refresh = spent.filter(|_| request_name == "refresh");
    refresh.map_or("credentials", Secret::expose).to_owned()
}

/// The number of the exchange where `#` stands.
fn numbered(body: &Value, number: usize) -> Value {
    match body {
        Value::String(text) => Value::String(text.replace('#', &number.to_string())),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), numbered(value, number))).collect()
        }
        other => other.clone(),
    }
}

fn scheme(name: SchemeName) -> Result<Arc<dyn Scheme>, crate::Error> {
    let oauth = || ClientCredentials::new("https://auth.example/token", "id", SECRET);
    let atlas = || Atlas::new("https://atlas.example/authtoken", "id", SECRET);
    let rotating = || Rotating::new("https://api.example", "key", SECRET);
    Ok(match name {
        SchemeName::ClientCredentials => Arc::new(oauth()?),
        SchemeName::ClientCredentialsWithRefreshTokens => Arc::new(oauth()?.with_refresh_tokens()),
        SchemeName::Atlas => Arc::new(atlas()?),
        SchemeName::AtlasWithRefreshTokens => {
            let endpoint = Endpoint::parse("https://atlas.example/refreshtoken")?;
            Arc::new(atlas()?.with_refresh(endpoint, RefreshTokenIn::default()))
        }
        SchemeName::Rotating => Arc::new(rotating()?),
        SchemeName::RotatingWhenDue => Arc::new(rotating()?.adopt(Adopt::WhenDue)),
    })
}

fn kind_of(label: &str) -> Result<ExchangeErrorKind, String> {
    use ExchangeErrorKind::{Configuration, Panicked, Reentrant, Timeout, Unreachable};
    let kinds = [Unreachable, Timeout, Panicked, Configuration, Reentrant];
    let found = kinds.into_iter().find(|kind| kind.as_str() == label);
    found.ok_or_else(|| format!("{label:?} is no way in which an exchange ends without an answer"))
}

/// A JWT of these claims. Of `iat` and `exp`, a text counts from the beginning of the scenario.
fn jwt(it: &Jwt) -> Result<String, String> {
    let mut claims = it.claims.clone();
    for name in ["iat", "exp"] {
        let Some(Value::String(text)) = claims.get(name) else { continue };
        let signed = if text.starts_with(['+', '-']) { text.clone() } else { format!("+{text}") };
        let offset = Shift::try_from(signed)?.0 / 1_000_000_000;
        claims.insert(name.to_owned(), json!(i128::from(WALL_CLOCK) + offset));
    }
    let alg = it.alg.as_deref().unwrap_or("HS256");
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": alg, "typ": "JWT"}).to_string());
    let claims = URL_SAFE_NO_PAD.encode(Value::Object(claims).to_string());
    let signed = format!("{header}.{claims}");
    let key = it.signed_with.as_deref().unwrap_or(SECRET);
    let algorithm = if alg == "HS512" { hmac::HMAC_SHA512 } else { hmac::HMAC_SHA256 };
    let signature = hmac::sign(&hmac::Key::new(algorithm, key.as_bytes()), signed.as_bytes());
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// A clock that stands still.
#[derive(Debug)]
struct Still(Now);

impl Clock for Still {
    fn now(&self) -> Now {
        self.0
    }

    fn sleep(&self, _: Duration) -> Sleep {
        Box::pin(std::future::pending())
    }
}
