//! The parts of a request that are kept to send it again.

use crate::replay::head::Head;

/// What is needed to send a request again.
pub(crate) struct KeptRequest<I, K> {
    /// Not ready.
    pub(crate) service: I,
    pub(crate) head: Head,
    /// None if the body cannot be sent again.
    pub(crate) body: Option<K>,
}
