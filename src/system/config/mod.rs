//! One file for any system, which an operator writes.

pub(crate) mod client_id;
pub(crate) mod cloud;
#[cfg(feature = "oauth")]
pub(crate) mod entra;
#[cfg(feature = "oauth")]
pub(crate) mod oauth;
pub(crate) mod seconds;
pub(crate) mod systems;
pub(crate) mod texts;
pub(crate) mod written;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use tower_service::Service;

use crate::auth::inspect::layer::InspectBodyLayer;
use crate::auth::layer::AuthLayer;
use crate::endpoint::client::HttpClient;
use crate::endpoint::tls::TlsRoots;
use crate::error::{BoxError, Error};
use crate::origin::Origin;
use crate::scheme::presentation::Presentation;
#[cfg(feature = "store")]
use crate::store::file::FileStore;
use crate::system::config::systems::{System, Tokens};
use crate::system::config::written::Written;
use crate::token::builder::SourceBuilder;
use crate::token::source::TokenSource;

/// The configuration of one system, from a file that an operator writes.
///
/// serde reads it from TOML, JSON, or another format, and it is checked while it is read. So the error of the format's crate
/// names the line (that of the table, if two members do not fit each other). It contains references to secrets (`file:/run/secrets/x`, `env:NAME`), and no secrets.
///
/// | table | system | members |
/// |---|---|---|
/// | `client_credentials` | [`ClientCredentials`](super::ClientCredentials) | `endpoint`, `client_id`, `client_secret`; `auth` (`basic`, `basic-percent`, `basic-raw`, `basic-form`, `post`), `grant_type`, `scope`, `audience`, `resource`, `parameters`, `refresh_tokens`, `token_member`, `extra` (a list of members for the caller), `strict_token_type` |
/// | `oauth` (feature `oauth`) | [`OAuth`](super::OAuth) | see below |
/// | `entra` (feature `oauth`) | [`Entra`](super::Entra) | `tenant`, `client_id`, `scope` (one resource and `/.default`); one of `client_secret`, `certificate` (a PEM, which has the key too unless `key` names another place) and `federated_token`, each a reference; `authority` (default: that of the public cloud) |
/// | `atlas` | [`Atlas`](super::Atlas) | `endpoint`, `client_id`, `client_secret`; `refresh_endpoint` and `refresh_token_in` (`header:name`, `json:name`, `form:name`) |
/// | `rotating` | [`Rotating`](super::Rotating) | `api_root`, `api_key`, `client_secret`; `adopt` (`every-newer`, `when-due`), `token_member` |
/// | `google_metadata` | [`GoogleMetadata`](super::GoogleMetadata) | `account`, `scopes` (a list), `endpoint` (the root of an emulator, without a path); an empty table has the defaults |
/// | `azure_managed_identity` | [`AzureManagedIdentity`](super::AzureManagedIdentity) | `resource`; `client_id`, `object_id` or `resource_id` of a user-assigned identity; `endpoint` (the whole URL of another server, with its path); or `app_service = true` for App Service, Functions and Container Apps |
/// | `token_file` | [a bearer token in a file](crate::AuthLayer::token_file) | `path` |
/// | `login` | [`Login`](super::Login) | see the manual's chapter [`login`](crate::manual::login) |
///
/// A file has one of these tables. Beside it stand `api` (the origin of the API, or a list; the default for `atlas` and
/// `rotating` is the endpoint's), `exchange_timeout`, `default_lifetime` and
/// [`settling_time`](crate::token::SourceBuilder::settling_time) in seconds, `store`, the path of a file that keeps the login, and
/// `reuse_grace` in seconds (feature `store`; for a login in a file or by `grant = "refresh_token"`; see
/// [`manual::refresh_tokens`](crate::manual::refresh_tokens)), `ca_file`, a PEM file with the
/// only certificate authorities that the token endpoint may have (default: those of the platform), and `proxy`, the URL of a
/// proxy without a password, or `env` for [the one that the environment
/// names](crate::endpoint::HttpClient::with_proxy_from_env) (default: none).
///
/// The members of `oauth` are `endpoint`, or `issuer` ([`OAuth::discover`](super::OAuth::discover)), and:
///
/// | | members |
/// |---|---|
/// | beside `issuer` | `token_endpoint_origin`, another origin that the token endpoint may have, or a list |
/// | the client | `client_id`, and one of its proofs: `client_secret`, `key`, `secret_jwt` or `assertion`, each a reference; or `certificate`; or `auth = "none"` for a public client |
/// | beside `client_secret` | `auth` (`basic`, `basic-percent`, `basic-raw`, `basic-form`, `post`; default `basic`) |
/// | beside `key`, a private key as PEM or JWK | `key_id`; `algorithm` (`RS256`, `PS256`, `ES256`, `ES384`, `EdDSA`; default: what the key decides); while a new key is introduced, `previous_key` and `previous_key_id` |
/// | beside `key` or `secret_jwt`, whose secret signs (HS256) and is not sent | `jwt_audience` (default: the issuer, if it is written, else the endpoint), `jwt_typ` (empty: none), `backdate` in seconds; see [`OAuthClient`](super::OAuthClient) |
/// | the certificate that is shown in TLS, alone or beside another proof | `certificate`, a reference to a PEM with the certificate and its key; or `certificate` and `certificate_key`; `certificate_bound_tokens`, whether tokens must be bound to it; see [`manual::mtls`](crate::manual::mtls) |
/// | beside `assertion`, a JWT that another program writes | `assertion_type` |
/// | the grant | `grant` (`client_credentials`, `jwt_bearer`, `token_exchange`, `refresh_token`; default `client_credentials`) |
/// | beside `grant = "refresh_token"` (feature `store`) | `refresh_token`, a reference to the first refresh token of the login |
/// | beside `jwt_bearer` | `grant_assertion`, a reference |
/// | beside `token_exchange` | `subject`, a reference, and `subject_type`; `actor`, a reference, and `actor_type`; `requested_type` |
/// | what is wanted | `scope`, `audience` and `resource`, each a text or a list of texts; `authorization_details`, a JSON array as a text; `parameters` |
/// | the request and the answer | `headers` (names and references); `refresh_tokens`, `token_member`, `extra`, `strict_token_type` |
/// | tokens that are bound to a key ([`manual::dpop`](crate::manual::dpop)) | `dpop = true`, or a table with `key` (a reference to a PEM or a JWK; default: a new key in memory), `optional`, `decoded_path`, and `htu_base`, a table from an origin to the address that its server sees; see [`Dpop`](super::Dpop) |
///
/// The errors of this crate contain no secret. But some formats' crates also quote the line of the file: `toml` does so in its
/// `Display`, and not in its `message()`. So if somebody has written a secret into the file, print `error.message()` only.
///
/// A `client_id` is the id itself, or its place: `{ from = "env:CLIENT_ID" }`, `{ from = "file:/run/secrets/client-id" }`.
///
/// ```
/// use tower_outbound_auth::AuthLayer;
/// use tower_outbound_auth::system::Config;
///
/// let config: Config = serde_json::from_str(
///     r#"{
///         "api": "http://127.0.0.1:8080",
///         "client_credentials": {
///             "endpoint": "http://127.0.0.1:8080/token",
///             "client_id": "billing",
///             "client_secret": "file:/run/secrets/billing",
///             "scope": "reports:read"
///         }
///     }"#,
/// )?;
/// let layer = AuthLayer::from_config(config)?;
/// # let _ = layer;
/// # Ok::<_, tower_outbound_auth::BoxError>(())
/// ```
#[derive(Debug)]
pub struct Config {
    system: System,
    api: Vec<Origin>,
    exchange_timeout: Option<Duration>,
    default_lifetime: Option<Duration>,
    settling_time: Option<Duration>,
    #[cfg(feature = "store")]
    store: Option<PathBuf>,
    #[cfg(feature = "store")]
    reuse_grace: Option<Duration>,
    ca_file: Option<PathBuf>,
    proxy: Option<String>,
}

