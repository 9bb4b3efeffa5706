//! Compares how other crates and this crate's layer put a current credential into a request, in one
//! run.
//!
//! This is the steady state: the token is valid for hours, so nothing renews it. The floors, the request, the
//! clock and the rounds are those of the main package's benches (`benches/common`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod chart;
#[path = "../../common/mod.rs"]
mod common;
mod counts;
mod field;
mod machine;
mod peer;
mod report;
mod rounds;
mod row;
mod rows;

pub use field::allocations;
pub use report::run;
