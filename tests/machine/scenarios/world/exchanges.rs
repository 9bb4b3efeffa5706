//! Exchanges: how they begin, what the endpoint answers, how they end.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Now, Sleep};
use crate::credential::shown::Shown;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::request_context::RequestContext;
use crate::endpoint::step::Step;
use crate::exchange::chain::Chain;
use crate::exchange::context::ExchangeContext;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::exchange::issued::Issued;
use crate::scheme::jwt::Claims;
use crate::secret::Secret;
use crate::token::machine::events::{Arrival, Finished, Start};
use crate::token::machine::rotation::Lineage;
use crate::token::machine::scenarios::format::{Answer, Standing};
use crate::token::machine::scenarios::world::texts::{numbered, shown_by};
use crate::token::machine::scenarios::world::{Ended, Outcome, Played, Refresh, World};
use crate::token::machine::window::{self, Life};
use crate::token::options::present;

impl World {
    /// Does what follows an event: begins an exchange, reads the credentials again.
    pub(crate) fn apply(&mut self, start: Option<Start<Secret>>) -> Played {
        let now = self.now();
        if let Some(start) = start {
            self.begin(start)?;
        }
        if self.machine.reload_due(now) {
            self.reloads += 1;
            if std::mem::take(&mut self.credentials_changed) {
                self.machine.credentials_changed(now);
            }
        }
        Ok(())
    }

    pub(crate) fn begin(&mut self, start: Start<Secret>) -> Played {
        self.credentials_changed = false; // each exchange reads them
        let spent = start.refresh_token;
        let clock = Arc::new(Still(start.started));
        let cx = ExchangeContext::new(clock, start.reason, spent.clone(), Chain::default());
        let cx = RequestContext::first(&cx, Shown::default());
        let request = self.scheme.request(&cx).map_err(|error| error.to_string())?;
        let shows = shown_by(request.name(), spent.as_ref());
        self.seen.starts.push((start.reason, shows));
        let index = self.refreshes.len();
        if let Some(Standing { takes, answer }) = &self.standing {
            let body = answer.body.as_ref().map(|body| numbered(body, index + 1));
            self.answers.push((self.time + takes.0, index, Answer { body, ..answer.clone() }));
        }
        let request_name = request.name();
        self.refreshes.push(Refresh { id: start.id, sent: start.started, spent, request_name });
        Ok(())
    }

    pub(crate) fn answer(&mut self, index: usize, answer: &Answer) -> Played {
        let body = match (&answer.body, &answer.text) {
            (Some(body), _) => self.named(body).to_string(),
            (None, Some(text)) => text.clone(),
            (None, None) => String::new(),
        };
        let status = answer.status.unwrap_or(200);
        let number = index + 1;
        let response = self.response(status, &answer.headers, body.into(), number)?;
        let answer = ExchangeAnswer::new(response)
            .with_request_name(self.refreshes[index].request_name)
            .received_at(self.now());
        let (date, age) = (answer.issuers_clock(), answer.age());
        match self.scheme.read(answer) {
            Ok(Step::Issued(issued)) => {
                let issued = issued.answered(date, age);
                let issued = issued.settle_refresh_token(self.refreshes[index].spent.as_ref());
                let fits = present(&self.scheme, issued.access_token(), None);
                let malformed = |it| ExchangeError::new(ExchangeErrorKind::Malformed, it);
                self.end_with(index, fits.map(|_| issued).map_err(malformed))
            }
            Ok(Step::Again(name)) => {
                let now = self.now();
                let refresh = &mut self.refreshes[index];
                (refresh.sent, refresh.request_name) = (now, name);
                let shows = shown_by(name, refresh.spent.as_ref());
                self.seen.ended_with = Some(Ended::AsksAgain(shows));
                Ok(())
            }
            Err(error) => self.end_with(index, Err(error)),
        }
    }

    /// An exchange ended; as `Core::finished`.
    pub(crate) fn end_with(
        &mut self,
        index: usize,
        ended_with: Result<Issued, ExchangeError>,
    ) -> Played {
        let (now, refresh) = (self.now(), &self.refreshes[index]);
        let (id, sent) = (refresh.id, refresh.sent);
        let arrival = match &ended_with {
            Ok(issued) => Ok(self.arrival(issued, sent)),
            Err(error) => Err(error.clone()),
        };
        let life = arrival.as_ref().map(|arrival| arrival.life).map_err(drop);
        let finished = self.machine.finished(now, id, arrival);
        let outcome = match (finished, ended_with) {
            (Finished::Adopt { generation, window, .. }, Ok(issued)) => {
                let text = issued.access_token().expose().to_owned();
                let line = self.scheme.rotation().and(life.ok()).map(|life| {
                    let claims = Claims::of(&text);
                    Arc::new(Lineage { claims, obtained: now, life })
                });
                self.seen.ended_with = Some(Ended::Brings(self.name_of(&text)));
                self.hold(text, generation, window, line);
                Outcome::Token
            }
            (Finished::Failed { error, retry_in, .. }, _) => {
                self.seen.ended_with = Some(Ended::Fails(error.clone(), retry_in));
                Outcome::Error(error, retry_in)
            }
            _ => {
                self.seen.ended_with = Some(Ended::Ignored);
                Outcome::Lost
            }
        };
        self.resolve(index, &outcome)
    }

    /// As `Core::arrival` and `Core::compared`.
    pub(crate) fn arrival(&self, issued: &Issued, sent: Now) -> Arrival<Secret> {
        let text = issued.access_token().expose();
        let claims = Claims::of(text).times;
        let (stated, times) = (issued.stated(), (sent, self.now()));
        let life = window::life(stated, claims, times, self.default_lifetime);
        let Life { life, stated, dated } = life;
        let same = self.current.as_ref().is_some_and(|current| current.text == text);
        let refresh_token = issued.refresh_token().cloned();
        Arrival {
            sent,
            life,
            stated,
            dated,
            same,
            refresh_after: issued.refresh_after(),
            refresh_token,
            claimed: (claims.iat, claims.exp),
        }
    }
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
