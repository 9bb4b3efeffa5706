//! The values of the credentials for one attempt.

use std::fmt;
use std::sync::Arc;

use crate::basics::BoxError;
use crate::clock::Clock;
use crate::credential::error::{CredentialError, CredentialErrorKind};
use crate::credential::need::Need;
use crate::credential::text::{has_control_character, trimmed};
use crate::credential::{Credential, Place};
use crate::secret::Secret;

/// The values for one attempt, as they were read for it.
///
/// Another exchange may read newer values meanwhile. They are not used here, because the endpoint's answer is about
/// these values.
#[derive(Clone, Default)]
pub(crate) struct Shown {
    values: Arc<[Value]>,
}

/// The value of one credential.
#[derive(Clone)]
pub(crate) struct Value {
    pub(crate) credential: Credential,
    pub(crate) secret: Secret,
    /// The version of the credential's value.
    pub(crate) version: u64,
    /// The provider's version of the value.
    pub(crate) provided: Option<u64>,
}

impl Value {
    /// A value that is not counted: it was minted, or a test has set it.
    fn new(credential: &Credential, secret: Secret) -> Value {
        Value { credential: credential.clone(), secret, version: 0, provided: None }
    }
}

impl Shown {
    pub(crate) fn new(values: Vec<Value>) -> Shown {
        Shown { values: values.into() }
    }

    /// The values for one request on the wire: the same values, but new ones for the minted credentials among
    /// `credentials`.
    ///
    /// # Errors
    ///
    /// If a credential that is needed has no value, or cannot be minted.
    pub(crate) async fn for_request(
        &self,
        credentials: &[Credential],
        clock: &dyn Clock,
    ) -> Result<Shown, CredentialError> {
        let mut values: Vec<Value> = Vec::with_capacity(credentials.len());
        for credential in credentials {
            if values.iter().any(|it| it.credential.is(credential)) {
                continue; // one value, even if the credential is listed twice
            }
            let value = match &credential.0.place {
                Place::Minted(_, mint) => {
                    let minting = mint(clock.now(), &|it| self.value(it));
                    let minted = credential.minted_value(minting.await);
                    minted.map(|secret| Value::new(credential, secret))
                }
                _ => self.find(credential).cloned().map_or_else(|| credential.known_value(), Ok),
            };
            values.extend(credential.used(value)?);
        }
        Ok(Shown::new(values))
    }

    pub(crate) fn with(&self, credential: &Credential, secret: Secret) -> Shown {
        let others = self.values.iter().filter(|it| !it.credential.is(credential)).cloned();
        Shown { values: others.chain([Value::new(credential, secret)]).collect() }
    }

    /// The value of this credential. A credential that is not among these gives its last good
    /// value.
    pub(crate) fn value(&self, credential: &Credential) -> Result<Secret, CredentialError> {
        let found = self.find(credential);
        found.map_or_else(|| credential.current(), |it| Ok(it.secret.clone()))
    }

    /// All values.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.values.iter().map(|it| &it.secret)
    }

    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }

    /// Identifies these values: other values of the same credentials give another number.
    pub(crate) fn version(&self) -> u64 {
        self.values.iter().fold(0, |sum, it| sum.wrapping_add(it.version))
    }

    /// The same for these credentials only.
    pub(crate) fn version_of(&self, credentials: &[Credential]) -> u64 {
        let values = credentials.iter().filter_map(|it| self.find(it));
        values.fold(0, |sum, it| sum.wrapping_add(it.version))
    }

    /// Whether there is a value of this credential, as there may not be of an optional one.
    pub(crate) fn has(&self, credential: &Credential) -> bool {
        self.find(credential).is_some()
    }

    fn find(&self, credential: &Credential) -> Option<&Value> {
        self.values.iter().find(|it| it.credential.is(credential))
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values.iter().map(|it| &it.credential)).finish()
    }
}

impl Credential {
    pub(crate) fn is(&self, other: &Credential) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The same credential, without which an exchange goes on.
    #[cfg(any(feature = "client", feature = "oauth"))]
    pub(crate) fn optional(&self) -> Credential {
        Credential(self.0.clone(), Need::Optional)
    }

    /// Whether an exchange fails without its value.
    pub(crate) fn is_needed(&self) -> bool {
        match self.1 {
            Need::Needed | Need::InTime(_) => true,
            #[cfg(any(feature = "client", feature = "oauth"))]
            Need::Optional => false,
        }
    }

    /// What a reading of this credential gives an exchange. None if it has no value, and is optional.
    ///
    /// # Errors
    ///
    /// That of the reading, if the credential is needed.
    pub(crate) fn used(
        &self,
        read: Result<Value, CredentialError>,
    ) -> Result<Option<Value>, CredentialError> {
        match self.1 {
            Need::Needed => read.map(Some),
            // If a file system hangs, the last good value is used.
            #[cfg(any(feature = "client", feature = "oauth"))]
            Need::Optional => Ok(read.or_else(|_| self.known_value()).ok()),
            Need::InTime(_) => read.map(Some).map_err(|error| {
                let message =
                    format!("{error}: check the path, and the program that writes the file");
                CredentialError::new(CredentialErrorKind::Unavailable, message).with_source(error)
            }),
        }
    }

    pub(crate) fn minted_value(
        &self,
        minted: Result<Secret, BoxError>,
    ) -> Result<Secret, CredentialError> {
        let minted = minted.map_err(|error| {
            let message = format!("the credential of {self} cannot be minted: {error:#}");
            CredentialError::new(CredentialErrorKind::Unavailable, message).with_source(error)
        })?;
        self.checked(&minted)
    }

    /// Checks a value that a function or a provider made. An error does not fall back to a last
    /// good value.
    pub(crate) fn checked(&self, value: &Secret) -> Result<Secret, CredentialError> {
        let value = trimmed(value.expose());
        match value.expose() {
            "" => Err(self.unreadable("is empty")),
            text if has_control_character(text) => Err(self.unreadable("has a control character")),
            _ => Ok(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_set_replaces_the_one_of_its_credential_alone() {
        let [id, secret] = ["id", "secret"].map(Credential::from);
        let set = |shown: &Shown, of: &Credential, text: &str| shown.with(of, text.into());
        let shown = set(&set(&Shown::default(), &id, "one"), &secret, "two");
        let shown = set(&shown, &secret, "three");
        let texts: Vec<_> = shown.secrets().map(Secret::expose).collect();
        assert_eq!(texts, ["one", "three"]);
        assert_eq!(shown.value(&id).unwrap().expose(), "one");
        // A credential that is not among them gives its own value.
        assert_eq!(shown.value(&Credential::from("other")).unwrap().expose(), "other");
        let text = format!("{shown:?}");
        assert!(text.starts_with("[Credential") && !text.contains("three"), "{text}");
    }
}
