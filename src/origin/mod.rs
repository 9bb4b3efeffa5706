//! Origins: where a credential may be sent.
//!
//! A credential is bound to one or several origins (scheme, host, port: RFC 6454 section 4), and is sent to no other.
//! An [`Origin`] is parsed once. Then the URI of each request is compared with it, without an allocation. A URI that
//! only looks like the origin (with user information, a trailing dot, or a port that is no number) is foreign.
//!
//! ```
//! use tower_outbound_auth::Origin;
//!
//! let api = Origin::parse("https://API.example:443/")?;
//! assert_eq!(api.to_string(), "https://api.example");
//! assert!(api.contains(&"https://api.example/v1/things?page=2".parse()?));
//! assert!(api.contains(&"wss://api.example/feed".parse()?));
//! assert!(!api.contains(&"http://api.example/v1/things".parse()?));
//! assert!(!api.contains(&"https://api.example.evil.test/v1".parse()?));
//! assert!(!api.contains(&"https://api.example@evil.test/v1".parse()?));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod parts;

use std::fmt;
use std::str::FromStr;

use http::Uri;
use serde::de::{Deserialize, Deserializer, Error as _};

use crate::error::Error;
use crate::origin::parts::{host_and_port, is_loopback, scheme};

/// An origin that a credential may be sent to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(Repr);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Repr {
    /// The host is in lower case. `authority` is the usual form of host and port.
    Absolute {
        https: bool,
        host: Box<str>,
        port: u16,
        authority: Box<str>,
    },
    Relative,
}

impl Origin {
    /// Parses an origin such as `https://api.example` or `https://api.example:8443`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if it is no origin, if it has more
    /// than scheme, host and port, or if it is plain `http` and not a literal loopback address
    /// (127.0.0.0/8 or `[::1]`; not `localhost`, because a name can resolve to another address).
    pub fn parse(origin: &str) -> Result<Origin, Error> {
        let parsed = Origin::danger_plain_http(origin)?;
        if parsed.is_safe() {
            return Ok(parsed);
        }
        Err(Error::configuration(format!(
            "{parsed} would get the credential over plain http: use https, a loopback address such as \
             127.0.0.1, or Origin::danger_plain_http"
        )))
    }

    /// Like [`parse`](Origin::parse), but allows `http` to any host. Everybody on the network path can
    /// then read the credential.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if it is no http(s) origin.
    pub fn danger_plain_http(origin: &str) -> Result<Origin, Error> {
        if origin.contains('*') {
            return Err(Error::configuration(
                "an origin has no wildcards: name each one, so that no credential is sent to a wrong host by accident",
            ));
        }
        let parsed = origin.parse::<Uri>().ok().filter(|uri| {
            let bare = uri.path_and_query().is_none_or(|rest| matches!(rest.as_str(), "" | "/"));
            bare && !origin.contains('#')
        });
        parsed.as_ref().and_then(Origin::of_uri).ok_or_else(|| {
            Error::configuration(
                "an origin is a scheme, a host and perhaps a port, such as https://api.example:8443",
            )
        })
    }

    /// For requests whose URI has no authority, such as tonic's. Use it only if the inner service has a single peer, and that
    /// peer may have the credential.
    #[must_use]
    pub fn relative() -> Origin {
        Origin(Repr::Relative)
    }

    /// The origin of an absolute http(s) or ws(s) URI. None if the URI has user information, or a port
    /// that is no number.
    pub(crate) fn of_uri(uri: &Uri) -> Option<Origin> {
        let https = scheme(uri)?;
        let (host, port) = host_and_port(uri.authority()?, https)?;
        let host = host.to_ascii_lowercase();
        let default = if https { 443 } else { 80 };
        let authority = if port == default { host.clone() } else { format!("{host}:{port}") };
        Some(Origin(Repr::Absolute { https, host: host.into(), port, authority: authority.into() }))
    }

    /// Whether `uri` has this origin in the usual form. This is a fast path: most URIs then need not be parsed.
    #[inline]
    pub(crate) fn is_written_so(&self, uri: &Uri) -> bool {
        match (&self.0, uri.authority()) {
            (Repr::Absolute { https, authority: usual, .. }, Some(authority)) => {
                // Each comparison takes one machine word.
                let scheme = match *https {
                    true => uri.scheme_str() == Some("https"),
                    false => uri.scheme_str() == Some("http"),
                };
                scheme && parts::is_same(authority.as_str().as_bytes(), usual.as_bytes())
            }
            (Repr::Relative, None) => uri.scheme().is_none(),
            _ => false,
        }
    }

    /// Whether a request to `uri` goes to this origin.
    #[must_use]
    pub fn contains(&self, uri: &Uri) -> bool {
        if self.is_written_so(uri) {
            return true;
        }
        match (&self.0, uri.authority()) {
            (Repr::Absolute { https, host, port, .. }, Some(authority)) => {
                scheme(uri) == Some(*https)
                    && host_and_port(authority, *https).is_some_and(|(its_host, its_port)| {
                        its_port == *port && its_host.eq_ignore_ascii_case(host)
                    })
            }
            _ => false,
        }
    }

    /// Whether nobody on the network path can read a request: https, or this machine itself.
    pub(crate) fn is_safe(&self) -> bool {
        match &self.0 {
            Repr::Relative | Repr::Absolute { https: true, .. } => true,
            Repr::Absolute { host, .. } => is_loopback(host),
        }
    }

