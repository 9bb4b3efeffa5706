//! A simulated network: the real hyper client goes through the layer to a token endpoint and an API, each on its
//! own host, while packets are dropped, held or delayed. Time is simulated, and all randomness comes from a seed.
//! See `races/README.md`.
#![cfg(test)]

mod client;
mod net;
mod oracle;
mod scenarios;
mod servers;
mod simulation;

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How long the simulation has lasted.
fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything that happened, and what breaks a promise.
#[derive(Clone, Default)]
struct History(Arc<Mutex<(Vec<String>, Vec<String>)>>);

impl History {
    fn note(&self, what: impl Display) {
        self.note_at(now(), what);
    }

    fn note_at(&self, when: Duration, what: impl Display) {
        lock(&self.0).0.push(format!("{:>9.3} {what}", when.as_secs_f64()));
    }

    /// A broken promise is reported at the end, because other code may catch a panic.
    fn require(&self, holds: bool, what: impl Display) {
        if !holds {
            self.note(format_args!("BROKEN: {what}"));
            lock(&self.0).1.push(what.to_string());
        }
    }

    fn events(&self) -> Vec<String> {
        lock(&self.0).0.clone()
    }

    fn broken(&self) -> Vec<String> {
        lock(&self.0).1.clone()
    }
}
