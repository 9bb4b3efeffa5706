//! Makes a layer for a system in one call.

use crate::auth::layer::AuthLayer;
use crate::credential::Credential;
use crate::endpoint::client::HttpClient;
use crate::endpoint::scheme::Scheme;
use crate::endpoint::tls::TlsRoots;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::error::Error;
use crate::origin::Origin;
use crate::system::atlas::Atlas;
#[cfg(feature = "oauth")]
use crate::system::github_app::GithubApp;
#[cfg(feature = "oauth")]
use crate::system::google::GoogleServiceAccount;
#[cfg(feature = "login")]
use crate::system::login::parts::Login;
use crate::system::oauth::client::OAuthClient;
use crate::system::oauth::client_credentials::ClientCredentials;
#[cfg(feature = "oauth")]
use crate::system::oauth::key::jwt_key::JwtKey;
use crate::system::oauth::system::OAuth;
#[cfg(feature = "rotating")]
use crate::system::rotating::Rotating;
use crate::token::source::TokenSource;

impl AuthLayer<Atlas> {
    /// (Feature `client`.) The Atlas document API: credentials in `Client-Id` and `Client-Secret`, the token in `Token`.
    ///
    /// `endpoint` is the product's own, such as `https://host/v1/docstream/authtoken`. The credential
    /// is bound to the endpoint's origin; [`with_origin`](AuthLayer::with_origin) adds others.
    /// [`HttpClient`] with the platform's root certificates sends the requests to it; for another
    /// client see [`Atlas`].
    ///
    /// ```
    /// use tower_outbound_auth::AuthLayer;
    ///
    /// # fn demo() -> Result<(), tower_outbound_auth::Error> {
    /// let layer = AuthLayer::atlas("https://atlas.example/v1/docstream/authtoken", "id", "secret")?;
    /// # Ok(()) }
    /// assert!(AuthLayer::atlas("http://atlas.example/authtoken", "id", "secret").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration): the endpoint is no URL, or
    /// neither https nor a literal loopback address; the id or the secret cannot be in a header;
    /// the platform has no root certificate (not needed for plain http on loopback).
    pub fn atlas<E>(
        endpoint: E,
        client_id: impl Into<Credential>,
        client_secret: impl Into<Credential>,
    ) -> Result<AuthLayer<Atlas>, Error>
    where
        E: TryInto<TokenEndpoint>,
        Error: From<E::Error>,
    {
        let scheme = Atlas::new(endpoint, client_id, client_secret)?;
        let endpoint = scheme.endpoint().clone();
        let layer = AuthLayer::for_endpoint(scheme, &endpoint)?;
        Ok(layer.with_origin(endpoint.origin().clone()))
    }
}

impl AuthLayer<ClientCredentials> {
    /// (Feature `client`.) OAuth 2.0 client credentials, for an API at the origin `api`.
    ///
    /// For scopes, an audience or another way to authenticate the client, see
    /// [`ClientCredentials`]; for more origins, [`with_origin`](AuthLayer::with_origin).
    ///
    /// ```
    /// use tower_outbound_auth::AuthLayer;
    ///
    /// # fn demo() -> Result<(), tower_outbound_auth::Error> {
    /// let endpoint = "https://auth.example/realms/main/protocol/openid-connect/token";
    /// let layer = AuthLayer::client_credentials(endpoint, "id", "secret", "https://api.example")?;
    /// # let _ = layer;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration): the endpoint or the origin is
    /// no URL, or neither https nor a literal loopback address; the id or the secret is empty or
    /// has control characters; the platform has no root certificate (not needed for plain http on
    /// loopback).
    pub fn client_credentials<E, O>(
        endpoint: E,
        client_id: impl Into<Credential>,
        client_secret: impl Into<Credential>,
        api: O,
    ) -> Result<AuthLayer<ClientCredentials>, Error>
    where
        E: TryInto<TokenEndpoint>,
        O: TryInto<Origin>,
        Error: From<E::Error> + From<O::Error>,
    {
        let scheme = ClientCredentials::new(endpoint, client_id, client_secret)?;
        let (api, endpoint) = (api.try_into()?, scheme.endpoint().clone());
        Ok(AuthLayer::for_endpoint(scheme, &endpoint)?.with_origin(api))
    }
}

