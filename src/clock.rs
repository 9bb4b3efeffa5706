//! The clocks. Only this file reads a clock.
//!
//! A token's end is judged by two clocks at once ([`Now`]). The monotonic clock cannot be set back or
//! forward, but it stands still while a machine is suspended; the wall clock keeps going during a
//! suspend, but somebody may set it. A moment has come when *either* clock says so: a token that is
//! expired by one clock is not sent.
//!
//! [`SystemClock`] is the default. Another [`Clock`] is for tests (see `testkit`, feature
//! `test-util`) and for simulations:
//!
//! ```
//! use std::time::Duration;
//! use tower_outbound_auth::clock::{Clock, SystemClock};
//!
//! let now = SystemClock::new().now();
//! let soon = now + Duration::from_secs(5);
//! assert!(!now.has_reached(soon));
//! assert!(soon.has_reached(soon), "a moment is reached exactly at its time");
//! ```

use std::fmt;
use std::future::Future;
use std::ops::{Add, Sub};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time on both clocks, read together.
///
/// Stored in nanoseconds, which suffices for 584 years. Sums saturate. Readings have no order,
/// because the two clocks may disagree: use [`has_reached`](Now::has_reached).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Now {
    mono: u64,
    wall: u64,
}

impl Now {
    /// Later than any reading: this moment never comes.
    pub const NEVER: Now = Now { mono: u64::MAX, wall: u64::MAX };

    /// A reading. `monotonic` counts from any fixed point; `wall` is a point in time.
    ///
    /// A wall clock before 1970 counts as 1970, and one after 2554 as 2554. Every moment after that
    /// is [`NEVER`](Now::NEVER) on the wall clock, and the monotonic clock decides alone.
    #[must_use]
    pub fn new(monotonic: Duration, wall: SystemTime) -> Now {
        let wall = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let before_never = |reading: u64| reading.min(u64::MAX - 1);
        Now { mono: before_never(nanos(monotonic)), wall: before_never(nanos(wall)) }
    }

    /// The monotonic clock, since its own fixed point.
    #[must_use]
    pub fn monotonic(self) -> Duration {
        Duration::from_nanos(self.mono)
    }

    /// The wall clock, since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn since_epoch(self) -> Duration {
        Duration::from_nanos(self.wall)
    }

    /// Whether `moment` has come, by either clock.
    #[inline]
    #[must_use]
    pub fn has_reached(self, moment: Now) -> bool {
        self.mono >= moment.mono || self.wall >= moment.wall
    }

    /// The time until `moment`, by the clock that reaches it first. Zero if it has come.
    #[must_use]
    pub fn until(self, moment: Now) -> Duration {
        let mono = moment.mono.saturating_sub(self.mono);
        let wall = moment.wall.saturating_sub(self.wall);
        Duration::from_nanos(mono.min(wall))
    }

    /// The time since `moment`, by the monotonic clock. Zero if it has not come.
    #[must_use]
    pub fn since(self, moment: Now) -> Duration {
        Duration::from_nanos(self.mono.saturating_sub(moment.mono))
    }

    /// The earlier of two moments, on each clock.
    pub(crate) fn earliest(self, other: Now) -> Now {
        Now { mono: self.mono.min(other.mono), wall: self.wall.min(other.wall) }
    }

    /// The later of two moments, on each clock.
    pub(crate) fn latest(self, other: Now) -> Now {
        Now { mono: self.mono.max(other.mono), wall: self.wall.max(other.wall) }
    }

    /// The wall clock's reading as a number, for an atomic.
    #[inline]
    pub(crate) fn wall_nanos(self) -> u64 {
        self.wall
    }

    /// The monotonic clock's reading as a number, for an atomic.
    #[inline]
    pub(crate) fn mono_nanos(self) -> u64 {
        self.mono
    }
}

/// The moment `rhs` later, on both clocks; saturates.
impl Add<Duration> for Now {
    type Output = Now;

    fn add(self, rhs: Duration) -> Now {
        let rhs = nanos(rhs);
        Now { mono: self.mono.saturating_add(rhs), wall: self.wall.saturating_add(rhs) }
    }
}

/// The moment `rhs` earlier, on both clocks; saturates.
impl Sub<Duration> for Now {
    type Output = Now;

