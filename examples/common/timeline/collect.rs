//! From `tracing` events to facts.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tower_outbound_auth::clock::{Clock, Now};
use tower_outbound_auth::exchange::Reason;
use tracing::field::{Field, Visit};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::model::{Answer, Event, Timeline, What};

/// The target of the crate's events.
const CRATE: &str = "tower_outbound_auth";
/// The target of the examples' own events: `answered` and `all tokens revoked`.
pub(crate) const EXAMPLE: &str = "example";

/// A layer that keeps what a timeline needs of the events of the crate and of the examples. It turns all other
/// events off. Clones write to the same recording.
#[derive(Clone)]
pub(crate) struct Collector {
    clock: Arc<dyn Clock>,
    start: Now,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Collector {
    /// The recording starts now.
    pub(crate) fn new(clock: impl Clock) -> Collector {
        Collector { start: clock.now(), clock: Arc::new(clock), events: Arc::default() }
    }

    /// The time since the start.
    pub(crate) fn now(&self) -> Duration {
        self.clock.now().since(self.start)
    }

    /// What has happened so far.
    pub(crate) fn timeline(&self) -> Timeline {
        Timeline::of(&self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Subscriber> Layer<S> for Collector {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        [CRATE, EXAMPLE].contains(&metadata.target())
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let Some(what) = fields.what(event.metadata().target()) {
            let at = self.now();
            let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            events.push(Event { at, what });
        }
    }
}

/// The fields that a timeline needs. Others, such as the text of an error, are not read.
#[derive(Default)]
struct Fields {
    message: String,
    reason: Option<Reason>,
    generation: Option<u64>,
    took: Option<Duration>,
    expires_in: Option<Duration>,
    caller: Option<u64>,
    began: Option<Duration>,
    ok: Option<bool>,
    recovery: bool,
}

impl Fields {
    fn what(&self, target: &str) -> Option<What> {
        let Fields { reason, took, generation, .. } = *self;
        let what = match (target, &*self.message) {
            (CRATE, "exchange begins") => What::ExchangeBegan { reason: reason? },
            (CRATE, "exchange succeeded" | "exchange succeeds again") => What::ExchangeSucceeded {
                reason: reason?,
                took: took?,
                generation: generation?,
                expires_in: self.expires_in?,
            },
            (CRATE, "exchange failed" | "exchange ended too late") => {
                What::ExchangeFailed { reason: reason?, took: took? }
            }
            (CRATE, "adopted a rotated token") => What::TokenAdopted { generation: generation? },
            (EXAMPLE, "answered") => What::Answered {
                caller: self.caller?,
                began: self.began?,
                took: took?,
                answer: match (self.ok?, self.recovery) {
                    (true, false) => Answer::AtOnce,
                    (true, true) => Answer::SentAgain,
                    (false, true) => Answer::Refused,
                    (false, false) => Answer::Failed,
                },
            },
            (EXAMPLE, "all tokens revoked") => What::AllRevoked,
            _ => return None,
        };
        Some(what)
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = || format!("{value:?}");
        match field.name() {
            "message" => self.message = text(),
            "reason" => self.reason = reason(&text()),
            "generation" => self.generation = text().parse().ok(),
            "took" => self.took = duration(&text()),
            "expires_in" => self.expires_in = duration(&text()),
            "began" => self.began = duration(&text()),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "caller" {
            self.caller = Some(value);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "ok" {
            self.ok = Some(value);
        }
    }

    /// Only the presence of a recovery counts.
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            "recovery" => self.recovery = true,
            _ => {}
        }
    }
}

fn reason(text: &str) -> Option<Reason> {
    Reason::ALL.iter().copied().find(|reason| format!("{reason:?}") == text)
}

/// Reads the `Debug` of a duration, such as `104.5ms`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let units = [("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let (number, unit) =
        units.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * unit).ok()
}