#[cfg(feature = "rotating")]
impl AuthLayer<Rotating> {
    /// (Features `client` and `rotating`.) An API that sends a new JWT with every response.
    ///
    /// `api_root` is the common beginning of the API's URLs, such as `https://api.example/v1`. The
    /// exchange is made at `{api_root}/authenticate`. The credential is bound to that origin. For other
    /// ways of adopting tokens, see [`Rotating`].
    ///
    /// ```
    /// use tower_outbound_auth::AuthLayer;
    ///
    /// # fn demo() -> Result<(), tower_outbound_auth::Error> {
    /// let layer = AuthLayer::rotating("https://api.example/v1", "key", "secret")?;
    /// # let _ = layer;
    /// # Ok(()) }
    /// assert!(AuthLayer::rotating("http://api.example", "key", "secret").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration): the root is no URL, or has a
    /// query, or is neither https nor a literal loopback address; the key or the secret is empty or has
    /// control characters; the platform has no root certificate (not needed for plain http on
    /// loopback).
    pub fn rotating(
        api_root: &str,
        api_key: impl Into<Credential>,
        client_secret: impl Into<Credential>,
    ) -> Result<AuthLayer<Rotating>, Error> {
        let scheme = Rotating::new(api_root, api_key, client_secret)?;
        let endpoint = scheme.endpoint().clone();
        let layer = AuthLayer::for_endpoint(scheme, &endpoint)?;
        Ok(layer.with_origin(endpoint.origin().clone()))
    }
}

impl AuthLayer<OAuth> {
    /// (Feature `client`.) Any OAuth 2.0 system, for an API at the origin `api`.
    ///
    /// ```
    /// use tower_outbound_auth::system::{JwtKey, OAuth, OAuthClient};
    /// use tower_outbound_auth::{AuthLayer, Credential};
    ///
    /// # fn demo() -> Result<(), tower_outbound_auth::Error> {
    /// # #[cfg(feature = "oauth")] {
    /// // A private key in place of a secret.
    /// let key = JwtKey::new(Credential::file("/run/secrets/billing.pem")).with_key_id("2026-01");
    /// let client = OAuthClient::with_key("billing", key).audience("https://idp.example/realms/main");
    /// let system = OAuth::builder("https://idp.example/realms/main/protocol/openid-connect/token")
    ///     .client(client)
    ///     .scope("reports:read")
    ///     .build()?;
    /// let layer = AuthLayer::oauth(system, "https://reports.example")?;
    /// # let _ = layer;
    /// # }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration): the origin is no URL, or neither https nor a literal
    /// loopback address; the platform has no root certificate (not needed for plain http on loopback); the client is one of
    /// [`OAuthClient::tls`] or the tokens must be
    /// [bound](crate::system::OAuthBuilder::certificate_bound_tokens), and the system has no certificate.
    pub fn oauth<O>(system: OAuth, api: O) -> Result<AuthLayer<OAuth>, Error>
    where
        O: TryInto<Origin>,
        Error: From<O::Error>,
    {
        let is_tls = system.client.as_ref().is_some_and(OAuthClient::is_tls);
        if is_tls && system.certificate.is_none() {
            return Err(Error::configuration(
                "`OAuthClient::tls` and no certificate do not fit together: call `OAuthBuilder::certificate`",
            ));
        }
        if system.bound_tokens && system.certificate.is_none() {
            return Err(Error::configuration(
                "`certificate_bound_tokens` and no certificate do not fit together: call `OAuthBuilder::certificate`",
            ));
        }
        let endpoint = system.endpoint().clone();
        Ok(AuthLayer::for_endpoint(system, &endpoint)?.with_origin(api.try_into()?))
    }
}

#[cfg(feature = "oauth")]
impl AuthLayer<GoogleServiceAccount> {
    /// (Features `client` and `oauth`.) A Google service account by the JSON file of its key, for an API at the origin `api`.
    ///
    /// For a user for whom the account acts, and for other universes, see [`GoogleServiceAccount`] with
    /// [`for_endpoint`](AuthLayer::for_endpoint).
    ///
    /// ```
    /// use tower_outbound_auth::{AuthLayer, Credential, Error};
    ///
    /// # fn demo() -> Result<(), Error> {
    /// let file = Credential::file("/var/run/secrets/google/key.json");
    /// let scopes = ["https://www.googleapis.com/auth/pubsub"];
    /// let layer = AuthLayer::google_service_account(file, scopes, "https://pubsub.googleapis.com")?;
    /// # let _ = layer;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration): as for [`GoogleServiceAccount::new`]; the origin is no URL,
    /// or neither https nor a literal loopback address; the platform has no root certificate.
    pub fn google_service_account<S: Into<String>, O>(
        file: impl Into<Credential>,
        scopes: impl IntoIterator<Item = S>,
        api: O,
    ) -> Result<AuthLayer<GoogleServiceAccount>, Error>
    where
        O: TryInto<Origin>,
        Error: From<O::Error>,
    {
        let account = GoogleServiceAccount::new(file, scopes)?;
        let endpoint = account.endpoint().clone();
        Ok(AuthLayer::for_endpoint(account, &endpoint)?.with_origin(api.try_into()?))
    }
}

