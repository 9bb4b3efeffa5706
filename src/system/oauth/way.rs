//! The two ways in which a client may prove who it is: two encodings of its secret, or two keys.
//!
//! If the endpoint refuses one way, the other one is tried once in the same exchange. What worked is tried first from then
//! on.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Now;
use crate::system::oauth::hint::Hint;
use crate::system::oauth::refresh::{KEPT_REFRESH, REFRESH};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The percent encoding, or the current key.
    First,
    /// The raw encoding, or the previous key.
    Second,
}

impl Way {
    pub(crate) fn other(self) -> Way {
        match self {
            Way::First => Way::Second,
            Way::Second => Way::First,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A refresh token is shown. If it is refused, the credentials follow.
    Refresh,
    /// A refresh token of a kept login is shown. If it is refused, the exchange fails.
    Kept,
    /// The same. No other way is tried after it.
    KeptLast,
    /// The first request with the credentials.
    Opening,
    /// No other way is tried after it.
    Last,
}

impl Turn {
    pub(crate) fn shows_a_refresh_token(self) -> bool {
        matches!(self, Turn::Refresh | Turn::Kept | Turn::KeptLast)
    }

    pub(crate) fn is_of_a_kept_login(self) -> bool {
        matches!(self, Turn::Kept | Turn::KeptLast)
    }
}

/// A request with the proof of the client, as its name tells. If there is one way only, that is the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) way: Way,
    pub(crate) turn: Turn,
}

const NAMES: [(Way, Turn, &str); 10] = [
    (Way::First, Turn::Refresh, REFRESH),
    (Way::Second, Turn::Refresh, "refresh, second way"),
    (Way::First, Turn::Kept, KEPT_REFRESH),
    (Way::Second, Turn::Kept, "refresh of a kept login, second way"),
    (Way::First, Turn::KeptLast, "refresh of a kept login, first way, last"),
    (Way::Second, Turn::KeptLast, "refresh of a kept login, second way, last"),
    (Way::First, Turn::Opening, "first way"),
    (Way::Second, Turn::Opening, "second way"),
    (Way::First, Turn::Last, "first way, last"),
    (Way::Second, Turn::Last, "second way, last"),
];

impl Attempt {
    pub(crate) fn name(self) -> &'static str {
        let found = NAMES.iter().find(|(way, turn, _)| (*way, *turn) == (self.way, self.turn));
        found.map_or("", |(_, _, name)| name)
    }

    /// None for a request without the proof of the client.
    pub(crate) fn named(name: &str) -> Option<Attempt> {
        let found = NAMES.iter().find(|(_, _, known)| *known == name);
        found.map(|&(way, turn, _)| Attempt { way, turn })
    }
}

/// Whether the second way has worked last.
#[derive(Debug, Default)]
pub(crate) struct LastWay {
    second: Hint,
    /// The texts of the keys for which it holds. Zero for a secret.
    texts: AtomicU64,
}

impl LastWay {
    pub(crate) fn way(&self, now: Option<Now>, texts: u64) -> Way {
        match self.second.holds(now) && self.texts.load(Ordering::Relaxed) == texts {
            true => Way::Second,
            false => Way::First,
        }
    }

    /// Learns that this way works: the second one for a day after `now`, or without an end.
    pub(crate) fn learn(&self, way: Way, now: Option<Now>, texts: u64) {
        match way {
            Way::First => self.second.forget(),
            Way::Second => {
                self.texts.store(texts, Ordering::Relaxed);
                self.second.learn(now);
            }
        }
    }

    pub(crate) fn forget(&self) {
        self.second.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_tells_its_way_and_its_turn() {
        for (way, turn, name) in NAMES {
            let attempt = Attempt { way, turn };
            assert_eq!((attempt.name(), Attempt::named(name)), (name, Some(attempt)));
        }
        assert_eq!(Attempt::named("metadata"), None);
    }

    #[test]
    fn the_second_way_is_the_first_one_to_try_until_a_text_changes_or_it_is_forgotten() {
        let last = LastWay::default();
        assert_eq!(last.way(None, 7), Way::First);
        last.learn(Way::Second, None, 7);
        assert_eq!((last.way(None, 7), last.way(None, 8)), (Way::Second, Way::First));
        last.learn(Way::First, None, 7);
        assert_eq!(last.way(None, 7), Way::First);
        last.learn(Way::Second, None, 7);
        last.forget();
        assert_eq!(last.way(None, 7), Way::First);
    }
}
