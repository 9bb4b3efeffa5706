//! New tokens in responses: checks them, publishes them, and waits for one that may arrive.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use http::HeaderMap;

use crate::basics::TARGET;
use crate::clock::Now;
use crate::exchange::issued::Issued;
use crate::scheme::jwt::Claims;
use crate::scheme::not_adopted::NotAdopted;
use crate::scheme::rotation::Rotation;
use crate::secret::Secret;
use crate::token::machine::events::{Arrival, Generation};
use crate::token::machine::rotation::Lineage;
use crate::token::machine::window::Window;
use crate::token::observer::event::EventKind;
use crate::token::observer::tell::lives;
use crate::token::options::{MAX_ROTATED_TOKEN, Presented, header_value};
use crate::token::shared::{Core, Locked};

/// A signature check. It ends when this is dropped, also after a panic.
struct Verification<'a> {
    locked: &'a Mutex<Locked>,
    token: Secret,
}

impl Drop for Verification<'_> {
    fn drop(&mut self) {
        let mut locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        locked.verifying.retain(|it| it.expose() != self.token.expose());
    }
}

/// How long a refused request waits for the responses to other requests with the same token.
const PATIENCE: Duration = Duration::from_secs(1);

impl Core {
    /// Reads a successful response. Its request was sent at `sent` by the monotonic clock, with the token of
    /// generation `used`. Returns whether it brought a new token.
    pub(crate) fn handed_out(
        &self,
        rotation: &Rotation,
        used: Generation,
        sent: u64,
        headers: &HeaderMap,
    ) -> bool {
        let Some(current) = self.cell.latest() else { return false };
        let token = match rotation.handed_out(headers) {
            Ok(Some(token)) if token != current.expose() => Secret::from(token),
            Ok(_) => return false,
            Err(why) => return self.turned_down(why),
        };
        let now = self.now();
        let sent = now - Duration::from_nanos(now.mono_nanos().saturating_sub(sent));
        match self.follow(used, sent, now, token) {
            Ok(Some((generation, window))) => {
                let system = self.system;
                tracing::trace!(target: TARGET, system, %generation, "adopted a rotated token");
                let (lifetime, expires_in) = lives(window, sent, now);
                self.tell(EventKind::RotationAdopted { generation, lifetime, expires_in });
                self.tell_state();
                true
            }
            Ok(None) => true,
            Err(why) => self.turned_down(why),
        }
    }

    /// Adopts a token if it passes all checks. None if another response brought the same token.
    fn follow(
        &self,
        used: Generation,
        sent: Now,
        now: Now,
        token: Secret,
    ) -> Result<Option<(Generation, Window)>, NotAdopted> {
        if token.expose().len() > MAX_ROTATED_TOKEN {
            return Err(NotAdopted::TooLong);
        }
        let current = self.cell.latest().ok_or(NotAdopted::OtherLineage)?;
        // The type, the maker of headers and the extra members come from the first token of the lineage.
        let Presented { token_type, per_request, .. } = current.presented();
        let value =
            header_value(self.presentation(), &token, token_type.as_deref(), MAX_ROTATED_TOKEN);
        let value = value.map_err(|_| NotAdopted::Malformed)?;
        let (token_type, per_request) = (token_type.clone(), per_request.clone());
        let presented = Presented { value, token_type, per_request };
        let claims = Claims::of(token.expose());
        let line = current.line().ok_or(NotAdopted::OtherLineage)?;
        let life = line.admits(&claims, now)?;
        let claimed = (claims.times.iat, claims.times.exp);
        let dated = claims.times.exp.map(|_| life);
        let arrival = Arrival {
            sent,
            life,
            stated: true,
            dated,
            same: false,
            refresh_after: None,
            refresh_token: None,
            claimed,
        };
        // Checking a signature is expensive. It is done only for a newer token, and without the lock.
        let Some(verification) = self.begin_verification(now, used, &arrival, &token)? else {
            return Ok(None);
        };
        if !self.presentation().is_authentic(&token) {
            return Err(NotAdopted::BadSignature);
        }
        let issued = Issued::new(token).with_all_extra(current.all_extra().clone());
        let adopted = self.adopt(now, used, arrival, &issued, presented, line.clone());
        // Ends after the token is published. Its `Drop` takes the lock.
        drop(verification);
        adopted.map(Some)
    }

    /// Publishes a token that has passed all checks, unless another response or an exchange was faster.
    fn adopt(
        &self,
        now: Now,
        used: Generation,
        arrival: Arrival<Secret>,
        issued: &Issued,
        presented: Presented,
        line: Arc<Lineage>,
    ) -> Result<(Generation, Window), NotAdopted> {
        let mut event = self.event();
        let arrival = self.compared(arrival, issued);
        let adopted = event.machine.rotated(now, used, &arrival)?;
        let old = self.publish(self.token(issued, presented, adopted, Some(line)));
        drop(event);
        drop(old);
        self.wake_waiting();
        Ok(adopted)
    }

    /// None if another response brought the same token, which is being checked or was adopted.
    fn begin_verification<'a>(
        &'a self,
        now: Now,
        used: Generation,
        arrival: &Arrival<Secret>,
        token: &Secret,
    ) -> Result<Option<Verification<'a>>, NotAdopted> {
        let mut locked = self.lock();
        let is_current = self.cell.latest().is_some_and(|it| it.expose() == token.expose());
        if is_current || locked.verifying.iter().any(|it| it.expose() == token.expose()) {
            return Ok(None);
        }
        locked.machine.may_follow(now, used, arrival)?;
        locked.verifying.push(token.clone());
        Ok(Some(Verification { locked: &self.locked, token: token.clone() }))
    }

    #[cold]
    fn turned_down(&self, why: NotAdopted) -> bool {
        self.lock().machine.not_adopted(why);
        self.tell(EventKind::RotationNotAdopted { why });
        tracing::trace!(target: TARGET, system = self.system, why = why.as_str(), "did not adopt a rotated token");
        false
    }

    /// Waits for the responses to other requests with the refused token, if a refusal would cause an exchange: one of
    /// these responses may bring the next token.
    pub(crate) async fn await_successor(&self, refused: Generation) {
        let Some(sent_count) = &self.sent_count else { return };
        let Ok(mut patience) = self.sleep(PATIENCE) else { return };
        loop {
            let mut changed = pin!(sent_count.changed());
            changed.as_mut().enable(); // before the check, so that no change in between is missed
            if !self.is_about_to_follow(refused) {
                return;
            }
            if let Either::Right(_) = select(changed, &mut patience).await {
                return;
            }
        }
    }

    /// Whether a response may still bring a new token, and no refresh is running.
    pub(crate) fn is_about_to_follow(&self, refused: Generation) -> bool {
        // Generations far apart share a count. So only the current one is marked as refused.
        let is_current = self.cell.latest().is_some_and(|token| token.generation() == refused);
        let (now, sent_count) = (self.now(), self.sent_count.as_ref().filter(|_| is_current));
        sent_count.is_some_and(|it| it.refused(refused))
            && self.lock().machine.would_renew(now, refused)
    }

    pub(crate) fn wake_waiting(&self) {
        if let Some(sent_count) = &self.sent_count {
            sent_count.notify();
        }
    }
}