impl Config {
    /// The client for the token endpoint, with the certificate authorities and the proxy of the file. For a client of
    /// your own, see [`layer_over`](Config::layer_over).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if `ca_file` cannot be read, or if there is no root
    /// certificate to trust (not needed for plain http on loopback), or if `proxy` is no URL of a proxy.
    pub fn client(&self) -> Result<HttpClient, Error> {
        let roots = match &self.ca_file {
            Some(path) => {
                let pem = std::fs::read(path).map_err(|error| {
                    let path = path.display();
                    Error::configuration(format!(
                        "`ca_file`, the file {path}, cannot be read: {error}"
                    ))
                })?;
                Some(TlsRoots::pem(&pem)?)
            }
            None => self.system.uses_tls.then(TlsRoots::native),
        };
        let client = roots.map_or_else(HttpClient::plain, HttpClient::new)?;
        match self.proxy.as_deref() {
            Some("env") => Ok(client.with_proxy_from_env()),
            Some(proxy) => client.with_proxy(proxy),
            None => Ok(client),
        }
    }

    /// The layer that reads the bodies of responses, if a [`Login`](super::Login) has rules about them; see
    /// [`Login::inspect_body`](super::Login::inspect_body). For other systems it reads nothing.
    #[must_use]
    pub fn inspect_body(&self) -> InspectBodyLayer {
        self.system.inspect.clone()
    }

