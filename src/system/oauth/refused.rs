//! What follows a refusal of the token endpoint: another way to prove the client, the credentials after a refresh token, or an
//! error that says what to do.

use crate::basics::TARGET;
use crate::credential::in_time::{ages, is_any};
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::failure::{Failure, is_refusal};
use crate::endpoint::grant::Grant;
use crate::endpoint::quotes::Credentials;
use crate::endpoint::step::Step;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::secret::Secret;
use crate::system::oauth::answer::{
    failed, failed_without_a_secret, is_about_a_dead_refresh_token, knows_no_refresh_tokens,
    leaves_the_refresh_token, may_be_about_the_client, may_be_about_the_refresh_token,
    refuses_the_client,
};
use crate::system::oauth::client::{OAuthClient, Proof};
use crate::system::oauth::clocks::clocks;
use crate::system::oauth::ended::speaks_of_an_end;
use crate::system::oauth::preset::entra_numbers::in_words;
use crate::system::oauth::refused_assertion::about_the_assertion;
use crate::system::oauth::refused_client::about_the_client;
use crate::system::oauth::subject::about_the_subject;
use crate::system::oauth::system::OAuth;
use crate::system::oauth::way::{Attempt, Turn, Way};

impl OAuth {
    /// The id and the secret in the request. None if the client has no secret.
    fn shown(&self, answer: &ExchangeAnswer) -> Option<[Secret; 2]> {
        let OAuthClient { id, proof: Proof::Secret(secret, _), .. } = self.client.as_ref()? else {
            return None;
        };
        Some([answer.credential(id).ok()?, answer.credential(secret).ok()?])
    }

    /// Whether the endpoint refuses the client, and may accept its proof in the other way. The refresh token of a login would be
    /// sent again, so the endpoint must not have looked at it.
    fn may_accept_the_other_way(&self, refused: &ExchangeAnswer, failure: &Failure) -> bool {
        let Some(client) = &self.client else { return false };
        if self.shows_a_login(refused) && !leaves_the_refresh_token(failure) {
            return false;
        }
        match client.keys() {
            Some(_) => client.has_previous(refused.shown()) && refuses_the_client(refused, failure),
            None => {
                let differ = |it: [Secret; 2]| client.has_another_encoding(&it);
                self.shown(refused).is_some_and(differ) && may_be_about_the_client(refused, failure)
            }
        }
    }

    /// The endpoint refuses the refresh token, so the next request uses the credentials. A client with two keys has no third
    /// request, so the endpoint's word about the client decides which key it uses.
    fn fall_back(&self, answer: &ExchangeAnswer, failure: &Failure, refused: Way) -> Step {
        self.learn_about_refresh_tokens(answer, failure);
        let has_two_keys = self.client.as_ref().is_some_and(|client| client.keys().is_some());
        // Some servers refuse a refresh token by a 401.
        let is_about_the_token = failure.code.as_deref() == Some("invalid_grant");
        let next = match has_two_keys {
            true if !is_about_the_token && self.may_accept_the_other_way(answer, failure) => {
                Attempt { way: refused.other(), turn: Turn::Last }
            }
            true => Attempt { way: refused, turn: Turn::Last },
            false => {
                let way = self.last_way(answer.received(), answer.shown());
                Attempt { way, turn: Turn::Opening }
            }
        };
        Step::Again(next.name())
    }

    fn learn_about_refresh_tokens(&self, answer: &ExchangeAnswer, failure: &Failure) {
        if knows_no_refresh_tokens(answer.status(), failure) {
            self.without_refresh.learn(answer.received());
            let system = self.identity().system();
            tracing::info!(target: TARGET, system, "the endpoint does not support refresh tokens: they are not used for a day");
        }
    }

    /// Whether the request had the refresh token of a login that is kept.
    fn shows_a_login(&self, answer: &ExchangeAnswer) -> bool {
        let attempt = Attempt::named(answer.request_name());
        self.grant.seed().is_some() || attempt.is_some_and(|it| it.turn.is_of_a_kept_login())
    }

    /// The error of a request with the refresh token of a login: what it says about that token.
    fn about_the_refresh_token(
        &self,
        error: ExchangeError,
        answer: &ExchangeAnswer,
        failure: &Failure,
    ) -> ExchangeError {
        if !self.shows_a_login(answer) {
            return error;
        }
        if self.grant.seed().is_none() {
            self.learn_about_refresh_tokens(answer, failure);
        }
        if is_about_a_dead_refresh_token(answer, failure) {
            return error.about_the_refresh_token();
        }
        match leaves_the_refresh_token(failure) {
            true => error.with_unspent_refresh_token(),
            false => error,
        }
    }

