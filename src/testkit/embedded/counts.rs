//! What an embedded server counts.

/// What an [`EmbeddedServer`](super::EmbeddedServer) has counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerCounts {
    /// Requests to the token endpoint, and to the refresh endpoint if there is one, when they arrive.
    pub exchanges: usize,
    /// How many of these had, or should have had, a refresh token.
    pub refreshes: usize,
    /// Exchanges that were answered with a token.
    pub exchanges_succeeded: usize,
    /// The largest number of requests to the token endpoint at the same time. A request counts from its arrival until it is
    /// answered or its client gives up.
    pub most_exchanges_under_way: usize,
    /// Requests with a refresh token that had been used before.
    pub refresh_tokens_reused: usize,
    /// Requests to the API, when they arrive.
    pub requests: usize,
    /// Requests to the API that were answered with 200.
    pub accepted: usize,
    /// Requests to the API that were answered with 401.
    pub refused: usize,
    /// Tokens that answers of the API sent in their headers.
    pub rotations: usize,
}
