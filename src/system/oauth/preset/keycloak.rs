//! Keycloak.

use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::system::oauth::builder::OAuthBuilder;
use crate::system::oauth::system::OAuth;

/// The path of the token endpoint below the issuer.
const BELOW_THE_ISSUER: &str = "/protocol/openid-connect/token";

impl OAuth {
    /// Describes a realm of Keycloak, with the endpoint of [`TokenEndpoint::keycloak`].
    ///
    /// An assertion that the client signs has the issuer `{base}/realms/{realm}` as its `aud`, in one text: newer releases want it
    /// so (Keycloak's own issues and its upgrading guide).
    ///
    /// Nothing is discovered: the path below the realm is fixed. So a service can reach Keycloak by an address inside a cluster,
    /// although the issuer has the public address (Keycloak's option `hostname`). Then set the audience:
    /// [`OAuthClient::audience`](crate::system::OAuthClient).
    ///
    /// ```
    /// use tower_outbound_auth::Credential;
    /// use tower_outbound_auth::system::{OAuth, OAuthClient};
    ///
    /// let system = OAuth::keycloak("https://auth.example", "main")
    ///     .client(OAuthClient::with_secret("billing", Credential::file("/run/secrets/billing")))
    ///     .build()?;
    /// let endpoint = "https://auth.example/realms/main/protocol/openid-connect/token";
    /// assert_eq!(system.endpoint().to_string(), endpoint);
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    ///
    /// [`build`](OAuthBuilder::build) returns the error of a wrong base or realm.
    #[must_use]
    pub fn keycloak(base: &str, realm: &str) -> OAuthBuilder {
        let endpoint = TokenEndpoint::keycloak(base, realm);
        let issuer = endpoint.as_ref().ok().and_then(|endpoint| {
            let url = endpoint.uri().to_string();
            url.strip_suffix(BELOW_THE_ISSUER).map(str::to_owned)
        });
        OAuthBuilder::of(endpoint).with_issuer(issuer)
    }
}
