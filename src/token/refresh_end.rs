//! What a refresh's end means for the shell: what it brought is published, then those who waited are told.

use std::sync::Arc;

use crate::clock::Now;
use crate::exchange::error::ExchangeError;
use crate::exchange::issued::Issued;
use crate::scheme::jwt::{Claims, Times};
use crate::secret::Secret;
use crate::token::machine::events::{Arrival, Finished, Generation, RefreshId};
use crate::token::machine::rotation::Lineage;
use crate::token::machine::window::{self, Life, Window};
use crate::token::options::Presented;
use crate::token::published::{AccessToken, Published};
use crate::token::shared::{Core, Outcome};

/// What a successful exchange brought: known to be presentable. What its presentation has to say is in
/// here, since after the exchange a panic of the presentation's would lose the token.
pub(crate) struct Obtained {
    pub(crate) issued: Issued,
    pub(crate) presented: Presented,
    /// Responses may hand out successors of this token.
    pub(crate) begins_a_lineage: bool,
    /// When it was asked for.
    pub(crate) sent: Now,
}

impl Core {
    /// A refresh ended, having shown the credentials of this version: publishes its token, if it brought
    /// one. Returns what its waiters get.
    pub(crate) fn finished(
        &self,
        refresh: RefreshId,
        obtained: Result<Obtained, ExchangeError>,
        credentials: u64,
    ) -> (Finished<ExchangeError>, Option<Outcome>) {
        let now = self.now();
        // What takes long goes before the lock.
        let obtained = obtained.map(|obtained| {
            let claims = Claims::of(obtained.issued.access_token().expose());
            let arrival = self.arrival(&obtained, claims.times, now);
            let line = obtained
                .begins_a_lineage
                .then(|| Arc::new(Lineage { claims, obtained: now, life: arrival.life }));
            (obtained, arrival, line)
        });
        let mut event = self.event();
        let arrival = match &obtained {
            Ok((obtained, arrival, _)) => Ok(self.compared(arrival.clone(), &obtained.issued)),
            Err(error) => Err(error.clone()),
        };
        // The refresh token is stored before anybody can use the token that it came with.
        let finished = event.machine.finished(now, refresh, arrival);
        let mut old_token = None;
        let outcome = match (&finished, &obtained) {
            (Finished::Adopt { generation, window, .. }, Ok((obtained, _, line))) => {
                let Obtained { issued, presented, .. } = obtained;
                event.granted_scope = issued.shared_scope();
                let place = (*generation, *window);
                let presented = self.with_its_maker(presented.clone(), issued);
                let (token, old) = self.publish(issued, presented, place, line.clone());
                old_token = old;
                Some(Ok(token))
            }
            (Finished::Failed { error, retry_in, .. }, _) => {
                event.refused_credentials = credentials;
                Some(Err((error.clone(), *retry_in)))
            }
            _ => None,
        };
        drop(event);
        // What is a user's is dropped without the lock; so is the failure before, in `finished`.
        drop((old_token, obtained));
        self.wake_waiting();
        (finished, outcome)
    }

    /// To be called under the lock. Returns the token, and the one that it replaces.
    pub(crate) fn publish(
        &self,
        issued: &Issued,
        presented: Presented,
        (generation, window): (Generation, Window),
        line: Option<Arc<Lineage>>,
    ) -> (AccessToken, Option<Arc<Published>>) {
        if let Some(sent_count) = &self.sent_count {
            sent_count.issued(generation);
        }
        let secret = issued.access_token().clone();
        let token = Published { secret, presented, generation, window, line, source: self.id };
        let token = Arc::new(token);
        (AccessToken::new(token.clone()), self.cell.publish(token))
    }

    /// To be called under the lock. The same token once more keeps what makes headers for its requests.
    fn with_its_maker(&self, presented: Presented, issued: &Issued) -> Presented {
        let current = self.cell.latest();
        match current.filter(|it| it.expose() == issued.access_token().expose()) {
            Some(same) => {
                Presented { per_request: same.presented().per_request.clone(), ..presented }
            }
            None => presented,
        }
    }

    fn arrival(&self, obtained: &Obtained, claims: Times, now: Now) -> Arrival<Secret> {
        let Obtained { issued, sent, .. } = obtained;
        let default = self.parts.default_lifetime;
        let life = window::life(issued.stated(), claims, (*sent, now), default);
        let Life { life, stated, dated } = life;
        Arrival {
            sent: *sent,
            life,
            stated,
            dated,
            same: false,
            refresh_token: issued.refresh_token().cloned(),
            claimed: (claims.iat, claims.exp),
        }
    }

    /// To be called under the lock: whether it is the current token depends on which that is.
    pub(crate) fn compared(&self, arrival: Arrival<Secret>, issued: &Issued) -> Arrival<Secret> {
        let token = issued.access_token().expose();
        let same = self.cell.latest().is_some_and(|current| current.expose() == token);
        Arrival { same, ..arrival }
    }
}
