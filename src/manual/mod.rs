//! The manual. It has text only.
//!
//! - [`stacking`]: where the layer belongs in a stack.
//! - [`defaults`]: all defaults, with their reasons.

pub mod defaults;
pub mod stacking;
