//! The end of a refresh: publishes its token, then tells the waiting callers.

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

/// The token of a successful exchange, with its header. The presentation is called before the exchange counts as
/// successful, because a later panic would lose the token.
pub(crate) struct Obtained {
    pub(crate) issued: Issued,
    pub(crate) presented: Presented,
    /// Responses may bring successors of this token.
    pub(crate) begins_a_lineage: bool,
    /// When its request was sent.
    pub(crate) sent: Now,
}

impl Core {
    /// Ends a refresh and publishes its token, if any. `credentials` is the version of the credentials that the
    /// refresh used. Returns the outcome for the waiting callers.
    pub(crate) fn finished(
        &self,
        refresh: RefreshId,
        obtained: Result<Obtained, ExchangeError>,
        credentials: u64,
    ) -> (Finished<ExchangeError>, Option<Outcome>) {
        let now = self.now();
        // Reading claims is slow, so it is done without the lock.
        let obtained = obtained.map(|obtained| {
            let claims = match obtained.issued.is_opaque() {
                true => Claims::default(),
                false => Claims::of(obtained.issued.access_token().expose()),
            };
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
        // The refresh token is stored before any caller can use the token that came with it.
        let finished = event.machine.finished(now, refresh, arrival);
        let mut old_token = None;
        let outcome = match (&finished, &obtained) {
            (Finished::Adopt { generation, window, waits, .. }, Ok((obtained, _, line))) => {
                let Obtained { issued, presented, .. } = obtained;
                event.granted_scope = issued.shared_scope();
                let place = (*generation, *window);
                let presented = self.with_its_maker(presented.clone(), issued);
                let token = self.token(issued, presented, place, line.clone());
                match self.cell.latest().filter(|_| *waits) {
                    // It is published when it has settled.
                    Some(current) => {
                        event.settling = Some(token);
                        Some(Ok(current))
                    }
                    None => {
                        old_token = self.publish(token.clone());
                        Some(Ok(AccessToken::new(token)))
                    }
                }
            }
            (Finished::Failed { error, retry_in, .. }, _) => {
                event.refused_credentials = credentials;
                Some(Err((self.named(error), *retry_in)))
            }
            _ => None,
        };
        drop(event);
        // Values of users are dropped outside the lock, because their `Drop` may use this source. The same holds for
        // the error in `finished`.
        drop((old_token, obtained));
        self.wake_waiting();
        (finished, outcome)
    }

    /// Publishes a token. Call it under the lock. Returns the token that it replaces.
    pub(crate) fn publish(&self, token: Arc<Published>) -> Option<Arc<Published>> {
        if let Some(sent_count) = &self.sent_count {
            sent_count.issued(token.generation);
        }
        self.cell.publish(token)
    }

    /// A token that can be published.
    pub(crate) fn token(
        &self,
        issued: &Issued,
        presented: Presented,
        (generation, window): (Generation, Window),
        line: Option<Arc<Lineage>>,
    ) -> Arc<Published> {
        let secret = issued.access_token().clone();
        let extra = issued.all_extra().clone();
        Arc::new(Published { secret, presented, generation, window, line, source: self.id, extra })
    }

    /// If the exchange brought the current token again, that token keeps its maker of headers. Call it under the
    /// lock.
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
        let default = self.options.default_lifetime;
        let life = window::life(issued.stated(), claims, (*sent, now), default);
        let Life { life, stated, dated } = life;
        Arrival {
            sent: *sent,
            life,
            stated,
            dated,
            same: false,
            refresh_after: issued.refresh_after(),
            refresh_token: issued.refresh_token().cloned(),
            claimed: (claims.iat, claims.exp),
        }
    }

    /// Sets `same` if the token is the current one. Call it under the lock.
    pub(crate) fn compared(&self, arrival: Arrival<Secret>, issued: &Issued) -> Arrival<Secret> {
        let token = issued.access_token().expose();
        let same = self.cell.latest().is_some_and(|current| current.expose() == token);
        Arrival { same, ..arrival }
    }
}
