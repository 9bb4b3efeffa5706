//! A client that shows a certificate to the token endpoint and to the API, over TLS on loopback. Both demand one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bound;
mod endpoint;
#[path = "../support/log.rs"]
mod log;
mod rotation;
mod server;
mod subscriber;
