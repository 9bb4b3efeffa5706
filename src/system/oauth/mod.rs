//! OAuth 2.0 (RFC 6749), for clients that act for themselves.

pub(crate) mod answer;
pub(crate) mod client_auth;
pub(crate) mod client_credentials;
pub(crate) mod hint;
pub(crate) mod refresh;
