//! What is particular to one stack: a module and a feature each.
//!
//! | module | feature | for |
//! |---|---|---|
#![cfg_attr(
    feature = "axum",
    doc = "| [`axum`] | `axum` | requests that are forwarded with the body they came with |"
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
//! Hyper needs none: its clients are services of `http` requests as they are. For the order of layers, see
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
