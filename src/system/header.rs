//! A token in a header of one's choice, without an exchange of its own.

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};

use crate::scheme::presentation::Presentation;
use crate::scheme::value::{InvalidToken, prefixed_value};
use crate::secret::Secret;

/// Says how a token travels, and nothing about where it comes from: for a
/// [`TokenSource`](crate::TokenSource) over an [`Exchange`](crate::exchange::Exchange) of your own, or
/// with a fixed token.
///
/// ```
/// use http::HeaderName;
/// use tower_outbound_auth::system::HeaderScheme;
/// use tower_outbound_auth::TokenSource;
///
/// let api_key = HeaderScheme::new(HeaderName::from_static("x-api-key"), "");
/// let source = TokenSource::fixed(api_key, "0123456789abcdef")?;
/// # Ok::<_, tower_outbound_auth::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct HeaderScheme {
    name: HeaderName,
    prefix: &'static str,
}

impl HeaderScheme {
    /// `Authorization: Bearer <token>` (RFC 6750 section 2.1).
    #[must_use]
    pub fn bearer() -> HeaderScheme {
        HeaderScheme::new(AUTHORIZATION, "Bearer ")
    }

    /// `<name>: <prefix><token>`. The prefix brings its blank with it: `"Bearer "`, and not `"Bearer"`.
    #[must_use]
    pub fn new(name: HeaderName, prefix: &'static str) -> HeaderScheme {
        HeaderScheme { name, prefix }
    }
}

impl Presentation for HeaderScheme {
    fn header_name(&self) -> &HeaderName {
        &self.name
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        prefixed_value(self.prefix, token)
    }
}
