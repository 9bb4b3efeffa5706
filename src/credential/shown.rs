//! The credentials of one request on the wire.

use std::fmt;
use std::sync::Arc;

use crate::basics::BoxError;
use crate::credential::error::{CredentialError, CredentialErrorKind};
use crate::credential::text::without_line_break;
use crate::credential::{Credential, Place};
use crate::secret::Secret;

/// The values that one request to a token endpoint shows.
///
/// Another exchange may read the same credentials again meanwhile. That changes nothing here: what is said of
/// the request's answer is said of these values.
#[derive(Clone, Default)]
pub(crate) struct Shown {
    values: Arc<[(Credential, Secret)]>,
}

impl Shown {
    /// The last good values. The minted ones are made now.
    ///
    /// # Errors
    ///
    /// If one has no good value, or cannot be minted.
    pub(crate) async fn of(credentials: &[Credential]) -> Result<Shown, CredentialError> {
        let mut values: Vec<(Credential, Secret)> = Vec::with_capacity(credentials.len());
        for credential in credentials {
            if values.iter().any(|(it, _)| it.is(credential)) {
                continue; // one value, wherever it is used
            }
            let value = match &credential.0.place {
                Place::Minted(_, mint) => credential.minted_value(mint().await)?,
                _ => credential.current()?,
            };
            values.push((credential.clone(), value));
        }
        Ok(Shown { values: values.into() })
    }

    pub(crate) fn with(&self, credential: &Credential, value: Secret) -> Shown {
        let others = self.values.iter().filter(|(it, _)| !it.is(credential)).cloned();
        Shown { values: others.chain([(credential.clone(), value)]).collect() }
    }

    /// The value of this credential. One that is not among these gives its last good value.
    pub(crate) fn value(&self, credential: &Credential) -> Result<Secret, CredentialError> {
        let found = self.values.iter().find(|(it, _)| it.is(credential));
        found.map_or_else(|| credential.current(), |(_, value)| Ok(value.clone()))
    }

    /// All values.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Secret> {
        self.values.iter().map(|(_, value)| value)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values.iter().map(|(credential, _)| credential)).finish()
    }
}

impl Credential {
    fn is(&self, other: &Credential) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn minted_value(
        &self,
        minted: Result<Secret, BoxError>,
    ) -> Result<Secret, CredentialError> {
        let minted = minted.map_err(|error| {
            let message = format!("the credential of {self} cannot be minted: {error}");
            CredentialError::new(CredentialErrorKind::Unavailable, message).with_source(error)
        })?;
        self.checked(&minted)
    }

    /// A value that is made by a function or a provider; there is no last good one in its place.
    pub(crate) fn checked(&self, value: &Secret) -> Result<Secret, CredentialError> {
        let value = without_line_break(value.expose());
        match value.expose() {
            "" => Err(self.unreadable("is empty")),
            text if text.chars().any(char::is_control) => {
                Err(self.unreadable("has a control character"))
            }
            _ => Ok(value),
        }
    }
}
