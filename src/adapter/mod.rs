//! Adapters: one module and one feature for each stack.
//!
//! | module | feature | for |
//! |---|---|---|
#![cfg_attr(
    feature = "axum",
    doc = "| [`axum`] | `axum` | services that forward requests with their bodies |"
)]
#![cfg_attr(
    feature = "reqwest",
    doc = "| [`reqwest`] | `reqwest`, `reqwest-middleware` | clients that take requests of their own type |"
)]
#![cfg_attr(
    feature = "tonic",
    doc = "| [`tonic`] | `tonic` | generated clients: bodies, refusals and deadlines of gRPC, and its codes for this crate's errors |"
)]
//!
//! Hyper needs no adapter: its clients are services of `http` requests. For the order of layers, see
//! [`manual::stacking`](crate::manual::stacking).

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub mod axum;
#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
pub mod reqwest;
#[cfg(feature = "tonic")]
#[cfg_attr(docsrs, doc(cfg(feature = "tonic")))]
pub mod tonic;
