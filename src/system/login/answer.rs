//! Reads the answers of a login.

use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::step::Step;
use crate::exchange::error::ExchangeError;
use crate::exchange::issued::Issued;
use crate::secret::Secret;
use crate::system::login::life::add_life_of_cookie;
use crate::system::login::parts::{Login, STEPS};
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
        let refreshed = answer.request_name() == REFRESH;
        let number =
            STEPS.iter().position(|name| *name == answer.request_name()).unwrap_or_default();
        let step = match &self.refresh {
            Some(refresh) if refreshed => Some(refresh),
            _ => self.steps.get(number),
        };
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
                false => Err(answer.unavailable()),
            };
        }
        match STEPS.get(number + 1).filter(|_| !refreshed && number + 1 < self.steps.len()) {
            Some(next) => {
                step.map_or(Ok(()), |step| take_all(step, number, answer))?;
                Ok(Step::Again(next))
            }
            None => self.issued(answer, refreshed).map(Step::Issued),
        }
    }

    fn issued(&self, answer: &ExchangeAnswer, refreshed: bool) -> Result<Issued, ExchangeError> {
        let token = self.token.text(answer)?;
        let token =
            token.ok_or_else(|| lacks(answer, &format!("has no token at `{}`", self.token)))?;
        let mut issued = Issued::new(Secret::from(without_bearer(token.expose())));
        issued = match (&self.expires_in, &self.expires_at) {
            (None, None) => add_life_of_cookie(issued, &self.token, answer),
            (life, end) => {
                let issued = life.iter().fold(issued, |issued, life| life.add(issued, answer));
                end.iter().fold(issued, |issued, end| end.add(issued, answer))
            }
        };
        let next = match &self.refresh_token {
            Some(place) => place.text(answer)?,
            None => None,
        };
        Ok(match next {
            Some(next) => issued.with_refresh_token(next),
            // An answer without a new refresh token keeps the old one.
            None if refreshed => issued.keeping_refresh_token(),
            None => issued,
        })
    }
}

/// # Errors
///
/// If the answer has not all that a later step needs.
fn take_all(step: &LoginStep, number: usize, answer: &ExchangeAnswer) -> Result<(), ExchangeError> {
    for (name, place) in &step.take.0 {
        if place.text(answer)?.is_none() {
            let wrong = format!("to step {} has no `{name}` at `{place}`", number + 1);
            return Err(lacks(answer, &wrong));
        }
    }
    Ok(())
}

fn lacks(answer: &ExchangeAnswer, wrong: &str) -> ExchangeError {
    answer.malformed(&format!(
        "{wrong}; if such an answer refuses the credentials, add a rule to `refused`"
    ))
}
