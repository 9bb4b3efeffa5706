//! A token in a header of your choice.

use std::fmt;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};

use crate::scheme::per_request::PerRequest;
use crate::scheme::presentation::Presentation;
use crate::scheme::value::{InvalidToken, prefixed_value};
use crate::secret::Secret;

/// The header that carries a token. Use it for a [`TokenSource`](crate::TokenSource) with an
/// [`Exchange`](crate::exchange::Exchange) of your own, or with a fixed token.
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
#[derive(Clone)]
pub struct HeaderScheme {
    name: HeaderName,
    prefix: &'static str,
    per_request: Option<Arc<dyn PerRequest>>,
}

impl HeaderScheme {
    /// `Authorization: Bearer <token>` (RFC 6750 section 2.1).
    #[must_use]
    pub fn bearer() -> HeaderScheme {
        HeaderScheme::new(AUTHORIZATION, "Bearer ")
    }

    /// `<name>: <prefix><token>`. The prefix includes its blank: `"Bearer "`, and not `"Bearer"`.
    #[must_use]
    pub fn new(name: HeaderName, prefix: &'static str) -> HeaderScheme {
        HeaderScheme { name, prefix, per_request: None }
    }

    /// Also sends headers that are made for each request: a signature, or a proof of a key.
    ///
    /// ```
    /// use tower_outbound_auth::TokenSource;
    /// use tower_outbound_auth::endpoint::{Grant, HttpClient, HttpExchange, TlsRoots};
    /// use tower_outbound_auth::scheme::PerRequest;
    /// use tower_outbound_auth::system::{ClientCredentials, HeaderScheme};
    ///
    /// /// OAuth's tokens, and also a signature.
    /// # #[cfg(feature = "client")]
    /// fn signed(signer: impl PerRequest) -> Result<TokenSource, tower_outbound_auth::Error> {
    ///     let oauth = ClientCredentials::new("https://idp.example/token", "billing", "secret")?;
    ///     let exchange = HttpExchange::new(oauth, HttpClient::new(TlsRoots::native())?);
    ///     let scheme = HeaderScheme::bearer().with_per_request(signer);
    ///     Ok(TokenSource::new(scheme, exchange).erased())
    /// }
    /// ```
    #[must_use]
    pub fn with_per_request(self, maker: impl PerRequest) -> HeaderScheme {
        HeaderScheme { per_request: Some(Arc::new(maker)), ..self }
    }
}

impl Presentation for HeaderScheme {
    fn header_name(&self) -> &HeaderName {
        &self.name
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        prefixed_value(self.prefix, token)
    }

    fn per_request(&self, _: &Secret) -> Option<Arc<dyn PerRequest>> {
        self.per_request.clone()
    }
}

impl fmt::Debug for HeaderScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderScheme")
            .field("name", &self.name)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
