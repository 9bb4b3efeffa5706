//! The parameters of a token request, besides those of the grant and of the client's authentication.

use std::borrow::Cow;

use crate::error::Error;

/// Parameters, and beginnings of parameters, that only the crate sets.
const RESERVED: [&str; 12] = [
    "grant_type",
    "client_id",
    "client_secret",
    "client_assertion",
    "assertion",
    "refresh_token",
    "subject_token",
    "actor_token",
    "requested_token_type",
    "username",
    "password",
    "code",
];

/// Parameters in the order in which they were set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(Cow<'static, str>, String)>);

impl Params {
    /// No parameter is sent twice, and an empty one is not sent (RFC 6749 section 3.2).
    pub(crate) fn set(&mut self, name: impl Into<Cow<'static, str>>, value: String) {
        let name = name.into();
        self.0.retain(|(its_name, _)| *its_name != name);
        if !value.is_empty() {
            self.0.push((name, value));
        }
    }

    /// Adds a parameter that may be sent several times, each time with another value. An empty one is not sent.
    pub(crate) fn add(&mut self, name: &'static str, value: &str) {
        if !value.is_empty() && !self.iter().any(|pair| pair == (name, value)) {
            self.0.push((name.into(), value.to_owned()));
        }
    }

    /// # Errors
    ///
    /// If the parameter belongs to the grant or to the authentication of the client.
    pub(crate) fn set_checked(&mut self, name: String, value: String) -> Result<(), Error> {
        let is_reserved = RESERVED.iter().any(|reserved| name.starts_with(reserved));
        if name.is_empty() || is_reserved {
            return Err(Error::configuration(format!(
                "the parameter \"{name}\" belongs to the grant or to the authentication of the client, and is set by \
                 other methods"
            )));
        }
        self.set(name, value);
        Ok(())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(its_name, _)| *its_name == name).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_sent_once_and_not_empty() {
        let mut params = Params::default();
        params.set("scope", "a".to_owned());
        params.set("audience", "b".to_owned());
        params.set("scope", "c".to_owned());
        params.set("audience", String::new());
        assert_eq!(params.iter().collect::<Vec<_>>(), [("scope", "c")]);
        assert_eq!((params.get("scope"), params.get("audience")), (Some("c"), None));
    }

    #[test]
    fn a_parameter_of_the_grant_or_of_the_client_is_refused() {
        let mut params = Params::default();
        for name in RESERVED.into_iter().chain(["", "client_assertion_type", "code_verifier"]) {
            assert!(params.set_checked(name.to_owned(), "x".to_owned()).is_err(), "{name}");
        }
        assert!(params.set_checked("organization".to_owned(), "x".to_owned()).is_ok());
    }
}
