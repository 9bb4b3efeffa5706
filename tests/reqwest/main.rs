//! reqwest, by every way there is to put the layer over it: over loopback sockets, plain and TLS; and in
//! memory, where it is a matter of what reaches the client.
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
