//! What others do to put a current credential into a request, beside this crate's layer, in one run.
//!
//! The steady state: the token is there and is good for hours, so nobody renews. The floors, the request, the
//! clock and how rounds become figures are those of the main package's benches (`benches/common`).
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
