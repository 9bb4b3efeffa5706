//! serde's `Serialize` for [`Status`] and [`Counters`], for a page or an endpoint that shows them.
//!
//! Durations are numbers of seconds, with three decimals at most. The names are those of the fields and of `as_str`.

use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::error::clock_difference::ClockDifference;
use crate::exchange::context::Reason;
use crate::exchange::error::ExchangeError;
use crate::scheme::not_adopted::NotAdopted;
use crate::token::machine::events::Generation;
use crate::token::machine::status::{Counters, State, Status};

/// Durations and the difference of clocks are numbers of seconds (durations with three decimals at most), `generation` is a number, and `last_error` is its text.
impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds =
            |time: Option<Duration>| time.map(|it| (it.as_secs_f64() * 1e3).round() / 1e3);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("state", &self.state)?;
        map.serialize_entry("generation", &self.generation.map(Generation::number))?;
        map.serialize_entry("expires_in", &seconds(self.expires_in))?;
        map.serialize_entry("granted_scope", &self.granted_scope)?;
        map.serialize_entry("exchange_under_way", &self.exchange_under_way)?;
        map.serialize_entry("next_attempt_in", &seconds(self.next_attempt_in))?;
        map.serialize_entry("consecutive_failures", &self.consecutive_failures)?;
        let last_error = self.last_error.as_ref().map(ExchangeError::to_string);
        map.serialize_entry("last_error", &last_error)?;
        map.serialize_entry("failing_for", &seconds(self.failing_for))?;
        map.serialize_entry("renewal_budget", &self.renewal_budget)?;
        map.serialize_entry("waiters", &self.waiters)?;
        let difference = self.clock_difference.map(ClockDifference::seconds);
        map.serialize_entry("clock_difference", &difference)?;
        map.serialize_entry("counters", &self.counters)?;
        #[cfg(feature = "store")]
        map.serialize_entry("login", &self.login)?;
        map.end()
    }
}

/// The text of [`as_str`](State::as_str).
impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The values of [`iter`](Counters::iter), and the maps `exchanges_by_reason` and `rotations_not_adopted_by_reason`.
impl Serialize for Counters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, &value)?;
        }
        let by = Reason::ALL.iter().map(|it| (it.as_str(), self.exchanges_for(*it)));
        map.serialize_entry("exchanges_by_reason", &Map(by))?;
        let by =
            NotAdopted::ALL.iter().map(|it| (it.as_str(), self.rotations_not_adopted_for(*it)));
        map.serialize_entry("rotations_not_adopted_by_reason", &Map(by))?;
        map.end()
    }
}

struct Map<I>(I);

impl<I: Iterator<Item = (&'static str, u64)> + Clone> Serialize for Map<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counters_have_their_sums_and_each_reason() {
        let mut counters = Counters::default();
        counters.refusals = 3;
        counters.count_exchange(Reason::First);
        counters.count_exchange(Reason::Refused);
        counters.count_not_adopted(NotAdopted::Ended);
        let json = serde_json::to_value(counters).unwrap();
        assert_eq!(json["exchanges"], 2);
        assert_eq!(json["refusals"], 3);
        assert_eq!(json["rotations_not_adopted"], 1);
        assert_eq!(
            json["exchanges_by_reason"],
            json!({"first": 1, "refresh_ahead": 0, "expiring": 0, "expired": 0, "refused": 1, "doubted": 0})
        );
        assert_eq!(json["rotations_not_adopted_by_reason"]["ended"], 1);
        assert_eq!(json["rotations_not_adopted_by_reason"]["too_long"], 0);
    }
}
