//! What a request leaves behind so that it can be sent again.

use crate::replay::head::Head;

/// What it takes to send a request again.
pub(crate) struct KeptRequest<I, K> {
    /// Not ready.
    pub(crate) service: I,
    pub(crate) head: Head,
    /// None if there is no other body.
    pub(crate) body: Option<K>,
}
