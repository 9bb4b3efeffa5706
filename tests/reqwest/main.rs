//! reqwest with the layer, in every way to combine them: over loopback sockets, plain and with TLS, and
//! in memory if only the request below matters.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod adapters;
mod bodies;
mod carried;
mod leaks;
#[path = "../support/log.rs"]
mod log;
mod middlewares;
mod proxies;
mod recovery;
mod redirects;
mod second_sendings;
mod server;
mod token_endpoint;
