//! The manual: text, and no code.
//!
//! - [`defaults`]: every number, and its reason.

pub mod defaults;
