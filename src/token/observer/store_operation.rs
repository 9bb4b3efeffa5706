//! What observers are told about a store.
//!
//! ```
//! use tower_outbound_auth::token::{EventKind, StoreOutcome};
//!
//! /// Whether the store of a login does not work.
//! fn is_alarming(event: &EventKind<'_>) -> bool {
//!     match event {
//!         EventKind::StoreOperationFinished { outcome, .. } => matches!(
//!             outcome,
//!             StoreOutcome::Unreachable | StoreOutcome::Configuration | StoreOutcome::GaveUp
//!         ),
//!         _ => false,
//!     }
//! }
//! # let _ = is_alarming;
//! ```

/// What a [store](crate::store) was asked for: the names are those of its methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreOperation {
    /// All that is stored.
    Load,
    /// The lease, or a newer token.
    Acquire,
    /// To keep the refresh token before it is sent.
    Keep,
    /// To keep a new token.
    Publish,
    /// To end the lease.
    Release,
}

crate::basics::as_str::impl_as_str!(StoreOperation {
    Load => "load",
    Acquire => "acquire",
    Keep => "keep",
    Publish => "publish",
    Release => "release",
});

/// How a call of a [store](crate::store) ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreOutcome {
    /// It was done.
    Ok,
    /// Another process has published a newer token.
    Newer,
    /// Another process has the lease. The call is repeated.
    Busy,
    /// Nothing was stored, because another process has taken over the lease.
    Superseded,
    /// The store did not answer. A later call may succeed.
    Unreachable,
    /// A person must correct something.
    Configuration,
    /// It had not ended when the exchange ended, at its deadline, say.
    GaveUp,
}

crate::basics::as_str::impl_as_str!(StoreOutcome {
    Ok => "ok",
    Newer => "newer",
    Busy => "busy",
    Superseded => "superseded",
    Unreachable => "unreachable",
    Configuration => "configuration",
    GaveUp => "gave_up",
});
