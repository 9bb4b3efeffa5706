//! What a token is for.

use std::fmt;

/// What a token is for: the system, its endpoint, the client, the scope, the audience, the subject.
///
/// Tokens with equal identities can replace each other. An identity is a list of named parts and not one text, so
/// that no part can be mistaken for another one. Its `Debug` shows only the names of the parts, because the query of
/// an endpoint may be secret.
///
/// ```
/// use tower_outbound_auth::exchange::Identity;
///
/// let reader = Identity::new("oauth2").with("client", "reporting").with("scope", "read");
/// let writer = Identity::new("oauth2").with("client", "reporting").with("scope", "write");
/// assert_ne!(reader, writer);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    system: &'static str,
    parts: Vec<(&'static str, String)>,
}

impl Identity {
    /// The identity of a system's tokens.
    #[must_use]
    pub fn new(system: &'static str) -> Identity {
        Identity { system, parts: Vec::new() }
    }

    /// Adds something that the tokens depend on.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Identity {
        self.parts.push((name, value.into()));
        self
    }

    /// The system's name.
    #[must_use]
    pub fn system(&self) -> &'static str {
        self.system
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.parts.iter().map(|(name, _)| name).collect();
        f.debug_struct("Identity").field("system", &self.system).field("parts", &names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_shows_the_names_of_its_parts_and_no_value() {
        let identity = Identity::new("oauth2").with("endpoint", "https://a?key=hunter2");
        assert_eq!(identity.system(), "oauth2");
        let shown = r#"Identity { system: "oauth2", parts: ["endpoint"] }"#;
        assert_eq!(format!("{identity:?}"), shown);
    }
}
