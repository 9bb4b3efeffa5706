//! References to credentials, for configuration files: the place of a credential, not its value.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::credential::Credential;
use crate::credential::error::{CredentialError, CredentialErrorKind};
use crate::secret::Secret;

/// The form of a reference. The given text is not quoted, because it may be the secret itself.
const FORMS: &str = "a reference to a credential is `file:/path` or `env:NAME`";

impl Credential {
    /// The credential that a reference names: `file:/run/secrets/client-secret` or `env:CLIENT_SECRET`.
    ///
    /// A configuration file may contain a reference, but should not contain a secret. `Deserialize` reads a reference
    /// too. A text that is given to `Credential::from` is always a value, and never a reference.
    ///
    /// ```
    /// use tower_outbound_auth::Credential;
    ///
    /// let credential = Credential::from_reference("env:ATLAS_CLIENT_SECRET")?;
    /// assert_eq!(credential.to_string(), "environment variable ATLAS_CLIENT_SECRET");
    /// assert!(Credential::from_reference("hunter2").is_err());
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the text is no reference. The error does not contain the text. This does not check whether the file or the
    /// variable exists: it is read before the first exchange.
    pub fn from_reference(reference: &str) -> Result<Credential, CredentialError> {
        let wrong = |why: &str| {
            let message = format!("{FORMS}; this one {why}");
            CredentialError::new(CredentialErrorKind::Unusable, message)
        };
        match reference.split_once(':') {
            Some(("file", "")) => Err(wrong("has no path")),
            Some(("file", path)) if path.starts_with("//") => {
                Err(wrong("is a URL: write one slash after `file:`"))
            }
            Some(("file", path)) => Ok(Credential::file(path)),
            Some(("env", "")) => Err(wrong("has no name")),
            Some(("env", name)) if name.contains(['=', '\0', ' ']) => {
                Err(wrong("has a name that no environment variable can have"))
            }
            Some(("env", name)) => Ok(Credential::env(name)),
            _ => Err(wrong("is neither of these")),
        }
    }
}

/// Reads a [reference](Credential::from_reference). The errors do not contain the text.
///
/// ```
/// use tower_outbound_auth::Credential;
///
/// #[derive(serde::Deserialize)]
/// struct Config {
///     secret: Credential,
/// }
/// let config: Config = serde_json::from_str(r#"{"secret": "file:/run/secrets/atlas"}"#)?;
/// assert_eq!(config.secret.to_string(), "file /run/secrets/atlas");
/// # Ok::<_, serde_json::Error>(())
/// ```
impl<'de> Deserialize<'de> for Credential {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Credential, D::Error> {
        deserializer.deserialize_any(Read)
    }
}

/// serde's own error for a wrong type would quote the value.
struct Read;

impl<'de> Visitor<'de> for Read {
    type Value = Credential;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FORMS)
    }

    fn visit_str<E: Error>(self, reference: &str) -> Result<Credential, E> {
        Credential::from_reference(reference).map_err(E::custom)
    }

    fn visit_string<E: Error>(self, reference: String) -> Result<Credential, E> {
        self.visit_str(Secret::from(reference).expose())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Credential, E> {
        Err(E::custom(FORMS))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Credential, E> {
        Err(E::custom(FORMS))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Credential, E> {
        Err(E::custom(FORMS))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Credential, E> {
        Err(E::custom(FORMS))
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Credential, E> {
        Err(E::custom(FORMS))
    }

    fn visit_unit<E: Error>(self) -> Result<Credential, E> {
        Err(E::custom(FORMS))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Credential, A::Error> {
        Err(A::Error::custom(FORMS))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Credential, A::Error> {
        Err(A::Error::custom(FORMS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_a_file_or_a_variable() {
        let shown = |reference| Credential::from_reference(reference).map(|it| it.to_string());
        assert_eq!(shown("file:/run/secrets/a:b").unwrap(), "file /run/secrets/a:b");
        assert_eq!(shown("file:secrets/a").unwrap(), "file secrets/a");
        assert_eq!(shown("env:SECRET").unwrap(), "environment variable SECRET");
    }

    #[test]
    fn the_error_for_a_text_that_is_no_reference_does_not_quote_it() {
        let secrets =
            ["hunter2", "", "hunter2:x", "FILE:/hunter2", " env:hunter2", "env:hunter2=1"];
        for text in secrets.into_iter().chain(["file:", "env:", "file:///hunter2", "env:hunter2 "])
        {
            let error = Credential::from_reference(text).unwrap_err().to_string();
            assert!(error.contains("`file:/path` or `env:NAME`"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_deserializer_does_not_quote_a_text_that_is_no_reference() {
        for json in ["\"hunter2\"", "4711", "{\"hunter2\":1}", "[\"hunter2\"]", "null", "true"] {
            let error = serde_json::from_str::<Credential>(json).unwrap_err().to_string();
            assert!(error.starts_with(FORMS), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("4711"), "{error}");
        }
        #[derive(Debug, serde::Deserialize)]
        struct Config {
            #[allow(dead_code)]
            secret: Credential,
        }
        let error = serde_json::from_str::<Config>("{}").unwrap_err().to_string();
        assert!(error.starts_with("missing field `secret`"), "{error}");
    }
}
