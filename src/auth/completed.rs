//! A future that is polled after its completion.

/// A mistake of the caller's. tower's and hyper's futures panic too: one that was always pending would be a
/// hang without a cause.
#[cold]
#[allow(clippy::panic)]
pub(crate) fn polled_after_completion() -> ! {
    panic!("a response future was polled after completion")
}
