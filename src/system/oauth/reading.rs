//! What an answer of the token endpoint means for the system.

use http::StatusCode;

use crate::credential::Credential;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::failure::Failure;
use crate::endpoint::step::Step;
use crate::exchange::error::ExchangeError;
use crate::secret::Secret;
use crate::system::oauth::answer::{Meaning, check_type, is_another_scope, read_2xx, with_extra};
use crate::system::oauth::discovery::{DISCOVERY, Found};
use crate::system::oauth::system::OAuth;
use crate::system::oauth::way::{Attempt, Turn};

impl OAuth {
    /// The step when the token endpoint is known, and nothing has been sent to it.
    pub(crate) const DISCOVERED: &str = "discovered";

    pub(crate) fn read_answer(&self, answer: &ExchangeAnswer) -> Result<Step, ExchangeError> {
        let discovery = self.discovery.as_ref();
        if let Some(discovery) = discovery.filter(|_| DISCOVERY.contains(&answer.request_name())) {
            return discovery.read(answer).map(OAuth::after);
        }
        #[cfg(feature = "client")]
        self.check_that_the_certificate_was_shown(answer)?;
        #[cfg(feature = "oauth")]
        if let Some(again) = self.dpop.as_ref().and_then(|dpop| dpop.after(answer)) {
            return Ok(again);
        }
        match answer.status() {
            status if status.is_success() => {}
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return self.read_failure(answer, &Failure::in_body(answer).unwrap_or_default());
            }
            _ => return Err(self.at_the_endpoint(answer.unavailable())),
        }
        let read = read_2xx(answer, self.token_member.as_deref());
        let token = match read.map_err(|error| self.at_the_endpoint(error))? {
            Meaning::Token(token) => token,
            Meaning::Failure(failure) => return self.read_failure(answer, &failure),
        };
        let attempt = Attempt::named(answer.request_name());
        if let Some(Attempt { way, turn: Turn::Last | Turn::KeptLast }) = attempt {
            self.learn(way, answer);
        }
        let is_login = self.grant.seed().is_some();
        let refreshed = is_login || attempt.is_some_and(|it| it.turn.shows_a_refresh_token());
        self.check_type(token.token_type.as_deref())?;
        let token = match self.grant.is_token_exchange() && !refreshed {
            true => token.exchanged(answer)?,
            false => token,
        };
        let token = token.withholding(&self.id(answer), &self.secrets(answer));
        let granted = token.scope.clone();
        let issued = token.issued(refreshed, self.refresh || is_login);
        let issued = with_extra(issued, answer, &self.extra);
        let issued =
            self.with_its_binding(issued, answer).map_err(|error| self.at_the_endpoint(error))?;
        #[cfg(feature = "oauth")]
        if let Some(dpop) = self.dpop.as_ref().filter(|_| issued.token_type() == Some("dpop")) {
            dpop.issued(issued.access_token(), answer);
        }
        let another = granted.zip(self.params.get("scope"));
        Ok(Step::Issued(match another {
            Some((granted, asked)) if is_another_scope(&granted, asked) => {
                issued.with_scope(granted)
            }
            _ => issued,
        }))
    }

    /// The step after a request for metadata.
    pub(crate) fn after(found: Found) -> Step {
        Step::Again(match found {
            Found::Endpoint => OAuth::DISCOVERED,
            Found::Next(name) => name,
        })
    }

    /// Whether a token of this type can be sent.
    fn check_type(&self, token_type: Option<&str>) -> Result<(), ExchangeError> {
        #[cfg(feature = "oauth")]
        if let Some(dpop) = &self.dpop
            && dpop.is_bound(token_type)?
        {
            return Ok(());
        }
        check_type(token_type, self.strict_type)
    }

    /// The client's id in the request. Empty if there is no client.
    fn id(&self, answer: &ExchangeAnswer) -> Secret {
        let id = self.client.as_ref().and_then(|client| answer.credential(&client.id).ok());
        id.unwrap_or_else(|| Secret::from(""))
    }

    /// What the request has shown or was made of, apart from the client's id.
    fn secrets(&self, answer: &ExchangeAnswer) -> Vec<Secret> {
        let is_id = |it: &Credential| self.client.as_ref().is_some_and(|client| client.id.is(it));
        let secrets = self.credentials.iter().filter(|it| !is_id(it));
        secrets.filter_map(|it| answer.credential(it).ok()).collect()
    }
}
