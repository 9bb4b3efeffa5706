//! Callers: what the machine tells each of them, and what each then does.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use crate::error::recovery::Recovery;
use crate::scheme::Verdict;
use crate::scheme::response::ResponseHead;
use crate::token::machine::events::{Ask, Complaint, Generation, Refused};
use crate::token::machine::scenarios::format::ApiAnswer;
use crate::token::machine::scenarios::world::{Caller, Did, Outcome, Played, Stage, World};

impl World {
    /// A request wants a token.
    pub(crate) fn ask(&mut self, name: &str) -> Played {
        let now = self.now();
        // If responses bring successors, the response to this request may bring the one that is due.
        let left_to_response = self.scheme.rotation().is_some()
            && self.current.as_ref().is_some_and(|it| !now.has_reached(it.window.margin_at));
        if left_to_response {
            return self.send(name, None);
        }
        let (ask, start) = self.machine.ask(now);
        self.apply(start)?;
        match ask {
            Ask::Use => self.send(name, None),
            Ask::Wait => {
                let refresh = self.last_refresh()?;
                self.set(name, Stage::ForToken { refresh }, Did::Waits);
                Ok(())
            }
            Ask::Fail { age, retry_in } => {
                let error =
                    self.machine.last_error().cloned().ok_or("a failure without an error")?;
                self.set(name, Stage::Over, Did::Fails(error, age, retry_in));
                Ok(())
            }
        }
    }

    /// Sends a request with the current token. `replay` is none for the first sending; else it says whether the request has
    /// waited for this token.
    pub(crate) fn send(&mut self, name: &str, replay: Option<bool>) -> Played {
        let (now, current) = (self.now(), self.current.as_ref().ok_or("no token")?);
        if now.has_reached(current.window.ends_at) {
            return Err(format!("{name} is told to send a token that has ended"));
        }
        let due = replay.is_none() && now.has_reached(current.window.refresh_at);
        let stage = Stage::Sent { with: current.generation, at: now, due, replay };
        let text = self.name_of(&current.text);
        let did = if replay.is_some() { Did::SendsAgain(text) } else { Did::Sends(text) };
        self.set(name, stage, did);
        Ok(())
    }

    pub(crate) fn api_answers(&mut self, answer: &ApiAnswer, repeated: bool) -> Played {
        let name = &*answer.to;
        let caller = self.callers.get(name);
        let Some(Stage::Sent { with, at, due, replay }) = caller.map(|it| it.stage) else {
            let not_sent = format!("{name} has not been sent, or was answered");
            return if repeated { Ok(()) } else { Err(not_sent) };
        };
        let response = self.response(answer.status, &answer.headers, Bytes::new(), 0)?;
        let head = ResponseHead::of(&response);
        let complaint = match self.scheme.judge().verdict(head) {
            Verdict::Refused => Some(Complaint::Refusal),
            _ if self.doubted_statuses.contains(&answer.status) => Some(Complaint::Doubt),
            _ => None,
        };
        if let Some(complaint) = complaint {
            return match replay {
                Some(_) => {
                    self.set(name, Stage::Over, gets(complaint, Recovery::Replayed));
                    Ok(())
                }
                None => self.refused(name, complaint, with),
            };
        }
        let now = self.now();
        let sent = now - now.since(at);
        if self.machine.flags().rejected_token == Some(with) && head.status.is_success() {
            self.machine.rejected_token_accepted(with, sent);
        }
        let is_judged =
            !head.status.is_server_error() && head.status != StatusCode::TOO_MANY_REQUESTS;
        if replay == Some(true) && is_judged {
            self.machine.replay_accepted(with);
        }
        let untouched = head.status == StatusCode::UNAUTHORIZED;
        let did = if untouched { Did::Gets401("untouched") } else { Did::Gets(answer.status) };
        self.set(name, Stage::Over, did);
        let followed = head.status.is_success() && self.handed_out(with, sent, head);
        if self.scheme.rotation().is_some() && due && !followed {
            let (_, start) = self.machine.ask(now);
            self.apply(start)?;
        }
        Ok(())
    }

