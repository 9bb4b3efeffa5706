//! The processor time of this thread or process. Other work of the machine does not count.

#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::time::{ClockId, clock_gettime};

/// Of this thread.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn nanos() -> f64 {
    by(ClockId::ThreadCPUTime)
}

/// Of all threads of this process.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn of_process() -> f64 {
    by(ClockId::ProcessCPUTime)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn by(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Without such a clock: the elapsed time.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn of_process() -> f64 {
    nanos()
}

/// Without such a clock: the elapsed time.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[allow(clippy::disallowed_methods)]
pub(crate) fn nanos() -> f64 {
    use std::sync::OnceLock;
    use std::time::Instant;

    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e9
}
