//! The parts of `std`, `tokio` and `arc-swap` that the checked files use, made with loom's types.

#[path = "../../arc_swap.rs"]
mod arc_swap;

pub use std::*;

pub use self::arc_swap::{ArcSwapOption, Guard};

pub mod time {
    pub use std::time::*;

    /// No model waits for time.
    pub fn sleep(_: Duration) -> std::future::Pending<()> {
        std::future::pending()
    }
}

pub mod sync {
    pub mod atomic {
        pub use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
    }

    pub mod futures {
        pub use super::Notified;
    }

    pub use std::sync::Arc;

    pub use loom::sync::Mutex;

    use loom::sync::Condvar;

    /// `tokio::sync::Notify`, with its guarantee: a call of `notify_waiters` wakes every wait that was enabled
    /// before.
    #[derive(Debug, Default)]
    pub struct Notify {
        calls: Mutex<usize>,
        called: Condvar,
    }

    impl Notify {
        pub fn notify_waiters(&self) {
            *self.calls.lock().unwrap() += 1;
            self.called.notify_all();
        }

        /// Enabled at once.
        pub fn notified(&self) -> Notified<'_> {
            Notified { notify: self, seen: *self.calls.lock().unwrap() }
        }
    }

    pub struct Notified<'a> {
        notify: &'a Notify,
        seen: usize,
    }

    impl Notified<'_> {
        pub fn wait(self) {
            let mut calls = self.notify.calls.lock().unwrap();
            while *calls == self.seen {
                calls = self.notify.called.wait(calls).unwrap();
            }
        }
    }
}
