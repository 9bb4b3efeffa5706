//! The keys of a client that has two of them: the current one, and the previous one.

use crate::credential::Credential;
use crate::credential::shown::Shown;
use crate::system::oauth::client::{OAuthClient, Proof};

impl OAuthClient {
    /// The keys of a client that has two of them: the current one, and the previous one.
    pub(crate) fn keys(&self) -> Option<[&Credential; 2]> {
        match &self.proof {
            Proof::Assertion { previous: Some(_), made_of, .. } => match &**made_of {
                [current, previous] => Some([current, previous]),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether there is an assertion by the previous key among these values.
    pub(crate) fn has_previous(&self, values: &Shown) -> bool {
        match &self.proof {
            Proof::Assertion { previous: Some(previous), .. } => values.has(previous),
            _ => false,
        }
    }

    /// Identifies the texts of the two keys among these values. Zero for a client that has not two keys.
    pub(crate) fn texts_of_keys(&self, values: &Shown) -> u64 {
        match &self.proof {
            Proof::Assertion { previous: Some(_), made_of, .. } => values.version_of(made_of),
            _ => 0,
        }
    }
}
