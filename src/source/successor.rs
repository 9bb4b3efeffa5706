//! What the shell does about the successors that responses hand out: hold them against the rules, publish
//! those that pass, and wait for them where one is about to come.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use super::action::{Arrival, Generation};
use super::core::Core;
use super::parts::{MAX_ROTATED_TOKEN, present};
use super::rotation::NotAdopted;
use crate::clock::Now;
use crate::exchange::Issued;
use crate::scheme::jwt::Claims;
use crate::scheme::{ResponseHead, Rotation, Scheme};
use crate::{Secret, TARGET};

/// How long a refusal waits for the responses to others that carried the same token.
const PATIENCE: Duration = Duration::from_secs(1);

impl<S: Scheme> Core<S> {
    /// A 2xx response to a request that was sent at `sent` with the token of generation `used`. Returns
    /// whether it brought a successor.
    pub(crate) fn handed_out(
        &self,
        rotation: &Rotation,
        used: Generation,
        sent: Now,
        response: ResponseHead<'_>,
    ) -> bool {
        let now = self.now();
        // With `WhenDue`, nearly every response ends here.
        if rotation.is_when_due() && !self.cell.is_due(now) {
            return false;
        }
        let Some(current) = self.cell.latest() else { return false };
        let token = match rotation.handed_out(response.headers) {
            Ok(Some(token)) if token.expose() != current.expose() => token,
            Ok(_) => return false,
            Err(why) => return self.turned_down(why),
        };
        match self.follow(used, sent, now, token) {
            Ok(generation) => {
                let system = self.system;
                tracing::trace!(target: TARGET, system, %generation, "adopted a rotated token");
                true
            }
            Err(why) => self.turned_down(why),
        }
    }

    fn follow(
        &self,
        used: Generation,
        sent: Now,
        now: Now,
        token: Secret,
    ) -> Result<Generation, NotAdopted> {
        if token.expose().len() > MAX_ROTATED_TOKEN {
            return Err(NotAdopted::TooLong);
        }
        let value = present(self.scheme(), &token, MAX_ROTATED_TOKEN);
        let value = value.map_err(|_| NotAdopted::Malformed)?;
        let claims = Claims::of(token.expose());
        let current = self.cell.latest().ok_or(NotAdopted::OtherLine)?;
        let line = current.line().ok_or(NotAdopted::OtherLine)?;
        let life = line.admits(&claims, now)?;
        let claimed = claims.times.claimed();
        let dated = claims.times.exp.is_some();
        let arrival = Arrival { sent, life, dated, same: false, refresh: false, claimed };
        // A signature costs more than all the rest: only a newer token's is checked, and not under the lock.
        self.lock().machine.may_follow(now, used, arrival)?;
        if !self.scheme().is_authentic(&token) {
            return Err(NotAdopted::BadSignature);
        }
        let issued = Issued::new(token);
        let mut locked = self.lock();
        let arrival = self.compared(arrival, &issued);
        // Once more: another response, or an exchange, may have been faster.
        let adopted = locked.machine.rotated(now, used, arrival)?;
        let (token, old) = self.publish(&issued, value, adopted, Some(line.clone()));
        self.cell.hint(&locked.machine);
        drop(locked);
        drop(old);
        self.wake_riders();
        Ok(token.generation())
    }

    #[cold]
    fn turned_down(&self, why: NotAdopted) -> bool {
        self.lock().machine.not_adopted(why);
        tracing::trace!(target: TARGET, system = self.system, why = why.as_str(), "did not adopt a rotated token");
        false
    }

    /// Waits as long as the refusal of this token would cause an exchange while responses to others that
    /// carried it are still to come. One of those may bring the successor.
    pub(super) async fn await_successor(&self, refused: Generation) {
        let Some(riders) = &self.riders else { return };
        let Ok(mut patience) = self.sleep(PATIENCE) else { return };
        loop {
            let mut changed = pin!(riders.changed());
            changed.as_mut().enable(); // before the look, or a change in between would be missed
            if !self.is_about_to_follow(refused) {
                return;
            }
            if let Either::Right(_) = select(changed, &mut patience).await {
                return;
            }
        }
    }

    /// Whether a successor may be on its way to us, and nothing else is.
    pub(super) fn is_about_to_follow(&self, refused: Generation) -> bool {
        let (now, riders) = (self.now(), self.riders.as_ref());
        riders.is_some_and(|it| it.refused(refused))
            && self.lock().machine.would_renew(now, refused)
    }

    pub(super) fn wake_riders(&self) {
        if let Some(riders) = &self.riders {
            riders.notify();
        }
    }
}
