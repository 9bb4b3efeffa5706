//! The manual: text, and no code.
//!
//! - [`stacking`]: where the layer belongs among others.
//! - [`defaults`]: every number, and its reason.

pub mod defaults;
pub mod stacking;
