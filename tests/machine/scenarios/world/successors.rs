//! Successors that responses hand out.

use std::sync::Arc;

use crate::clock::Now;
use crate::scheme::jwt::{Claims, Times};
use crate::scheme::not_adopted::NotAdopted;
use crate::scheme::response::ResponseHead;
use crate::secret::Secret;
use crate::token::machine::events::{Arrival, Generation};
use crate::token::machine::rotation::Lineage;
use crate::token::machine::scenarios::world::{Held, World};
use crate::token::machine::window::Window;
use crate::token::options::{MAX_ROTATED_TOKEN, header_value};

impl World {
    /// A response brought a successor, or not; as `Core::handed_out`.
    pub(crate) fn handed_out(
        &mut self,
        used: Generation,
        sent: Now,
        response: ResponseHead<'_>,
    ) -> bool {
        let scheme = self.scheme.clone();
        let (Some(rotation), Some(current)) = (scheme.rotation(), &self.current) else {
            return false;
        };
        if rotation.is_when_due() && !sent.has_reached(current.window.refresh_at) {
            return false;
        }
        let followed = match rotation.handed_out(response.headers) {
            Ok(Some(token)) if token != current.text => {
                let token = Secret::from(token);
                self.follow(used, sent, &token)
            }
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

    pub(crate) fn follow(
        &mut self,
        used: Generation,
        sent: Now,
        token: &Secret,
    ) -> Result<(), NotAdopted> {
        let (now, text) = (self.now(), token.expose());
        if text.len() > MAX_ROTATED_TOKEN {
            return Err(NotAdopted::TooLong);
        }
        header_value(&self.scheme, token, None, MAX_ROTATED_TOKEN)
            .map_err(|_| NotAdopted::Malformed)?;
        let claims = Claims::of(text);
        let line = self.current.as_ref().and_then(|it| it.line.clone());
        let line = line.ok_or(NotAdopted::OtherLineage)?;
        let life = line.admits(&claims, now)?;
        let Times { iat, exp } = claims.times;
        let claimed = (iat, exp);
        let dated = exp.map(|_| life);
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
        self.machine.may_follow(now, used, &arrival)?;
        if !self.scheme.is_authentic(token) {
            return Err(NotAdopted::BadSignature);
        }
        let (generation, window) = self.machine.rotated(now, used, &arrival)?;
        self.hold(text.to_owned(), generation, window, Some(line));
        Ok(())
    }

    pub(crate) fn hold(
        &mut self,
        text: String,
        generation: Generation,
        window: Window,
        line: Option<Arc<Lineage>>,
    ) {
        self.texts.insert(generation, text.clone());
        self.current = Some(Held { text, generation, window, line });
    }
}
