//! Private keys, and the JWTs that they sign (RFC 7515, RFC 7519, RFC 7523).
//!
//! [`SigningKey`] is a key, and [`JwtKey`] is the place of a key. An assertion is claims and a key: each request on the
//! wire gets a new one.
//!
//! ```
//! use tower_outbound_auth::Credential;
//! use tower_outbound_auth::system::{JwtKey, SigningKey};
//!
//! // Read before each exchange, so that a key which is rotated on disk is used at once.
//! let key = JwtKey::new(Credential::file("/run/secrets/billing.pem"));
//! assert!(SigningKey::parse("hunter2").unwrap_err().to_string().contains("no private key"));
//! # let _ = key;
//! ```

pub(crate) mod algorithm;
pub(crate) mod assertion;
pub(crate) mod certificate;
pub(crate) mod certified_key;
pub(crate) mod claims;
pub(crate) mod client_claims;
pub(crate) mod flaw;
pub(crate) mod jwk;
pub(crate) mod jws;
pub(crate) mod jwt_key;
pub(crate) mod kept_key;
pub(crate) mod pair;
pub(crate) mod pem;
pub(crate) mod pkcs8;
pub(crate) mod provider_claims;
pub(crate) mod public;
pub(crate) mod signing_key;
#[cfg(test)]
mod tests;

pub use self::algorithm::Algorithm;
pub use self::jwt_key::JwtKey;
pub use self::signing_key::SigningKey;
