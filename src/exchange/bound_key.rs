//! A key that tokens are bound to (DPoP, RFC 9449), as a store keeps it with a login.

use std::fmt;
use std::sync::Arc;

use crate::secret::Secret;

/// A key that tokens are bound to.
#[derive(Clone)]
pub struct BoundKey {
    /// The SHA-256 thumbprint of its public half (RFC 7638).
    pub(crate) thumbprint: Arc<str>,
    /// The private half, if this process has made it. A key that the user gives is kept by the user.
    #[cfg_attr(not(any(feature = "oauth", feature = "store")), allow(dead_code))]
    pub(crate) private: Option<Secret>,
}

impl BoundKey {
    /// A key that is known by its thumbprint only.
    #[cfg_attr(not(feature = "store"), allow(dead_code))]
    pub(crate) fn known_by(thumbprint: &str) -> BoundKey {
        BoundKey { thumbprint: thumbprint.into(), private: None }
    }
}

/// Does not show the private half.
impl fmt::Debug for BoundKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundKey").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}
