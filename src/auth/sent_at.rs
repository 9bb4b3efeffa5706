//! When a request was sent, and the age of its token then.
//!
//! Both are in one word, because each request in flight has them.

use crate::token::published::Age;

/// The lower 62 bits are nanoseconds by the monotonic clock, for 146 years. The upper two are the age.
#[derive(Clone, Copy)]
pub(crate) struct SentAt(u64);

impl SentAt {
    const SHIFT: u32 = 62;
    const LATEST: u64 = (1 << SentAt::SHIFT) - 1;

    /// A later time than 146 years counts as 146 years.
    #[inline(always)]
    pub(crate) fn new(nanos: u64, age: Age) -> SentAt {
        let age = match age {
            Age::Fresh => 0,
            Age::Stale => 1,
            Age::Due => 2,
        };
        SentAt(nanos.min(SentAt::LATEST) | age << SentAt::SHIFT)
    }

    #[inline(always)]
    pub(crate) fn nanos(self) -> u64 {
        self.0 & SentAt::LATEST
    }

    #[inline(always)]
    pub(crate) fn age(self) -> Age {
        match self.0 >> SentAt::SHIFT {
            0 => Age::Fresh,
            1 => Age::Stale,
            _ => Age::Due,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_and_the_age_come_back_and_an_absurd_time_changes_no_age() {
        for age in [Age::Fresh, Age::Stale, Age::Due] {
            for nanos in [0, 1, 3_600_000_000_000, SentAt::LATEST] {
                let sent = SentAt::new(nanos, age);
                assert_eq!((sent.nanos(), sent.age()), (nanos, age));
            }
            let absurd = SentAt::new(u64::MAX, age);
            assert_eq!((absurd.nanos(), absurd.age()), (SentAt::LATEST, age));
        }
    }
}
