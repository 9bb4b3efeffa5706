//! OAuth 2.0 (RFC 6749), for clients that act on their own behalf.

pub(crate) mod answer;
pub(crate) mod builder;
pub(crate) mod claims;
pub(crate) mod client;
pub(crate) mod client_auth;
pub(crate) mod client_credentials;
pub(crate) mod clocks;
pub(crate) mod details;
pub(crate) mod discovery;
#[cfg(feature = "oauth")]
pub(crate) mod dpop;
pub(crate) mod ended;
pub(crate) mod grant;
pub(crate) mod hint;
#[cfg(feature = "oauth")]
pub(crate) mod key;
pub(crate) mod params;
pub(crate) mod preset;
pub(crate) mod refresh;
pub(crate) mod refused;
pub(crate) mod refused_assertion;
#[cfg(feature = "oauth")]
pub(crate) mod signed;
pub(crate) mod subject;
pub(crate) mod system;
pub(crate) mod way;
