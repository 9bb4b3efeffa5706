//! The URL of a token endpoint, checked when it is parsed.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use serde::de::{Deserialize, Deserializer, Error as _};

use crate::endpoint::encoding::percent;
use crate::error::Error;
use crate::origin::Origin;

/// The URL of a token endpoint: absolute, `https` (or `http` on a literal loopback address), without
/// user information.
///
/// The query is sent as it is (RFC 6749 section 3.2), and never shown.
///
/// ```
/// use tower_outbound_auth::endpoint::TokenEndpoint;
///
/// assert!(TokenEndpoint::parse("https://auth.example/token").is_ok());
/// assert!(TokenEndpoint::parse("http://127.0.0.1:8080/token").is_ok());
/// let plain = TokenEndpoint::parse("http://auth.example/token").unwrap_err();
/// assert!(plain.to_string().contains("https"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TokenEndpoint {
    uri: Uri,
    origin: Origin,
}

impl TokenEndpoint {
    /// Parses an endpoint's URL.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if it is no absolute http(s)
    /// URL, has a fragment or user information, or would send the credentials unencrypted.
    pub fn parse(url: &str) -> Result<TokenEndpoint, Error> {
        let endpoint = TokenEndpoint::danger_plain_http(url)?;
        if endpoint.origin.is_safe() {
            return Ok(endpoint);
        }
        Err(Error::configuration(format!(
            "the token endpoint {} would get the credentials over plain http: use https, a loopback \
             address such as 127.0.0.1, or TokenEndpoint::danger_plain_http",
            endpoint.origin
        )))
    }

    /// Like [`parse`](TokenEndpoint::parse), but allows `http` to any host. Everybody on the network path
    /// can then read the credentials.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if it is no absolute http(s) URL,
    /// or has a fragment or user information.
    pub fn danger_plain_http(url: &str) -> Result<TokenEndpoint, Error> {
        let wrong = |why: &str| Error::configuration(format!("the token endpoint's URL {why}"));
        if url.contains('#') {
            return Err(wrong("has a fragment (RFC 6749 section 3.2 forbids it)"));
        }
        if !url.contains("://") {
            return Err(wrong("has no scheme: write https://host/path"));
        }
        let uri: Uri = url.parse().map_err(|_| wrong("is no URL"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(wrong("has user information: give the credentials in their own arguments"));
        }
        let origin = Origin::of_uri(&uri)
            .ok_or_else(|| wrong("is not http(s), or has an unusable host or port"))?;
        Ok(TokenEndpoint { uri, origin })
    }

    /// The token endpoint of a Keycloak realm: `{base}/realms/{realm}/protocol/openid-connect/token`.
    ///
    /// `base` is the address of Keycloak: `https://auth.example`, or `https://auth.example/auth` up to
    /// Keycloak 16. The realm is encoded as one segment of the path, so that no name can change the rest
    /// of the path.
    ///
    /// ```
    /// use tower_outbound_auth::endpoint::TokenEndpoint;
    ///
    /// let endpoint = TokenEndpoint::keycloak("https://auth.example/auth/", "my realm")?;
    /// let path = "/auth/realms/my%20realm/protocol/openid-connect/token";
    /// assert_eq!(endpoint.uri().path(), path);
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`parse`](TokenEndpoint::parse). Also if `base` has a query, or if `realm` is empty, `.` or
    /// `..`.
    pub fn keycloak(base: &str, realm: &str) -> Result<TokenEndpoint, Error> {
        if matches!(realm, "" | "." | "..") {
            return Err(Error::configuration("the realm is empty, \".\" or \"..\""));
        }
        let realm = percent(realm);
        TokenEndpoint::below(base, &format!("realms/{}/protocol/openid-connect/token", *realm))
    }

    /// The endpoint at `path` below `base`, which may have a path of its own.
    pub(crate) fn below(base: &str, path: &str) -> Result<TokenEndpoint, Error> {
        if base.contains('?') {
            return Err(Error::configuration("the base of the token endpoint's URL has a query"));
        }
        TokenEndpoint::parse(&format!("{}/{path}", base.trim_end_matches('/')))
    }

    /// The URL.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The origin of the URL.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl FromStr for TokenEndpoint {
    type Err = Error;

    fn from_str(url: &str) -> Result<TokenEndpoint, Error> {
        TokenEndpoint::parse(url)
    }
}

/// Accepts what [`TokenEndpoint::parse`] accepts. The errors do not contain the URL, because its query may contain
/// a key.
impl<'de> Deserialize<'de> for TokenEndpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TokenEndpoint, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl TryFrom<&str> for TokenEndpoint {
    type Error = Error;

    fn try_from(url: &str) -> Result<TokenEndpoint, Error> {
        TokenEndpoint::parse(url)
    }
}

impl TryFrom<&String> for TokenEndpoint {
    type Error = Error;

    fn try_from(url: &String) -> Result<TokenEndpoint, Error> {
        TokenEndpoint::parse(url)
    }
}

impl TryFrom<String> for TokenEndpoint {
    type Error = Error;

    fn try_from(url: String) -> Result<TokenEndpoint, Error> {
        TokenEndpoint::parse(&url)
    }
}

impl fmt::Display for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.uri.path())
    }
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenEndpoint({self})")
    }
}
