use std::time::{Duration, UNIX_EPOCH};

use http::HeaderValue;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::clock::Now;
use crate::exchange::chain::SourceId;
use crate::exchange::extra::Extra;
use crate::secret::Secret;
use crate::token::machine::Machine;
use crate::token::machine::events::Generation;
use crate::token::machine::window::Window;
use crate::token::options::Presented;
use crate::token::published::{Age, Cell, Published};

/// The subject of a model: the published token, and the threads that write it.
struct Source {
    cell: Cell,
    machine: Mutex<Machine>,
    /// The end of a refresh, as the waiting callers see it.
    landed: AtomicBool,
}

impl Source {
    /// With a token that is due for renewal, and a refresh under way.
    fn new() -> Arc<Source> {
        let machine = Machine { quiet_until: Some(Now::NEVER), ..Machine::default() };
        let source = Source {
            cell: Cell::new(),
            machine: Mutex::new(machine),
            landed: AtomicBool::new(false),
        };
        source.adopt(at(0));
        Arc::new(source)
    }

    /// Like `Core::publish`: publishes the next token, under the lock.
    fn adopt(&self, refresh_at: Now) {
        let mut machine = self.machine.lock().unwrap();
        machine.generation += 1;
        let token = Published {
            secret: Secret,
            presented: Presented { value: HeaderValue::from_static("token"), per_request: None },
            generation: Generation::of(machine.generation),
            window: Window { refresh_at, margin_at: at(100), ends_at: at(110) },
            line: None,
            source: SourceId,
            extra: Extra,
        };
        let old = self.cell.publish(token.into());
        self.cell.publish_flags(machine.flags());
        drop(machine);
        drop(old);
    }

    /// Like `Core::finished` for an exchange that failed.
    fn pause(&self, until: Option<Now>) {
        let mut machine = self.machine.lock().unwrap();
        (machine.quiet_until, machine.paused_until) = (until, until);
        self.cell.publish_flags(machine.flags());
    }

    /// Like the end of `Refresh::run`.
    fn wake(&self) {
        self.landed.store(true, Ordering::Release);
    }

    fn has_landed(&self) -> bool {
        self.landed.load(Ordering::Acquire)
    }

    /// The token of a request now, and its age as the request sees it.
    fn read(&self) -> (u64, Age) {
        let read = self.cell.read(at(50)).unwrap();
        (read.published().unwrap().generation.number(), read.age)
    }
}

/// This many seconds from the beginning, on both clocks.
fn at(secs: u64) -> Now {
    let since = Duration::from_secs(secs);
    Now::new(since, UNIX_EPOCH + since)
}

/// Runs `story` on a thread of its own.
fn meanwhile(source: &Arc<Source>, story: fn(&Source)) -> thread::JoinHandle<()> {
    let source = source.clone();
    thread::spawn(move || story(&source))
}

#[test]
fn a_thread_that_sees_the_end_of_a_refresh_sees_its_token() {
    loom::model(|| {
        let source = Source::new();
        let refresh = meanwhile(&source, |source| {
            source.adopt(at(90));
            source.wake();
        });
        if source.has_landed() {
            assert_eq!(source.read().0, 2);
        }
        refresh.join().unwrap();
    });
}

#[test]
fn a_thread_that_sees_a_failed_refresh_sees_the_pause_after_it() {
    loom::model(|| {
        let source = Source::new();
        let refresh = meanwhile(&source, |source| {
            source.pause(Some(at(60)));
            source.wake();
        });
        if source.has_landed() {
            let read = source.cell.read(at(50)).unwrap();
            assert!(!read.ageing, "there is nothing to wait for");
        }
        refresh.join().unwrap();
    });
}

#[test]
fn no_thread_sees_an_older_token_after_a_newer_one() {
    // Three threads have too many orders to try all of them.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let source = Source::new();
        let refresh = meanwhile(&source, |source| source.adopt(at(90)));
        let rotation = meanwhile(&source, |source| source.adopt(at(90)));
        let (first, second) = (source.read().0, source.read().0);
        assert!(first <= second, "{second} after {first}");
        refresh.join().unwrap();
        rotation.join().unwrap();
        assert_eq!(source.read().0, 3);
    });
}

#[test]
fn the_age_of_a_token_is_read_correctly() {
    loom::model(|| {
        let source = Source::new();
        let refresh = meanwhile(&source, |source| source.adopt(at(90)));
        let (generation, age) = source.read();
        assert_eq!(generation == 2, age == Age::Fresh);
        refresh.join().unwrap();
    });
}

/// Its two halves are written one after the other.
#[test]
fn a_second_pause_never_looks_like_the_end_of_the_first() {
    loom::model(|| {
        let source = Source::new();
        source.pause(Some(at(60)));
        let event = meanwhile(&source, |source| source.pause(Some(at(70))));
        assert_eq!(source.read().1, Age::Stale, "asking changes nothing before either");
        event.join().unwrap();
    });
}

#[test]
fn a_thread_that_sees_the_end_of_a_pause_can_start_a_refresh() {
    loom::model(|| {
        let source = Source::new();
        source.pause(Some(at(60)));
        let operator = meanwhile(&source, |source| {
            source.pause(None);
            source.wake();
        });
        if source.has_landed() {
            assert_eq!(source.read().1, Age::Due);
        }
        operator.join().unwrap();
    });
}
