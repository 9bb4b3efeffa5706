//! What a scheme has learned about its server. It is kept for a day.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Now;

/// A hint becomes wrong when the server is upgraded. So the server is tried again after a day, which costs one
/// request a day.
const VALID_FOR: Duration = Duration::from_secs(86_400);

/// A fact that an answer has shown, such as the encoding that the server understands. It expires after a day, or is
/// forgotten before.
#[derive(Debug, Default)]
pub(crate) struct Hint {
    /// When it ends, by the monotonic clock, in nanoseconds. Zero if nothing was learned.
    ends: AtomicU64,
}

impl Hint {
    /// Learns the fact. Without a clock (in an answer that a test has made), it is kept until it is
    /// forgotten.
    pub(crate) fn learn(&self, now: Option<Now>) {
        let ends = now.map_or(u64::MAX, |now| (now + VALID_FOR).mono_nanos());
        self.ends.store(ends, Ordering::Relaxed);
    }

    pub(crate) fn forget(&self) {
        self.ends.store(0, Ordering::Relaxed);
    }

    /// Whether the fact was learned and has not expired.
    pub(crate) fn holds(&self, now: Option<Now>) -> bool {
        let ends = self.ends.load(Ordering::Relaxed);
        now.map_or(ends > 0, |now| now.mono_nanos() < ends)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_hint_holds_for_a_day_or_until_it_is_forgotten() {
        let at = |secs| Some(Now::new(Duration::from_secs(secs), UNIX_EPOCH));
        let hint = Hint::default();
        assert!(!hint.holds(at(5)) && !hint.holds(None));
        hint.learn(at(5));
        assert!(hint.holds(at(5)) && hint.holds(at(86_404)) && hint.holds(None));
        assert!(!hint.holds(at(86_405)));
        hint.forget();
        assert!(!hint.holds(at(5)) && !hint.holds(None));
        hint.learn(None);
        assert!(hint.holds(at(u64::MAX >> 34)) && hint.holds(None));
    }
}
