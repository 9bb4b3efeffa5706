//! All that is logged, at TRACE level, by this crate and by what it is built on.
#![allow(dead_code)] // each suite uses its part

use std::io::Write;
use std::sync::{Arc, Mutex};

use tokio::runtime::Builder;
use tracing::dispatcher::DefaultGuard;
use tracing::{Dispatch, Level};

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// All that is logged on this thread, until the guard is dropped.
    pub(crate) fn on_this_thread(&self) -> Guard {
        // With one dispatcher in the process, an event that another thread's test meets first would be off for
        // good: tracing asks that thread's subscriber alone, which is none. With two, it asks them all.
        let second = Dispatch::new(tracing_subscriber::registry());
        Guard { set: tracing::dispatcher::set_default(&self.dispatch()), second }
    }

    /// All that is logged in the process, if it is set for all of it. For one thread, there is
    /// [`on_this_thread`](Log::on_this_thread).
    pub(crate) fn dispatch(&self) -> Dispatch {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        Dispatch::new(subscriber)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

pub(crate) struct Guard {
    set: DefaultGuard,
    second: Dispatch,
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// All that `story` logs, on whatever task: the runtime has this one thread.
pub(crate) fn log_of(story: impl Future<Output = ()>) -> String {
    log_on(Builder::new_current_thread().enable_all(), story)
}

/// The same, with a clock that moves by timers alone.
pub(crate) fn log_in_paused_time(story: impl Future<Output = ()>) -> String {
    log_on(Builder::new_current_thread().enable_all().start_paused(true), story)
}

fn log_on(runtime: &mut Builder, story: impl Future<Output = ()>) -> String {
    let log = Log::default();
    let guard = log.on_this_thread();
    runtime.build().unwrap().block_on(story);
    drop(guard);
    log.text()
}
