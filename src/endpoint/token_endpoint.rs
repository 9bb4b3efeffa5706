//! The URL of a token endpoint, checked when it is parsed.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use serde::de::{Deserialize, Deserializer, Error as _};

use crate::endpoint::encoding::percent;
use crate::error::Error;
use crate::origin::Origin;

/// Where the clouds of Google and Microsoft have their metadata servers.
const METADATA_SERVER: &str = "http://169.254.169.254";

/// The URL of a token endpoint: absolute, `https` (or `http` on a literal loopback address), without
/// user information. For the metadata server of a cloud, there is [`link_local_metadata`](TokenEndpoint::link_local_metadata).
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

    /// The metadata server of a cloud: plain `http` to exactly the address 169.254.169.254, port 80. `path_and_query` begins with
    /// `/`.
    ///
    /// A machine has its own metadata server at this link-local address. Routers do not forward requests to it (RFC 3927
    /// section 7). So it is the one address beyond this machine where plain http is allowed by name.
    ///
    /// - The request must reach the server directly. The built-in `HttpClient` uses no proxy for plain http, whatever
    ///   [`with_proxy`](crate::endpoint::HttpClient::with_proxy) or the environment says, and follows no redirects.
    /// - Give a client of your own no proxy for this address: many clients send plain http through the proxy of `http_proxy`, and
    ///   the proxy would see the token. `HttpService` (feature `reqwest`) fails if that has happened.
    /// - Only the endpoint is allowed. [`Origin::parse`](crate::Origin::parse) refuses this address for an API, and a layer sends no
    ///   token there.
    ///
    /// ```
    /// use tower_outbound_auth::Origin;
    /// use tower_outbound_auth::endpoint::TokenEndpoint;
    ///
    /// let endpoint = TokenEndpoint::link_local_metadata("/latest/token?for=me")?;
    /// assert_eq!(endpoint.to_string(), "http://169.254.169.254/latest/token");
    /// assert!(TokenEndpoint::parse("http://169.254.169.254/latest/token").is_err());
    /// assert!(Origin::parse("http://169.254.169.254").is_err());
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if `path_and_query` does not begin with `/`, has a fragment,
    /// or has characters that a URL cannot have.
    pub fn link_local_metadata(path_and_query: &str) -> Result<TokenEndpoint, Error> {
        if !path_and_query.starts_with('/') {
            return Err(Error::configuration(
                "the path of the metadata server's URL does not begin with `/`",
            ));
        }
        TokenEndpoint::danger_plain_http(&format!("{METADATA_SERVER}{path_and_query}"))
    }

    pub(crate) fn is_link_local_metadata(&self) -> bool {
        self.origin.to_string() == METADATA_SERVER
    }

    /// An endpoint that the platform names for this machine: plain `http` to `localhost`, to a loopback address, or to a link-local
    /// address.
    pub(crate) fn of_the_platform(url: &str) -> Result<TokenEndpoint, Error> {
        let endpoint = TokenEndpoint::danger_plain_http(url)?;
        let host = endpoint.uri.host().unwrap_or_default();
        let is_near = match host.trim_matches(['[', ']']).parse() {
            Ok(IpAddr::V4(v4)) => v4.is_loopback() || v4.is_link_local(),
            Ok(IpAddr::V6(v6)) => v6.is_loopback(),
            Err(_) => host.eq_ignore_ascii_case("localhost"),
        };
        match is_near && endpoint.uri.scheme_str() == Some("http") {
            true => Ok(endpoint),
            false => Err(Error::configuration(format!(
                "{} is not plain http to this machine (`localhost`, a loopback address, a link-local address)",
                endpoint.origin
            ))),
        }
    }

    /// A path and a query below the path of this endpoint, or a query alone. The scheme, the host and the port stay.
    pub(crate) fn join(&self, path_and_query: &str) -> Result<TokenEndpoint, Error> {
        if self.uri.query().is_some() {
            return Err(Error::configuration("the endpoint's URL has a query"));
        }
        let path = match path_and_query.starts_with('/') {
            true => self.uri.path().trim_end_matches('/'),
            false => self.uri.path(),
        };
        TokenEndpoint::danger_plain_http(&format!("{}{path}{path_and_query}", self.origin))
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
