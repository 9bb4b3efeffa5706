//! What an embedded server counts.

/// What an [`EmbeddedServer`](super::EmbeddedServer) has counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerCounts {
    /// Requests to the token endpoint, and to the refresh endpoint if there is one, when they arrive.
    pub exchanges: usize,
    /// Of these, the ones that brought or should have brought a refresh token.
    pub refreshes: usize,
    /// Exchanges that were answered with a token.
    pub exchanges_succeeded: usize,
    /// The most requests to the token endpoint that were under way at the same time: arrived, and neither
    /// answered nor given up by the client.
    pub most_exchanges_under_way: usize,
    /// Refresh tokens that were presented again after they had been spent.
    pub refresh_tokens_reused: usize,
    /// Requests to the API, when they arrive.
    pub requests: usize,
    /// Requests to the API that were answered with 200.
    pub accepted: usize,
    /// Requests to the API that were answered with 401.
    pub refused: usize,
    /// Tokens that answers of the API handed out in their headers.
    pub rotations: usize,
}