    /// Whether the host is this machine, by address or by name.
    #[cfg(feature = "reqwest")]
    pub(crate) fn is_this_machine(&self) -> bool {
        matches!(&self.0, Repr::Absolute { host, .. } if parts::is_this_machine(host))
    }
}

impl FromStr for Origin {
    type Err = Error;

    fn from_str(origin: &str) -> Result<Origin, Error> {
        Origin::parse(origin)
    }
}

/// Accepts what [`Origin::parse`] accepts.
impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Origin, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl TryFrom<&str> for Origin {
    type Error = Error;

    fn try_from(origin: &str) -> Result<Origin, Error> {
        Origin::parse(origin)
    }
}

impl TryFrom<&String> for Origin {
    type Error = Error;

    fn try_from(origin: &String) -> Result<Origin, Error> {
        Origin::parse(origin)
    }
}

impl TryFrom<String> for Origin {
    type Error = Error;

    fn try_from(origin: String) -> Result<Origin, Error> {
        Origin::parse(&origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Relative => f.write_str("(relative)"),
            Repr::Absolute { https, authority, .. } => {
                let scheme = if *https { "https" } else { "http" };
                write!(f, "{scheme}://{authority}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookalikes_are_foreign() {
        let api = Origin::parse("https://api.example").unwrap();
        for (uri, same) in [
            ("https://api.example", true),
            ("HTTPS://API.EXAMPLE/x", true),
            ("https://api.example:443/x", true),
            ("wss://api.example/x", true),
            ("Wss://api.example/x", true),
            ("Ws://api.example:443/x", false),
            ("https://api.example:0443/x", true),
            ("https://api.example:444/x", false),
            ("http://api.example/x", false),
            ("http://api.example:443/x", false),
            ("https://api.example./x", false),
            ("https://user@api.example/x", false),
            ("https://api.example@api.example/x", false),
            ("https://api.example@evil.test/x", false),
            ("https://evil.test/api.example", false),
            ("https://api.example.evil.test/x", false),
            ("https://xn--api-example/x", false),
            ("/x", false),
        ] {
            let Ok(uri) = uri.parse::<Uri>() else { panic!("{uri} is no URI") };
            assert_eq!(api.contains(&uri), same, "{uri}");
        }
    }

    #[test]
    fn http_and_https_are_different_origins() {
        let local = Origin::parse("http://127.0.0.1").unwrap();
        for (uri, same) in [
            ("http://127.0.0.1/x", true),
            ("ws://127.0.0.1:80/x", true),
            ("https://127.0.0.1/x", false),
            ("https://127.0.0.1:80/x", false),
            ("wss://127.0.0.1/x", false),
        ] {
            assert_eq!(local.contains(&Uri::from_static(uri)), same, "{uri}");
        }
    }

    #[test]
    fn an_origin_is_displayed_in_its_usual_form() {
        for (origin, shown) in [
            ("HTTPS://Api.Example:443/", "https://api.example"),
            ("https://api.example:80", "https://api.example:80"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("http://[::1]:443", "http://[::1]:443"),
        ] {
            assert_eq!(Origin::parse(origin).unwrap().to_string(), shown);
        }
        assert_eq!(Origin::relative().to_string(), "(relative)");
    }

    #[test]
    fn plain_http_is_for_literal_loopback_addresses() {
        for origin in ["http://127.0.0.1", "http://127.8.9.1:80", "http://[::1]:8080"] {
            assert!(Origin::parse(origin).is_ok(), "{origin}");
        }
        for origin in [
            "http://localhost",
            "http://10.0.0.1",
            "http://[::2]",
            "http://127.0.0.1.evil.test",
            "http://0.0.0.0",
            "http://[::ffff:127.0.0.1]",
        ] {
            assert!(Origin::parse(origin).is_err(), "{origin}");
            assert!(Origin::danger_plain_http(origin).is_ok(), "{origin}");
        }
    }

    #[test]
    fn an_origin_has_no_more_than_scheme_host_and_port() {
        assert!("https://*.example".parse::<Origin>().is_err());
        for origin in [
            "",
            "api.example",
            "//api.example",
            "/x",
            "https://",
            "https://a/b",
            "https://a?b",
            "https://a#b",
            "https://u@a",
            "https://u:p@a",
            "ftp://a",
            "https://a:",
            "https://a:x",
            "https://a:99999",
            "https://a:+1",
        ] {
            assert!(Origin::danger_plain_http(origin).is_err(), "{origin:?}");
        }
    }

    #[test]
    fn relative_matches_only_uris_without_an_authority() {
        let relative = Origin::relative();
        assert!(relative.contains(&Uri::from_static("/grpc.Service/Method")));
        assert!(!relative.contains(&Uri::from_static("https://api.example/x")));
        assert!(!relative.contains(&Uri::from_static("api.example:443")));
    }

    #[test]
    fn a_host_header_must_agree_with_the_uri() {
        let uri = Uri::from_static("https://api.example/x");
        for (host, agrees) in [
            ("api.example", true),
            ("API.example:443", true),
            ("api.example:80", false),
            ("evil.test", false),
            ("api.example@evil.test", false),
            ("", false),
        ] {
            assert_eq!(parts::host_agrees(host.as_bytes(), &uri), agrees, "{host:?}");
        }
    }
}
