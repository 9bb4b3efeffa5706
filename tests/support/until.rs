//! Waiting for what other tasks are about to bring about over their sockets.

use std::time::Duration;

use tokio::time::sleep;

/// Waits until `condition` holds. It gives up after a minute: on a machine that is busy with other things, what
/// takes a moment may take seconds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    for _ in 0..60_000 {
        if condition() {
            return;
        }
        sleep(Duration::from_millis(1)).await;
    }
    panic!("it did not happen");
}
