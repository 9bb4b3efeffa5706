//! Promise 18, by canaries: secrets go every way over real sockets, and must not appear in any written text: no
//! log at TRACE level of any crate, no `Debug`, no error or source of an error, no gRPC status, no output of a
//! panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod canary;
mod debug;
#[path = "../support/echo.rs"]
#[allow(dead_code)]
mod echo;
mod errors;
#[path = "../support/failing.rs"]
mod failing;
#[path = "../support/frames.rs"]
mod frames;
#[path = "../tonic/server.rs"]
#[allow(dead_code)]
mod grpc_server;
mod hpack;
mod keys;
#[path = "../support/log.rs"]
mod log;
mod oauth;
mod observer;
mod panics;
mod paths;
mod quoted;
#[cfg(feature = "metrics")]
#[path = "../observer/recorder.rs"]
mod recorder;
mod stacks;
mod systems;
#[path = "../../examples/common/timeline/mod.rs"]
mod timeline;
mod tonic;
mod trace;
mod wire;

use std::sync::OnceLock;

use self::log::Log;

/// Everything that is logged in this process from the first call on: by every crate, through `tracing` or
/// `log`, on every thread (some credentials are read on other threads).
pub(crate) fn log_of_all() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        tracing::dispatcher::set_global_default(log.dispatch()).unwrap();
        ::log::set_logger(&Bridge).unwrap();
        ::log::set_max_level(::log::LevelFilter::Trace);
        log
    })
}

/// reqwest logs through the crate `log`.
struct Bridge;

impl ::log::Log for Bridge {
    fn enabled(&self, _: &::log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &::log::Record<'_>) {
        tracing::trace!("by log: {} {} {:?}", record.target(), record.args(), record);
    }

    fn flush(&self) {}
}
