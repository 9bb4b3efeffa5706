//! What a token is for.

use std::fmt;

use http::Uri;

/// The part that says where the client id is, if its value is not known yet.
pub(crate) const CLIENT_FROM: &str = "client_from";

/// The part that says which file has the token.
pub(crate) const FILE: &str = "file";

/// At most this many characters of a part stand in the text of an error.
const MAX_SHOWN: usize = 200;

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
    ///
    /// The texts of errors show the parts `endpoint` (without its query), `file` (a path), `client`, and `client_from` (the place
    /// of a client id that is not known yet). So put no secret there; a client id is none (RFC 6749 section 2.2). Other parts are never
    /// shown.
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

    fn part(&self, name: &str) -> Option<&str> {
        self.parts.iter().find(|(its_name, _)| *its_name == name).map(|(_, value)| &**value)
    }

    /// The names and values of its parts.
    #[cfg(feature = "store")]
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.parts.iter().map(|(name, value)| (*name, &**value))
    }

    /// The identity of an exchange that does not say what it is for.
    pub(crate) fn unnamed() -> Identity {
        Identity::new("exchange")
    }

    /// The system, its endpoint or file, and the client, for the texts of errors: `oauth2 (https://idp.example/token, client
    /// "billing")`.
    /// `None` if the exchange does not say what it is for.
    pub(crate) fn described(&self) -> Option<String> {
        if *self == Identity::unnamed() {
            return None;
        }
        let endpoint = self.part("endpoint").and_then(without_query);
        let file = self.part(FILE).map(visible);
        let client = self.part("client").filter(|it| !it.is_empty());
        let client = client.map(|it| format!("client \"{}\"", visible(it)));
        let place = self.part(CLIENT_FROM).map(|it| format!("client from {}", visible(it)));
        let parts: Vec<_> = endpoint.into_iter().chain(file).chain(client).chain(place).collect();
        Some(match parts.is_empty() {
            true => self.system.to_owned(),
            false => format!("{} ({})", self.system, parts.join(", ")),
        })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.parts.iter().map(|(name, _)| name).collect();
        f.debug_struct("Identity").field("system", &self.system).field("parts", &names).finish()
    }
}

/// The scheme, the host and the path of a URL. The query may have a key, and the user information a password.
fn without_query(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let port = uri.port_u16().map_or_else(String::new, |port| format!(":{port}"));
    Some(visible(&format!("{}://{}{port}{}", uri.scheme_str()?, uri.host()?, uri.path())))
}

/// The beginning of a text. It cannot forge a line of a log, or another part.
fn visible(text: &str) -> String {
    // Among the others are those that end a line or turn its direction.
    let visible = |c: char| match c {
        ' '..='~' if c != '"' => c,
        _ if c.is_alphanumeric() => c,
        _ => '_',
    };
    text.chars().take(MAX_SHOWN).map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_has_the_endpoint_without_its_query_and_the_client() {
        let identity = Identity::new("oauth2")
            .with("endpoint", "https://user:pass@idp.example:8443/token?key=hunter2")
            .with("client", "billing\r\n\u{202e}\"")
            .with("scope", "read");
        let described = "oauth2 (https://idp.example:8443/token, client \"billing____\")";
        assert_eq!(identity.described().unwrap(), described);
        assert_eq!(Identity::new("vault").described().unwrap(), "vault");
        assert_eq!(Identity::unnamed().described(), None);
        let elsewhere = Identity::new("oauth2").with(CLIENT_FROM, "file /run/id");
        assert_eq!(elsewhere.described().unwrap(), "oauth2 (client from file /run/id)");
        let file = Identity::new("token_file").with(FILE, "/run/\n/token");
        assert_eq!(file.described().unwrap(), "token_file (/run/_/token)");
        let odd = Identity::new("odd").with("endpoint", "no URL").with("client", "");
        assert_eq!(odd.described().unwrap(), "odd");
        let long = Identity::new("long").with("client", "x".repeat(1_000));
        assert_eq!(long.described().unwrap().len(), "long (client \"\")".len() + MAX_SHOWN);
    }

    #[test]
    fn an_identity_shows_the_names_of_its_parts_and_no_value() {
        let identity = Identity::new("oauth2").with("endpoint", "https://a?key=hunter2");
        assert_eq!(identity.system(), "oauth2");
        let shown = r#"Identity { system: "oauth2", parts: ["endpoint"] }"#;
        assert_eq!(format!("{identity:?}"), shown);
    }
}