    /// A layer that asks the token endpoint through `client`. See
    /// [`TokenSource::over_http`](crate::TokenSource::over_http).
    pub fn layer_over<C, RB>(self, client: C) -> AuthLayer
    where
        C: Service<Request<Full<Bytes>>, Response = Response<RB>> + Clone + Send + 'static,
        C::Future: Send,
        C::Error: Into<BoxError>,
        RB: Body + Send + 'static,
        RB::Data: Send,
        RB::Error: Into<BoxError>,
    {
        let source = match &self.system.tokens {
            Tokens::Endpoint(scheme) => {
                self.with_options(TokenSource::builder_over_http(scheme.clone(), client)).erased()
            }
            Tokens::File(source) => self.with_options(source.to_builder()).erased(),
        };
        self.api.into_iter().fold(AuthLayer::new(source), AuthLayer::with_origin)
    }

    fn with_options<P: Presentation>(&self, source: SourceBuilder<P>) -> TokenSource<P> {
        let source = match self.exchange_timeout {
            Some(timeout) => source.exchange_timeout(timeout),
            None => source,
        };
        let source = match self.settling_time {
            Some(time) => source.settling_time(time),
            None => source,
        };
        #[cfg(feature = "store")]
        let source = match &self.store {
            Some(path) => source.store(FileStore::new(path)),
            None => source,
        };
        #[cfg(feature = "store")]
        let source = match self.reuse_grace {
            Some(grace) => source.reuse_grace(grace),
            None => source,
        };
        match self.default_lifetime {
            Some(lifetime) => source.default_lifetime(lifetime).build(),
            None => source.build(),
        }
    }
}

impl AuthLayer {
    /// (Feature `client`.) The layer for the system that a file describes.
    ///
    /// ```
    /// use tower_outbound_auth::{AuthLayer, BoxError};
    ///
    /// fn auth(json: &str) -> Result<AuthLayer, BoxError> {
    ///     Ok(AuthLayer::from_config(serde_json::from_str(json)?)?)
    /// }
    /// # assert!(auth("{}").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`Config::client`].
    pub fn from_config(config: Config) -> Result<AuthLayer, Error> {
        let client = config.client()?;
        Ok(config.layer_over(client))
    }
}

/// Checks the file while it is read. Our errors contain no secret; the crate of a format may quote the line.
impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Config, D::Error> {
        let mut written = Written::deserialize(deserializer)?;
        let system = written.take_system().map_err(D::Error::custom)?;
        #[cfg(feature = "store")]
        written.check_store(&system).map_err(D::Error::custom)?;
        let mut api = written.api.0;
        if api.is_empty() {
            let missing =
                "`api`, the origin of the API, is missing: the credential is sent only there";
            api.push(system.api.clone().ok_or_else(|| D::Error::custom(missing))?);
        }
        Ok(Config {
            system,
            api,
            exchange_timeout: written.exchange_timeout.map(|it| it.0),
            default_lifetime: written.default_lifetime.map(|it| it.0),
            settling_time: written.settling_time.map(|it| it.0),
            #[cfg(feature = "store")]
            store: written.store,
            #[cfg(feature = "store")]
            reuse_grace: written.reuse_grace.map(|it| it.0),
            ca_file: written.ca_file,
            proxy: written.proxy.map(|it| it.0),
        })
    }
}
