//! Waiting for what other tasks are about to bring about over their sockets.

use std::time::Duration;

use tokio::time::sleep;

/// Waits until `condition` holds, some seconds at most.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    for _ in 0..5_000 {
        if condition() {
            return;
        }
        sleep(Duration::from_millis(1)).await;
    }
    panic!("it did not happen");
}
