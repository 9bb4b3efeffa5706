//! An observer that keeps one line for each event.

use std::sync::{Arc, Mutex};

use tower_outbound_auth::token::{Event, EventKind, Observer, RefreshOutcome};

#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    /// The lines since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// The lines since the last call, without the states.
    pub(crate) fn take_events(&self) -> Vec<String> {
        self.take().into_iter().filter(|line| !line.starts_with("state")).collect()
    }

    /// Whether a line contains this text.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.0.lock().unwrap().iter().any(|it| it.contains(text))
    }
}

impl Observer for Told {
    fn event(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(line(&event.kind));
    }
}

fn line(kind: &EventKind<'_>) -> String {
    match *kind {
        EventKind::RefreshStarted { refresh, reason, .. } => {
            format!("refresh {refresh} started: {reason}")
        }
        EventKind::RefreshFinished { refresh, reason, took, requests, outcome, .. } => {
            let end = match outcome {
                RefreshOutcome::Issued { generation, lifetime, expires_in, .. } => {
                    format!("token {generation}, {lifetime:?}, {expires_in:?}")
                }
                _ => outcome.code().to_owned(),
            };
            let outcome = outcome.as_str();
            format!("refresh {refresh} finished: {reason}, {took:?}, {requests}: {outcome}, {end}")
        }
        EventKind::WaitStarted { wait, waiters, .. } => format!("{waiters} wait: {wait}"),
        EventKind::WaitFinished { wait, took, waiters, outcome, .. } => {
            format!("{waiters} wait after {took:?}: {wait}: {}", outcome.as_str())
        }
        EventKind::RefusalJudged { verdict, generation, recovery, .. } => {
            format!(
                "token {generation} {verdict}: {}",
                recovery.map_or("nothing", |it| it.as_str())
            )
        }
        EventKind::ReplayFinished { outcome, .. } => format!("replay {outcome}"),
        EventKind::NewProof { .. } => "new proof".to_owned(),
        EventKind::BudgetExhausted { .. } => "budget exhausted".to_owned(),
        EventKind::RotationAdopted { generation, lifetime, expires_in, .. } => {
            format!("adopted token {generation}, {lifetime:?}, {expires_in:?}")
        }
        EventKind::RotationNotAdopted { why, .. } => format!("not adopted: {why}"),
        EventKind::StateChanged { state, consecutive_failures, next_attempt_in, .. } => {
            let soon = next_attempt_in.is_some_and(|it| it.is_zero());
            format!("state {state}, {consecutive_failures} failures, due: {soon}")
        }
        EventKind::CredentialChanged { credential, variable, .. } => {
            format!("{credential} {variable:?} changed")
        }
        EventKind::CredentialUnreadable { credential, variable, .. } => {
            format!("{credential} {variable:?} unreadable")
        }
        EventKind::CredentialRefused { credential, variable, .. } => {
            format!("{credential} {variable:?} refused")
        }
        EventKind::StoreOperationFinished { operation, outcome, .. } => {
            format!("store {operation}: {outcome}")
        }
        _ => format!("{kind:?}"),
    }
}
