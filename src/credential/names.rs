//! What errors, logs and identities call a credential. None of these names has its value.

use std::fmt;

use crate::credential::{Credential, Place};

impl Credential {
    /// The place of the credential, for an identity. Two values never count as the same one, because neither of them may be
    /// shown there. Two providers do not either, even if they have the same name.
    pub(crate) fn id(&self) -> String {
        match self.0.place {
            Place::Value(number) => format!("value {number}"),
            Place::Provided(number, _) => format!("provider {number}"),
            _ => self.to_string(),
        }
    }

    /// Its kind, and the name of its environment variable.
    pub(crate) fn kind(&self) -> (&'static str, Option<&str>) {
        match &self.0.place {
            Place::Value(_) => ("value", None),
            Place::File(_) => ("file", None),
            Place::Env(name) => ("env", Some(name)),
            Place::Function(..) => ("function", None),
            Place::Minted(..) => ("minted", None),
            Place::Provided(..) => ("provider", None),
        }
    }
}

/// The place of the credential. A value has none.
impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.place {
            Place::Value(_) => f.write_str("value"),
            Place::File(path) => write!(f, "file {}", path.display()),
            Place::Env(name) => write!(f, "environment variable {name}"),
            Place::Function(number, _) => write!(f, "function {number}"),
            Place::Minted(number, _) => write!(f, "minting function {number}"),
            Place::Provided(number, provider) => match provider.name() {
                Some(name) => f.write_str(&name),
                None => write!(f, "provider {number}"),
            },
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({self})")
    }
}