    /// The API refused the token of a request, or its answer is doubted.
    pub(crate) fn refused(
        &mut self,
        name: &str,
        complaint: Complaint,
        refused: Generation,
    ) -> Played {
        let (answer, start) = match complaint {
            Complaint::Refusal => self.machine.refused(self.now(), refused),
            Complaint::Doubt => self.machine.doubted(self.now(), refused),
        };
        self.apply(start)?;
        if self.callers.get(name).is_some_and(|caller| !caller.replayable) {
            let recovery = match answer {
                Refused::HandOn(recovery) => recovery,
                _ => Recovery::NotReplayable,
            };
            self.set(name, Stage::Over, gets(complaint, recovery));
            return Ok(());
        }
        match answer {
            // The stories have no settling time.
            Refused::Resend | Refused::SendAgain => self.send(name, Some(false)),
            Refused::HandOn(recovery) => self.hand_on(name, complaint, refused, recovery),
            Refused::Wait | Refused::WaitAndAsk => {
                let (refresh, counts) = (self.last_refresh()?, answer == Refused::Wait);
                self.set(
                    name,
                    Stage::ForSuccessor { refresh, complaint, refused, counts },
                    Did::Waits,
                );
                Ok(())
            }
        }
    }

    /// Gives the 401 to the caller, unless a newer token has come in the meantime.
    pub(crate) fn hand_on(
        &mut self,
        name: &str,
        complaint: Complaint,
        refused: Generation,
        recovery: Recovery,
    ) -> Played {
        match &self.current {
            Some(current) if current.generation > refused && self.is_usable() => {
                self.send(name, Some(false))
            }
            _ => {
                self.set(name, Stage::Over, gets(complaint, recovery));
                Ok(())
            }
        }
    }

    /// Tells those who waited for a refresh how it ended.
    pub(super) fn resolve(&mut self, ended: usize, outcome: &Outcome) -> Played {
        let waiting = |(name, caller): (&String, &Caller)| match caller.stage {
            Stage::ForToken { refresh } | Stage::ForSuccessor { refresh, .. }
                if refresh == ended =>
            {
                Some((name.clone(), caller.stage))
            }
            _ => None,
        };
        let waiting: Vec<_> = self.callers.iter().filter_map(waiting).collect();
        for (name, stage) in waiting {
            match (stage, outcome) {
                (Stage::ForToken { .. }, Outcome::Error(error, retry_in)) if !self.is_usable() => {
                    let did = Did::Fails(error.clone(), Duration::ZERO, *retry_in);
                    self.set(&name, Stage::Over, did);
                }
                (Stage::ForToken { .. }, Outcome::Token | Outcome::Error(..))
                    if self.is_usable() =>
                {
                    self.send(&name, None)?;
                }
                (Stage::ForToken { .. }, _) => self.ask(&name)?,
                (Stage::ForSuccessor { complaint, refused, counts: true, .. }, Outcome::Token) => {
                    if self.current.as_ref().is_some_and(|it| it.generation > refused) {
                        self.send(&name, Some(complaint == Complaint::Refusal))?;
                    } else {
                        self.hand_on(&name, complaint, refused, Recovery::SameToken)?;
                    }
                }
                (
                    Stage::ForSuccessor { complaint, refused, counts: true, .. },
                    Outcome::Error(..),
                ) => self.hand_on(&name, complaint, refused, Recovery::RenewalFailed)?,
                (Stage::ForSuccessor { complaint, refused, .. }, _) => {
                    self.refused(&name, complaint, refused)?;
                }
                (Stage::Sent { .. } | Stage::Over, _) => {}
            }
        }
        Ok(())
    }

    pub(super) fn set(&mut self, name: &str, stage: Stage, did: Did) {
        self.requests_failed += u64::from(matches!(did, Did::Fails(..)));
        self.requests_given_401 += u64::from(matches!(did, Did::Gets401(_)));
        if let Some(caller) = self.callers.get_mut(name) {
            (caller.stage, caller.did) = (stage, did);
        } else {
            self.callers.insert(name.to_owned(), Caller { replayable: true, stage, did });
        }
    }
}

/// The caller gets the answer.
fn gets(complaint: Complaint, recovery: Recovery) -> Did {
    match complaint {
        Complaint::Refusal => Did::Gets401(recovery.as_str()),
        Complaint::Doubt => Did::GetsDoubted(recovery.as_str()),
    }
}
