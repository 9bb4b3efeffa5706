//! A future that is polled after its completion.

/// A caller has polled a future again after it was ready. tower's and hyper's futures panic then, too. A future that
/// stayed pending would be a hang without a visible cause.
#[cold]
#[allow(clippy::panic)]
pub(crate) fn polled_after_completion() -> ! {
    panic!("a response future was polled after completion")
}
