//! What an exchange needs of a credential.

use std::time::Duration;

use crate::secret::Secret;

/// A part of the handle, and not of the credential: two systems may need the same file in two ways.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Need {
    /// Without its value, the exchange fails.
    #[default]
    Needed,
    /// Without its value, the exchange goes on. It is read like any other credential.
    #[cfg(any(feature = "client", feature = "oauth"))]
    Optional,
    /// Its value must not end before the request arrives. The function reads the times from the value.
    InTime(fn(&Secret) -> Life),
}

/// What a value says about its time, since the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) begin: Option<Duration>,
    pub(crate) end: Option<Duration>,
}

impl Life {
    /// The age and the end, as the rest of a sentence. None if neither is known.
    pub(crate) fn described(self, now: Duration) -> Option<String> {
        let age = self.begin.and_then(|begin| now.checked_sub(begin));
        let age = age.map(|age| format!("is {} s old", age.as_secs()));
        let end = self.end.map(|end| match now.checked_sub(end) {
            Some(since) => format!("ended {} s ago", since.as_secs()),
            None => format!("ends in {} s", (end - now).as_secs()),
        });
        match (age, end) {
            (Some(age), Some(end)) => Some(format!("{age}, and {end}")),
            (age, end) => age.or(end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_described_by_what_is_known_of_it() {
        let secs = |secs: Option<u64>| secs.map(Duration::from_secs);
        for (begin, end, text) in [
            (None, None, None),
            (Some(40), None, Some("is 60 s old")),
            (Some(40), Some(160), Some("is 60 s old, and ends in 60 s")),
            (Some(40), Some(100), Some("is 60 s old, and ended 0 s ago")),
            (None, Some(58), Some("ended 42 s ago")),
            (Some(101), Some(160), Some("ends in 60 s")),
        ] {
            let life = Life { begin: secs(begin), end: secs(end) };
            assert_eq!(life.described(Duration::from_secs(100)).as_deref(), text);
        }
    }
}
