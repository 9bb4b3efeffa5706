//! Texts that must stay secret: client secrets and tokens.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// A secret text. Its `Debug` shows nothing of it. Clones share the text. It is wiped from memory when the last clone
/// is dropped.
///
/// There is no `Display` and no comparison. [`expose`](Secret::expose) is the only access to the
/// text, so a search for that word finds every use.
///
/// ```
/// use tower_outbound_auth::Secret;
///
/// let secret = Secret::from("hunter2");
/// assert_eq!(secret.expose(), "hunter2");
/// assert_eq!(format!("{secret:?}"), "Secret(…)");
/// ```
///
/// The crate cannot wipe copies that it does not own, such as the buffers of an HTTP client or of TLS.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(Arc::new(Zeroizing::new(text)))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Secret {
        Secret::from(text.to_owned())
    }
}

/// For configurations and answers. There is no `Serialize`, so that no secret is written by accident.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::from)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
