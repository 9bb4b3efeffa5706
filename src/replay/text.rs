//! `String` as a body. It cannot be shared, so it is copied.

use std::fmt;
use std::mem;

use crate::replay::body::prefix::BufferQuota;
use crate::replay::replayable::Replayable;

/// The copy of a text. It counts for the layer's 64 MiB while it is kept.
#[doc(hidden)]
pub struct CopiedText {
    text: String,
    counted: usize,
    quota: BufferQuota,
}

impl Drop for CopiedText {
    fn drop(&mut self) {
        self.quota.give_back(self.counted);
    }
}

impl fmt::Debug for CopiedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CopiedText(…)")
    }
}

impl Replayable for String {
    type Kept = CopiedText;

    fn keep(&mut self, _: usize, quota: &BufferQuota) -> Option<CopiedText> {
        let counted = self.len();
        quota.take(counted).then(|| CopiedText {
            text: self.clone(),
            counted,
            quota: quota.clone(),
        })
    }

    fn is_within(&self, _: usize) -> bool {
        true
    }

    fn pause(_: &CopiedText) -> bool {
        true
    }

    fn again(mut kept: CopiedText) -> String {
        mem::take(&mut kept.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_counts_until_it_is_sent_again_or_dropped() {
        let quota = BufferQuota::default();
        let mut body = "x".repeat(1_000);
        let kept = body.keep(1, &quota).unwrap();
        assert_eq!(quota.taken(), 1_000);
        assert_eq!(String::again(kept), body);
        assert_eq!(quota.taken(), 0);
        drop(body.keep(1, &quota));
        assert_eq!(quota.taken(), 0);
    }

    #[test]
    fn without_room_there_is_no_copy() {
        let quota = BufferQuota::default();
        let mut body = "x".repeat(32 << 20);
        let kept = [body.keep(1, &quota), body.keep(1, &quota)];
        assert!(kept.iter().all(Option::is_some), "64 MiB");
        assert!("x".to_owned().keep(1, &quota).is_none());
        drop(kept);
        assert!("x".to_owned().keep(1, &quota).is_some());
    }
}