    fn sub(self, rhs: Duration) -> Now {
        let rhs = nanos(rhs);
        Now { mono: self.mono.saturating_sub(rhs), wall: self.wall.saturating_sub(rhs) }
    }
}

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Now::NEVER {
            return f.write_str("Now(never)");
        }
        write!(f, "Now({:?}, epoch + {:?})", self.monotonic(), self.since_epoch())
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A future that ends when a [`Clock`] says that a time has passed.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where the crate gets the time.
///
/// The clock is read once for every request, so [`now`](Clock::now) has to be cheap; a resolution of
/// 10 ms is enough. Deadlines of exchanges and waits use [`sleep`](Clock::sleep) of the same clock.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no clock",
    label = "not a `Clock`",
    note = "the machine's, `SystemClock`, is the default; tests take `ManualClock` or `TokioClock` of \
            `tower_outbound_auth::testkit`"
)]
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Reads both clocks.
    fn now(&self) -> Now;

    /// A future that ends once `duration` has passed on the monotonic clock.
    ///
    /// It is always called from within a tokio runtime. Dropping the future cancels it.
    fn sleep(&self, duration: Duration) -> Sleep;
}

/// The machine's clocks, at a resolution of a few milliseconds.
///
/// On Linux and Android these are the kernel's coarse clocks. They have a resolution of 4 ms at the
/// usual tick, and cost a quarter of an exact reading. Elsewhere they are the standard library's
/// clocks.
///
/// Sleeping uses tokio's timer, so the runtime must be built with `enable_time` or `enable_all`.
/// Without the timer tokio panics. This crate catches the panic and returns an
/// [`ErrorKind::Runtime`](crate::ErrorKind::Runtime); with `panic = "abort"` the process ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock(());

impl SystemClock {
    /// The machine's clocks.
    #[must_use]
    pub fn new() -> SystemClock {
        SystemClock(())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        system::now()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Sleeps on a clock. None if the tokio runtime was built without a timer: tokio panics then, and there is no other way
/// to find out.
pub(crate) fn try_sleep(clock: &dyn Clock, duration: Duration) -> Option<Sleep> {
    catch_unwind(AssertUnwindSafe(|| clock.sleep(duration))).ok()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use rustix::time::{ClockId, Timespec, clock_gettime};

    use crate::clock::Now;

    pub(crate) fn now() -> Now {
        Now {
            mono: nanos(clock_gettime(ClockId::MonotonicCoarse)),
            wall: nanos(clock_gettime(ClockId::RealtimeCoarse)),
        }
    }

    /// A clock before its zero counts as zero.
    fn nanos(time: Timespec) -> u64 {
        let secs = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
        secs.saturating_mul(1_000_000_000).saturating_add(nanos)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[allow(clippy::disallowed_methods)] // only this file may read a clock
mod system {
    use std::sync::OnceLock;
    use std::time::{Instant, SystemTime};

    use crate::clock::Now;

    static START: OnceLock<Instant> = OnceLock::new();

    pub(crate) fn now() -> Now {
        let start = *START.get_or_init(Instant::now);
        Now::new(start.elapsed(), SystemTime::now())
    }
}

/// How long ago a file was changed, by the machine's clock. None if the change is in the future.
pub(crate) fn age_of(modified: SystemTime) -> Option<Duration> {
    #[allow(clippy::disallowed_methods)] // only this file may read a clock
    let now = SystemTime::now();
    now.duration_since(modified).ok()
}

#[cfg(feature = "test-util")]
pub(crate) fn tokio_now() -> tokio::time::Instant {
    #[allow(clippy::disallowed_methods)] // only this file may read a clock
    tokio::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono: u64, wall: u64) -> Now {
        Now::new(Duration::from_secs(mono), UNIX_EPOCH + Duration::from_secs(wall))
    }

    #[test]
    fn a_moment_has_come_if_either_clock_has_reached_it() {
        let end = at(10, 1_000) + Duration::from_secs(60);
        assert!(!at(69, 1_059).has_reached(end));
        assert!(at(70, 1_059).has_reached(end), "the monotonic clock alone has reached it");
        assert!(
            at(10, 1_060).has_reached(end),
            "the wall clock alone has reached it, after a suspend"
        );
        assert_eq!(at(20, 1_050).until(end), Duration::from_secs(10), "the nearer clock counts");
    }

    #[test]
    fn readings_at_the_edges_saturate() {
        let late = Now::new(Duration::MAX, UNIX_EPOCH + Duration::from_secs(u64::MAX >> 2));
        let edge = late + Duration::from_secs(1);
        assert_eq!(edge, Now::NEVER);
        assert!(!late.has_reached(edge));
        let before_1970 = Now::new(Duration::ZERO, UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(before_1970.since_epoch(), Duration::ZERO);
        assert_eq!(at(1, 1).since(at(2, 2)), Duration::ZERO);
        assert_eq!(format!("{edge:?}"), "Now(never)");
    }

    #[test]
    fn the_system_clock_does_not_run_backwards() {
        let clock = SystemClock::new();
        let first = clock.now();
        assert!(clock.now().monotonic() >= first.monotonic());
        assert!(first.since_epoch() > Duration::from_secs(1_700_000_000));
    }
}
