//! What is kept of a request, so that it can be sent again.

use crate::replay::head::Head;

/// What is needed to send a request again.
pub(crate) struct KeptRequest<I, K> {
    /// Not ready.
    pub(crate) service: I,
    pub(crate) head: Head,
    /// None if there is no other body.
    pub(crate) body: Option<K>,
}
