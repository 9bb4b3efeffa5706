//! What the crate uses of `std` and of `arc-swap`, in shuttle's words: each use is a point at which another thread
//! may go first.

#[path = "../../arc_swap.rs"]
mod arc_swap;

pub use std::*;

pub use self::arc_swap::{ArcSwapOption, Guard};

pub mod sync {
    pub use shuttle::sync::{Mutex, MutexGuard};
    pub use std::sync::{Arc, LockResult, OnceLock, PoisonError};

    pub mod atomic {
        pub use shuttle::sync::atomic::*;
    }
}