    /// The endpoint accepts the client in this way.
    pub(crate) fn learn(&self, way: Way, answer: &ExchangeAnswer) {
        let Some(client) = &self.client else { return };
        let texts = client.texts_of_keys(answer.shown());
        let Some([current, previous]) = client.keys() else {
            return self.last_way.learn(way, answer.received(), texts);
        };
        let was = self.last_way.way(None, texts);
        self.last_way.learn(way, None, texts);
        let system = self.identity().system();
        match way {
            _ if was == way => {}
            Way::Second => {
                tracing::warn!(target: TARGET, system, %current, %previous, "the endpoint refuses the current key of the client, and accepts the previous one: that one is used until the text of a key changes");
            }
            Way::First => {
                tracing::info!(target: TARGET, system, %current, %previous, "the endpoint refuses the previous key of the client, and accepts the current one: that one is used");
            }
        }
    }

    /// If the endpoint refuses something else, it accepts the key of the client.
    fn learn_from_a_refusal(&self, answer: &ExchangeAnswer, failure: &Failure) {
        let has_two_keys = self.client.as_ref().is_some_and(|client| client.keys().is_some());
        match Attempt::named(answer.request_name()) {
            _ if !has_two_keys || refuses_the_client(answer, failure) => self.last_way.forget(),
            Some(Attempt { way, turn: Turn::Last }) => self.learn(way, answer),
            _ => {}
        }
    }

    /// The answer to the current or the previous key, if this one refuses the other key of the two.
    fn refused_with_the_other_key<'a>(
        &self,
        answer: &'a ExchangeAnswer,
        failure: &Failure,
    ) -> Option<&'a ExchangeAnswer> {
        self.client.as_ref()?.keys()?;
        let before = answer.before().filter(|_| refuses_the_client(answer, failure))?;
        let way = |answer: &ExchangeAnswer| Some(Attempt::named(answer.request_name())?.way);
        (way(before)? != way(answer)?).then_some(before)
    }

    /// The endpoint refuses the credentials.
    pub(crate) fn read_failure(
        &self,
        answer: &ExchangeAnswer,
        failure: &Failure,
    ) -> Result<Step, ExchangeError> {
        let attempt = Attempt::named(answer.request_name());
        match attempt {
            Some(Attempt { way, turn: Turn::Refresh })
                if may_be_about_the_refresh_token(failure) =>
            {
                return Ok(self.fall_back(answer, failure, way));
            }
            Some(Attempt { way, turn: Turn::Opening })
                if self.may_accept_the_other_way(answer, failure) =>
            {
                return Ok(Step::Again(Attempt { way: way.other(), turn: Turn::Last }.name()));
            }
            Some(Attempt { way, turn: Turn::Kept })
                if self.may_accept_the_other_way(answer, failure) =>
            {
                return Ok(Step::Again(Attempt { way: way.other(), turn: Turn::KeptLast }.name()));
            }
            _ => {}
        }
        let is_of_a_kept_login = attempt.is_some_and(|it| it.turn.is_of_a_kept_login());
        if is_refusal(failure) && !is_of_a_kept_login {
            // The server may have changed, so what was learned about it is forgotten.
            self.without_refresh.forget();
            self.learn_from_a_refusal(answer, failure);
        }
        let first = self.refused_with_the_other_key(answer, failure);
        let error = match (self.shown(answer), first) {
            (Some([id, secret]), _) => {
                failed(answer, failure, &Credentials { id, secret, id_is_secret: false })
            }
            (None, Some(first)) => {
                failed_without_a_secret(first, &Failure::in_body(first).unwrap_or_default())
            }
            (None, None) => failed_without_a_secret(answer, failure),
        };
        let error = match in_words(error.numbers()) {
            Some(words) => error.map_message(|_| words),
            None => error,
        };
        let error = match &self.client {
            Some(client) => {
                let error = about_the_assertion(client, error, answer, first.is_some());
                about_the_client(client, &self.grant, error)
            }
            None => error,
        };
        let error = self.about_the_refresh_token(error, answer, failure);
        let shows_a_refresh_token = attempt.is_some_and(|it| it.turn.shows_a_refresh_token());
        let error = match shows_a_refresh_token {
            true => error,
            false => about_the_subject(&self.grant, error, answer, failure),
        };
        Err(self.at_the_endpoint(about_the_files(error, answer)))
    }
}

/// The error, with the ages of the JWTs in files, if the endpoint may have refused one of them.
fn about_the_files(error: ExchangeError, answer: &ExchangeAnswer) -> ExchangeError {
    let has_ended = error.kind() == ExchangeErrorKind::Refused && speaks_of_an_end(answer);
    let is_about_them = has_ended || error.is_about_the_credentials();
    let Some(now) = answer.received().filter(|_| is_about_them && is_any(answer.shown())) else {
        return error;
    };
    let is_new = |clocks: &String| has_ended && !error.to_string().contains(&**clocks);
    let clocks = clocks(answer).filter(is_new);
    let more = ages(answer.shown(), now).chain(clocks);
    let more: String = more.map(|it| format!("; {it}")).collect();
    let error = error.map_message(|text| format!("{text}{more}"));
    if has_ended { error.about_an_end() } else { error }
}
