//! Clocks that a test controls.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::clock::{self, Clock, Now, Sleep};

/// The first time of the wall clocks: 2025-01-01T00:00:00Z.
const NEW_YEAR: Duration = Duration::from_secs(1_735_689_600);

/// A clock that moves only when the test moves it. Clones are the same clock.
///
/// It does not use tokio's clock. So it also works in tests with real sockets or several runtimes. A sleep on this clock ends
/// when the clock is moved past the end of the sleep.
///
/// ```
/// use std::time::Duration;
/// use tower_outbound_auth::clock::Clock;
/// use tower_outbound_auth::testkit::ManualClock;
///
/// let clock = ManualClock::new();
/// let start = clock.now();
/// clock.advance(Duration::from_secs(10));
/// assert_eq!(clock.now().since(start), Duration::from_secs(10));
///
/// clock.suspend(Duration::from_secs(3_600)); // the laptop is closed: only the wall clock moves
/// assert_eq!(clock.now().since(start), Duration::from_secs(10));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Manual>>);

#[derive(Debug)]
struct Manual {
    monotonic: Duration,
    wall: SystemTime,
    sleepers: Vec<(Duration, Waker)>,
}

impl ManualClock {
    /// A clock at 2025-01-01T00:00:00Z.
    #[must_use]
    pub fn new() -> ManualClock {
        ManualClock(Arc::new(Mutex::new(Manual {
            monotonic: Duration::from_secs(1_000),
            wall: UNIX_EPOCH + NEW_YEAR,
            sleepers: Vec::new(),
        })))
    }

    /// Moves both clocks forward.
    pub fn advance(&self, time: Duration) {
        let mut manual = self.lock();
        manual.monotonic = manual.monotonic.saturating_add(time);
        manual.wall = manual.wall.checked_add(time).unwrap_or(manual.wall);
        let now = manual.monotonic;
        let (due, later) = manual.sleepers.drain(..).partition(|(until, _)| *until <= now);
        manual.sleepers = later;
        drop(manual);
        let due: Vec<(Duration, Waker)> = due;
        for (_, waker) in due {
            waker.wake();
        }
    }

    /// Acts as if the machine had been suspended: the wall clock moves, the monotonic clock does not, and no sleep ends.
    pub fn suspend(&self, time: Duration) {
        let mut manual = self.lock();
        manual.wall = manual.wall.checked_add(time).unwrap_or(manual.wall);
    }

    /// Sets the wall clock.
    pub fn set_wall(&self, wall: SystemTime) {
        self.lock().wall = wall;
    }

    fn lock(&self) -> MutexGuard<'_, Manual> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    fn default() -> ManualClock {
        ManualClock::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        let manual = self.lock();
        Now::new(manual.monotonic, manual.wall)
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let until = self.lock().monotonic.saturating_add(duration);
        Box::pin(ManualSleep { clock: self.clone(), until })
    }
}

struct ManualSleep {
    clock: ManualClock,
    until: Duration,
}

impl Future for ManualSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut manual = self.clock.lock();
        if manual.monotonic >= self.until {
            return Poll::Ready(());
        }
        let waiting = |(until, waker): &(Duration, Waker)| {
            *until == self.until && waker.will_wake(cx.waker())
        };
        if !manual.sleepers.iter().any(waiting) {
            manual.sleepers.push((self.until, cx.waker().clone()));
        }
        Poll::Pending
    }
}

/// Tokio's clock: under `#[tokio::test(start_paused = true)]`, time moves by itself to the next timer
/// when all tasks wait, and by `tokio::time::advance`.
///
/// Use it within one runtime. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct TokioClock {
    start: tokio::time::Instant,
    /// How far the wall clock was moved without the other clock.
    suspended: Arc<Mutex<Duration>>,
}

impl TokioClock {
    /// Tokio's clock, with the wall clock at 2025-01-01T00:00:00Z.
    #[must_use]
    pub fn new() -> TokioClock {
        TokioClock { start: clock::tokio_now(), suspended: Arc::default() }
    }

    /// Acts as if the machine had been suspended: the wall clock moves, the monotonic clock does not.
    pub fn suspend(&self, time: Duration) {
        *self.suspended.lock().unwrap_or_else(PoisonError::into_inner) += time;
    }
}

impl Default for TokioClock {
    fn default() -> TokioClock {
        TokioClock::new()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Now {
        let elapsed = clock::tokio_now().saturating_duration_since(self.start);
        let suspended = *self.suspended.lock().unwrap_or_else(PoisonError::into_inner);
        Now::new(elapsed, UNIX_EPOCH + NEW_YEAR + elapsed + suspended)
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}