#[cfg(feature = "oauth")]
impl AuthLayer<GithubApp> {
    /// (Features `client` and `oauth`.) A GitHub App as one of its installations, for `https://api.github.com`.
    ///
    /// `app` is the client id or the app id. The source has the [settling time](GithubApp::SETTLING_TIME) that GitHub needs.
    ///
    /// ```
    /// use tower_outbound_auth::system::JwtKey;
    /// use tower_outbound_auth::{AuthLayer, Credential, Error};
    ///
    /// # fn demo() -> Result<(), Error> {
    /// let key = JwtKey::new(Credential::file("/run/secrets/github-app.pem"));
    /// let layer = AuthLayer::github_app("Iv23liabcdef", key, 12_345_678)?;
    /// # let _ = layer;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration): as for [`GithubApp::new`]; the platform has no root
    /// certificate.
    pub fn github_app(
        app: &str,
        key: JwtKey,
        installation: u64,
    ) -> Result<AuthLayer<GithubApp>, Error> {
        let app = GithubApp::new(app, key, installation)?;
        let endpoint = app.endpoint().clone();
        let layer = AuthLayer::for_endpoint(app, &endpoint)?;
        let layer = layer.with_origin(endpoint.origin().clone());
        Ok(layer.rebuild_source(|source| source.settling_time(GithubApp::SETTLING_TIME)))
    }
}

#[cfg(feature = "login")]
impl AuthLayer<Login> {
    /// (Features `client` and `login`.) A system as data, for an API at the origin `api`.
    ///
    /// [`AuthLayer::from_config`] reads a whole file. For rules about the body of a response, put
    /// [`Login::inspect_body`] below the layer.
    ///
    /// ```
    /// use tower_outbound_auth::system::{Login, LoginStep};
    /// use tower_outbound_auth::{AuthLayer, Credential};
    ///
    /// # fn demo() -> Result<(), tower_outbound_auth::Error> {
    /// let login = Login::builder("intranet")
    ///     .credential("password", Credential::file("/run/secrets/intranet"))
    ///     .step(LoginStep::post("https://intranet.example/login").json(r#"{"password": "{password}"}"#))
    ///     .token("/key")
    ///     .header("x-session-key", "{token}")
    ///     .build()?;
    /// let layer = AuthLayer::login(login, "https://intranet.example")?;
    /// # let _ = layer;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration): the origin is no URL, or neither https nor a literal
    /// loopback address; the platform has no root certificate (not needed for plain http on loopback).
    pub fn login<O>(login: Login, api: O) -> Result<AuthLayer<Login>, Error>
    where
        O: TryInto<Origin>,
        Error: From<O::Error>,
    {
        let client = client_for(login.uses_tls())?;
        Ok(AuthLayer::new(TokenSource::over_http(login, client)).with_origin(api.try_into()?))
    }
}

impl<S: Scheme> AuthLayer<S> {
    /// (Feature `client`.) Any scheme. [`HttpClient`] sends the requests to its token endpoint:
    /// with the platform's root certificates, or without any if `endpoint` is plain http on
    /// loopback. The layer is bound to no origin yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the platform has no root
    /// certificate (not needed for plain http on loopback).
    pub fn for_endpoint(scheme: S, endpoint: &TokenEndpoint) -> Result<AuthLayer<S>, Error> {
        let uses_tls = endpoint.uri().scheme_str() == Some("https");
        Ok(AuthLayer::new(TokenSource::over_http(scheme, client_for(uses_tls)?)))
    }
}

/// Root certificates are read only if TLS is used, so a loopback endpoint works on a machine without
/// any.
fn client_for(uses_tls: bool) -> Result<HttpClient, Error> {
    if uses_tls { HttpClient::new(TlsRoots::native()) } else { HttpClient::plain() }
}
