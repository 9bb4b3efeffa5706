//! Which key a token is bound to, for a store that keeps logins.

use crate::credential::Values;
use crate::exchange::bound_key::BoundKey;
use crate::exchange::error::ExchangeError;
use crate::secret::Secret;

/// The keys of a system whose tokens are bound to a key (DPoP, RFC 9449).
pub trait KeyBinding: Send + Sync {
    /// The key of an exchange that goes on with no login.
    ///
    /// # Errors
    ///
    /// If the key cannot be read.
    fn current(&self, values: Values<'_>) -> Result<BoundKey, ExchangeError>;

    /// Whether refresh tokens are bound to the key too: the client is public (RFC 9449 section 5).
    fn binds_refresh_tokens(&self) -> bool;

    /// The key of a token that an exchange has brought. None if the token is not bound.
    fn key_of(&self, token: &Secret) -> Option<BoundKey>;

    /// Another process has obtained this token, which is bound to this key. Returns whether this process has the key.
    fn adopt(&self, token: &Secret, key: &BoundKey, values: Values<'_>) -> bool;

    /// Whether a token that is not bound is used too.
    fn accepts_unbound(&self) -> bool;
}
