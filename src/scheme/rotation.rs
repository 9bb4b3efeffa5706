//! Tokens that an API sends in its responses.

use http::{HeaderMap, HeaderName};

use crate::basics::headers::age;
use crate::scheme::not_adopted::NotAdopted;

/// Where the responses of an API bring new tokens, and which of these are adopted. See
/// [`Presentation::rotation`](super::Presentation::rotation).
///
/// The header's value is the token, or `Bearer` and the token.
///
/// ```
/// use http::header::AUTHORIZATION;
/// use tower_outbound_auth::scheme::{Adopt, Rotation};
///
/// let rotation = Rotation::in_header(AUTHORIZATION).adopt(Adopt::WhenDue);
/// # let _ = rotation;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    header: HeaderName,
    adopt: Adopt,
}

/// Which of the tokens in responses are adopted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Adopt {
    /// Every newer token. This is the default, because it works with every API: some refuse a token as soon as they
    /// have sent the next one.
    #[default]
    EveryNewer,
    /// Only tokens that come after the refresh-ahead time of the current token (80 to 90 % of its life). This is for
    /// APIs that accept a token until it expires. It costs nearly nothing for most responses.
    WhenDue,
}

impl Rotation {
    /// In this header of each response.
    #[must_use]
    pub fn in_header(header: HeaderName) -> Rotation {
        Rotation { header, adopt: Adopt::default() }
    }

    /// Sets which tokens are adopted. Default: [`Adopt::EveryNewer`].
    #[must_use]
    pub fn adopt(self, adopt: Adopt) -> Rotation {
        Rotation { adopt, ..self }
    }

    /// The header. The layer removes it from every response to a request with the credential, so that a proxy does not forward
    /// it.
    #[must_use]
    pub fn header(&self) -> &HeaderName {
        &self.header
    }

    /// Whether only the successor of a token that is due for renewal is adopted.
    pub(crate) fn is_when_due(&self) -> bool {
        self.adopt == Adopt::WhenDue
    }

    /// The text of the token in a response's head, if there is one.
    pub(crate) fn handed_out<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<&'a str>, NotAdopted> {
        let mut values = headers.get_all(&self.header).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.any(|other| other != value) {
            return Err(NotAdopted::Ambiguous);
        }
        // The response comes from a cache, so its token was made for another request (RFC 9111 section 5.1).
        // An origin server may send an `Age` of zero.
        if !age(headers).is_zero() {
            return Err(NotAdopted::FromCache);
        }
        let text = value.to_str().map_err(|_| NotAdopted::Malformed)?;
        Ok(Some(without_scheme(text)))
    }
}

/// A token without the prefix `Bearer` (RFC 6750 section 2.1).
pub(crate) fn without_scheme(value: &str) -> &str {
    let value = value.trim();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn rotation() -> Rotation {
        Rotation::in_header(HeaderName::from_static("x-next"))
    }

    #[test]
    fn a_response_brings_a_token_with_or_without_bearer_and_in_one_value_only() {
        for (headers, expected) in [
            (&[][..], Ok(None)),
            (&[("x-next", "abc")], Ok(Some("abc"))),
            (&[("x-next", " Bearer  abc ")], Ok(Some("abc"))),
            (&[("x-next", "bearer abc")], Ok(Some("abc"))),
            (&[("x-next", "Basic abc")], Ok(Some("Basic abc"))),
            (&[("x-next", "abc"), ("x-next", "abc")], Ok(Some("abc"))),
            (&[("x-next", "abc"), ("x-next", "def")], Err(NotAdopted::Ambiguous)),
            (&[("x-next", "abc"), ("age", "1")], Err(NotAdopted::FromCache)),
            (&[("x-next", "abc"), ("age", "0"), ("age", "7")], Err(NotAdopted::FromCache)),
            // A server that sends the header with every response, and an empty value.
            (&[("x-next", "abc"), ("age", "0")], Ok(Some("abc"))),
            (&[("x-next", "abc"), ("age", "")], Ok(Some("abc"))),
            (&[("x-next", "abc"), ("age", "-1")], Ok(Some("abc"))),
            (&[("x-next", "abc"), ("age", "soon")], Ok(Some("abc"))),
            (&[("x-next", "abc"), ("age", "5, 5")], Err(NotAdopted::FromCache)),
            (&[("x-next", "abc"), ("age", "600.0")], Err(NotAdopted::FromCache)),
            (&[("x-next", "abc"), ("age", "18446744073709551616")], Err(NotAdopted::FromCache)),
            (&[("age", "1")], Ok(None)),
            (&[("x-next", "größer")], Err(NotAdopted::Malformed)),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            assert_eq!(rotation().handed_out(&map), expected, "{headers:?}");
        }
    }

    #[test]
    fn every_newer_token_is_adopted_by_default() {
        assert_eq!(rotation().header(), "x-next");
        assert!(!rotation().is_when_due());
        assert!(rotation().adopt(Adopt::WhenDue).is_when_due());
    }
}
