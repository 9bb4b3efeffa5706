//! Small things that every folder uses. They use nothing else of this crate.

pub(crate) mod as_str;
pub(crate) mod bounds;
#[cfg(any(feature = "client", feature = "oauth"))]
pub(crate) mod der;
pub(crate) mod headers;
#[cfg(any(feature = "client", feature = "oauth"))]
pub(crate) mod pem;
pub(crate) mod span;

/// Any error, as in tower's own layers.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The target of all `tracing` events and spans. It stays the same when code moves to another module.
pub(crate) const TARGET: &str = "tower_outbound_auth";
