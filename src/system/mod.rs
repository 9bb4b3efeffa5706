//! The systems that are built in: how each exchanges credentials, and which header carries its tokens.
//!
//! | system | the header of a token | the exchange |
//! |---|---|---|
//! | [`Atlas`] | `Token: <token>` | `POST` with `Client-Id` and `Client-Secret` headers |
//! | [`ClientCredentials`] | `Authorization: Bearer <token>` | OAuth 2.0, RFC 6749 section 4.4 |
//! | [`OAuth`] | `Authorization: Bearer <token>` | OAuth 2.0 with any grant, and any way to authenticate the client |
//! | [`OAuth`] with [`Dpop`] (feature `oauth`) | `Authorization: DPoP <token>`, and a proof in `DPoP` | the same, with tokens that are bound to a key |
//! | [`OAuth`] with a [certificate](crate::manual::mtls) (feature `client`) | `Authorization: Bearer <token>` | the same, over TLS that shows a certificate, to which tokens may be bound |
//! | [`OAuth::keycloak`], [`OAuth::entra`] | `Authorization: Bearer <token>` | OAuth 2.0, as Keycloak and Microsoft Entra want it |
//! | [`SelfSigned`] (feature `oauth`) | `Authorization: Bearer <jwt>` | none: the JWT is signed here |
//! | [`GoogleServiceAccount`] (feature `oauth`) | `Authorization: Bearer <token>` | OAuth 2.0, with a JWT that is signed here |
//! | [`GoogleMetadata`] | `Authorization: Bearer <token>` | `GET` of Google's metadata server, without a secret |
//! | [`AzureManagedIdentity`] | `Authorization: Bearer <token>` | `GET` of Azure's metadata server, without a secret; or of App Service's, with the header that the platform sets |
//! | [`GithubApp`] (feature `oauth`) | `Authorization: Bearer <token>` | `POST` with a JWT that is signed here |
//! | [`Rotating`] (feature `rotating`) | `Authorization: Bearer <jwt>`, renewed by every response | `POST` of a JSON object |
//! | [`Login`] (feature `login`) | a header of your choice | as its data says: any login of one to four requests |
//! | [`AuthLayer::token_file`](crate::AuthLayer::token_file) | `Authorization: Bearer <token>` | none: the token is in a file, which a platform rewrites |
//! | [`HeaderScheme`] | a header and prefix of your choice | none: pair it with an [`Exchange`] |
//!
//! [`Exchange`]: crate::exchange::Exchange
//!
//! [`JwtKey`] and [`SigningKey`] (feature `oauth`) are the private keys that sign JWTs.
//!
//! ```
//! use tower_outbound_auth::AuthLayer;
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::TokenSource;
//!
//! let source = TokenSource::fixed(HeaderScheme::bearer(), "a-token")?;
//! let layer = AuthLayer::new(source);
//! # let _ = layer;
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```

pub(crate) mod atlas;
pub(crate) mod client;
pub(crate) mod cloud;
#[cfg(feature = "client")]
pub(crate) mod config;
#[cfg(feature = "oauth")]
pub(crate) mod github_app;
#[cfg(feature = "oauth")]
pub(crate) mod google;
pub(crate) mod header;
#[cfg(feature = "login")]
pub(crate) mod login;
#[cfg(any(feature = "client", feature = "login"))]
pub(crate) mod named;
pub(crate) mod oauth;
#[cfg(feature = "client")]
mod presets;
#[cfg(feature = "rotating")]
pub(crate) mod rotating;
#[cfg(feature = "oauth")]
pub(crate) mod self_signed;
pub(crate) mod token_file;

pub use self::atlas::Atlas;
pub use self::cloud::azure::AzureManagedIdentity;
pub use self::cloud::google_metadata::GoogleMetadata;
pub use self::cloud::user_assigned::UserAssignedIdentity;
#[cfg(feature = "client")]
pub use self::config::Config;
#[cfg(feature = "oauth")]
pub use self::github_app::GithubApp;
#[cfg(feature = "oauth")]
pub use self::google::GoogleServiceAccount;
pub use self::header::HeaderScheme;
#[cfg(feature = "login")]
pub use self::login::{AnswerRule, Login, LoginBuilder, LoginStep};
pub use self::oauth::builder::OAuthBuilder;
pub use self::oauth::client::OAuthClient;
pub use self::oauth::client_auth::{BasicEncoding, ClientAuth};
pub use self::oauth::client_credentials::ClientCredentials;
#[cfg(feature = "oauth")]
pub use self::oauth::dpop::Dpop;
pub use self::oauth::grant::{OAuthGrant, TokenExchange};
#[cfg(feature = "oauth")]
pub use self::oauth::key::{Algorithm, JwtKey, SigningKey};
pub use self::oauth::preset::entra::Entra;
pub use self::oauth::refresh::RefreshTokenIn;
pub use self::oauth::system::OAuth;
#[cfg(feature = "rotating")]
pub use self::rotating::Rotating;
#[cfg(feature = "oauth")]
pub use self::self_signed::SelfSigned;
