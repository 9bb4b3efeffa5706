//! The parts of `std` and of `arc-swap` that the crate uses, made with shuttle's types. At each use, another
//! thread may run first.

#[path = "../../arc_swap.rs"]
mod arc_swap;

pub use std::*;

pub use self::arc_swap::{ArcSwapOption, Guard};

pub mod sync {
    pub use shuttle::sync::{Mutex, MutexGuard};
    pub use std::sync::{Arc, LockResult, OnceLock, PoisonError, Weak};

    pub mod atomic {
        pub use shuttle::sync::atomic::*;
    }
}
