//! Small things that every folder needs. They use none of ours.

pub(crate) mod as_str;
pub(crate) mod bounds;
pub(crate) mod headers;

/// Any error, as tower's own layers use it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The target of all `tracing` events. It stays the same when code moves to another module.
pub(crate) const TARGET: &str = "tower_outbound_auth";
