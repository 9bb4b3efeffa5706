//! A future that was polled after its completion.

/// Panics, as the futures of tower and hyper do. A future that stayed pending would hang without a visible cause.
#[cold]
#[allow(clippy::panic)]
pub(crate) fn polled_after_completion() -> ! {
    panic!("a response future was polled after completion")
}
