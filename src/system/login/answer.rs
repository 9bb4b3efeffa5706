//! Reads the answers of a login.

use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::step::Step;
use crate::exchange::error::ExchangeError;
use crate::exchange::issued::Issued;
use crate::scheme::presentation::Presentation;
use crate::secret::Secret;
use crate::system::login::life::add_life_of_cookie;
use crate::system::login::parts::{Login, STEPS};
use crate::system::login::place::Place;
use crate::system::login::step::LoginStep;
use crate::system::oauth::answer::without_bearer;
use crate::system::oauth::refresh::{REFRESH, is_verdict};

impl Login {
    /// Reads the answer to any request of the login.
    ///
    /// # Errors
    ///
    /// If the answer refuses the credentials, lacks what the login needs, or is a failure.
    pub(crate) fn read_answer(&self, answer: &ExchangeAnswer) -> Result<Step, ExchangeError> {
        let status = answer.status();
        // Many systems refuse by a page, a redirect, or a 200 without a token.
        let may_be_a_refusal = status.is_success() || status.is_redirection();
        let is_one_of_many = self.steps.len() > 1 || self.refresh.is_some();
        self.meaning(answer).map_err(|error| {
            let error = if may_be_a_refusal { error.in_doubt() } else { error };
            // The source names the URL of the first request alone.
            match self.step_of(answer).filter(|_| is_one_of_many) {
                Some(step) => {
                    let (name, url) = (answer.request_name(), step.url.shown());
                    error.map_message(|message| format!("{name} ({url}): {message}"))
                }
                None => error,
            }
        })
    }

    /// The request that this answers.
    fn step_of(&self, answer: &ExchangeAnswer) -> Option<&LoginStep> {
        match &self.refresh {
            Some(refresh) if answer.request_name() == REFRESH => Some(refresh),
            _ => self.steps.get(number_of(answer)),
        }
    }

    fn meaning(&self, answer: &ExchangeAnswer) -> Result<Step, ExchangeError> {
        let refreshed = answer.request_name() == REFRESH;
        let (number, step) = (number_of(answer), self.step_of(answer));
        let status = answer.status();
        let mut rules = self.refused.iter();
        if let Some(reason) = rules.find_map(|rule| rule.reason(status, |at| at.value(answer))) {
            return match refreshed {
                true => Ok(Step::Again(STEPS[0])),
                false => Err(answer.refused(reason).judged()),
            };
        }
        let is_success =
            status.is_success() || step.is_some_and(|step| step.success.contains(&status.as_u16()));
        if !is_success {
            return match refreshed && is_verdict(status) {
                true => Ok(Step::Again(STEPS[0])),
                false => Err(failed(answer)),
            };
        }
        match STEPS.get(number + 1).filter(|_| !refreshed && number + 1 < self.steps.len()) {
            Some(next) => {
                step.map_or(Ok(()), |step| take_all(step, answer))?;
                Ok(Step::Again(next))
            }
            None => self.issued(answer, refreshed).map(Step::Issued),
        }
    }

    fn issued(&self, answer: &ExchangeAnswer, refreshed: bool) -> Result<Issued, ExchangeError> {
        let token = needed(&self.token, "token", answer)?;
        let token = Secret::from(without_bearer(token.expose()));
        let unusable =
            |why: &str| lacks(answer, &format!("has no usable token at `{}` ({why})", self.token));
        if self.token == Place::Body && token.expose().starts_with(['{', '[', '<']) {
            return Err(unusable("the body is a document"));
        }
        self.header_value(&token, None).map_err(|wrong| unusable(wrong.why()))?;
        let mut issued = Issued::new(token);
        issued = match (&self.expires_in, &self.expires_at) {
            (None, None) => add_life_of_cookie(issued, &self.token, answer),
            (life, end) => {
                let issued = life.iter().fold(issued, |issued, life| life.add(issued, answer));
                end.iter().fold(issued, |issued, end| end.add(issued, answer))
            }
        };
        for (name, place) in &self.extra.0 {
            // A value that cannot be read is absent: the token beside it is good.
            if let Ok(Some(value)) = place.text(answer) {
                issued = issued.with_extra(name, value);
            }
        }
        Ok(match self.refresh_token.as_ref().map(|place| place.text(answer)) {
            Some(Ok(Some(next))) => issued.with_refresh_token(next),
            // An answer without a new refresh token keeps the old one.
            Some(Ok(None)) if refreshed => issued.keeping_refresh_token(),
            // Beside an unreadable refresh token, the token is good. The old refresh token may have been replaced.
            _ => issued,
        })
    }
}

fn number_of(answer: &ExchangeAnswer) -> usize {
    STEPS.iter().position(|name| *name == answer.request_name()).unwrap_or_default()
}

/// # Errors
///
/// If the answer has not all that a later step needs.
fn take_all(step: &LoginStep, answer: &ExchangeAnswer) -> Result<(), ExchangeError> {
    step.take.0.iter().try_for_each(|(name, place)| needed(place, name, answer).map(drop))
}

/// # Errors
///
/// If there is no such value. The error names the place, and what to do.
fn needed(place: &Place, name: &str, answer: &ExchangeAnswer) -> Result<Secret, ExchangeError> {
    let lacks = |why: &str| lacks(answer, &format!("has no {name} at `{place}`{why}"));
    match place.text(answer) {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(lacks("")),
        Err(_) if answer.text_bytes().trim_ascii().is_empty() => Err(lacks(": it is empty")),
        Err(_) if place.is_in_the_body() => {
            Err(lacks(": it is no JSON (`body` is the place of a whole text)"))
        }
        Err(error) => Err(error),
    }
}

/// A failure that no rule names.
fn failed(answer: &ExchangeAnswer) -> ExchangeError {
    let error = answer.unavailable();
    match error.is_in_doubt() {
        true => error.map_message(|message| {
            format!("{message}; if this answer refuses the credentials, add a rule to `refused`")
        }),
        false => error,
    }
}

fn lacks(answer: &ExchangeAnswer, wrong: &str) -> ExchangeError {
    answer.malformed(&format!(
        "{wrong}; if such an answer refuses the credentials, add a rule to `refused`"
    ))
}
