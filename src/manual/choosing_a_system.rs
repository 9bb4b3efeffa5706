//! From the words of a provider's documentation to a constructor.
//!
//! | the documentation says | use |
//! |---|---|
//! | "client credentials", "machine to machine", "service account with client id and secret", `grant_type=client_credentials` | [`ClientCredentials`](crate::system::ClientCredentials), or `AuthLayer::client_credentials` |
//! | "realm", "Keycloak" | [`OAuth::keycloak`](crate::system::OAuth::keycloak): [snippet](super::providers#keycloak) |
//! | Microsoft: "Entra ID", "Azure AD", "app registration", "tenant", "workload identity" | [`OAuth::entra`](crate::system::OAuth::entra): [snippet](super::providers#microsoft-entra) |
//! | Okta: "service app"; Auth0: "machine to machine application" | [`OAuth`](crate::system::OAuth): [Okta](super::providers#okta), [Auth0](super::providers#auth0) |
//! | an issuer, `.well-known/openid-configuration`, `.well-known/oauth-authorization-server` | [`OAuth::discover`](crate::system::OAuth::discover), or `issuer` in the table `oauth` of a [file](crate::system::Config) |
//! | "private key JWT", `client_assertion`, "client secret JWT" | [`OAuth`](crate::system::OAuth) with [`OAuthClient::with_key`](crate::system::OAuthClient) or `with_secret_jwt` |
//! | a JWT of the platform as `client_assertion`: "workload identity federation" | [`OAuth`](crate::system::OAuth) with [`OAuthClient::with_assertion`](crate::system::OAuthClient::with_assertion), from a file |
//! | "mTLS", "mutual TLS", `tls_client_auth`, `self_signed_tls_client_auth`, "certificate-bound access tokens" | [`OAuth`](crate::system::OAuth) with [`OAuthClient::tls`](crate::system::OAuthClient) and `OAuthBuilder::certificate`: [`manual::mtls`](super::mtls) |
//! | "DPoP", "sender-constrained tokens", `use_dpop_nonce` | [`OAuth`](crate::system::OAuth) with `OAuthBuilder::dpop` (feature `oauth`): `manual::dpop` |
//! | "token exchange", "on behalf of", `subject_token` | [`OAuth`](crate::system::OAuth) with [`OAuthGrant::TokenExchange`](crate::system::OAuthGrant::TokenExchange); [snippet](#two-identity-providers-one-after-the-other) |
//! | "JWT bearer", `assertion` | [`OAuth`](crate::system::OAuth) with [`OAuthGrant::JwtBearer`](crate::system::OAuthGrant::JwtBearer), or with [`OAuthGrant::Signed`](crate::system::OAuthGrant) if your service has the key |
//! | Google: "service account", a JSON file with `private_key` | [`AuthLayer::google_service_account`](crate::AuthLayer), or [`SelfSigned::google`](crate::system::SelfSigned) for a token without a request: [snippet](super::providers#google) |
//! | Google: "metadata server", "attached service account", "workload identity" on GKE, Cloud Run | [`AuthLayer::google_metadata`](crate::AuthLayer): [snippet](super::providers#google-metadata-server) |
//! | Azure: "managed identity", "IMDS", `IDENTITY_ENDPOINT` | [`AuthLayer::azure_managed_identity`](crate::AuthLayer): [snippet](super::providers#azure-managed-identity) |
//! | GitHub: "GitHub App", "installation access token" | [`AuthLayer::github_app`](crate::AuthLayer): [snippet](super::providers#a-github-app) |
//! | Snowflake: "key-pair authentication" | [`SelfSigned::snowflake`](crate::system::SelfSigned): [snippet](super::providers#snowflake) |
//! | Apple: "App Store Connect API", a file `AuthKey_….p8` | [`SelfSigned::app_store_connect`](crate::system::SelfSigned): [snippet](super::providers#app-store-connect) |
//! | Salesforce: "connected app", "JWT bearer flow" | [`OAuthGrant::salesforce`](crate::system::OAuthGrant): [snippet](super::providers#salesforce) |
//! | DocuSign: "JWT grant", "impersonation" | [`OAuthGrant::docusign`](crate::system::OAuthGrant): [snippet](super::providers#docusign) |
//! | "sign a JWT with your private key and send it as a bearer token" | [`SelfSigned::new`](crate::system::SelfSigned) |
//! | "send the client id and secret in the body" | `ClientCredentials` with [`ClientAuth::Post`](crate::system::ClientAuth::Post) |
//! | "scope", "audience", "resource" | [`with_scope`](crate::system::ClientCredentials::with_scope), [`with_audience`](crate::system::ClientCredentials::with_audience), [`with_resource`](crate::system::ClientCredentials::with_resource) |
//! | the answer names the address of your instance, a team or a user: `instance_url`, `team_id` | [`ClientCredentials::with_extra`](crate::system::ClientCredentials::with_extra), or `extra` of a [`Login`](crate::manual::login); your program reads [`AccessToken::extra`](crate::AccessToken::extra), and compares an address with those it knows |
//! | headers `Client-Id` and `Client-Secret`, a token in the header `Token` | [`Atlas`](crate::system::Atlas), or `AuthLayer::atlas` |
//! | "each response has a new token in `Authorization`" | `Rotating` (feature `rotating`), or `AuthLayer::rotating` |
//! | "API key", "personal access token": one text that does not expire | [`TokenSource::fixed`](crate::TokenSource::fixed) with [`HeaderScheme`](crate::system::HeaderScheme) |
//! | a login of its own: JSON, a form, two requests, a session, a cookie | a [`Login`](crate::manual::login): a file without code; or a [scheme of your own](super::your_own_system) |
//! | another name of the grant, such as `account_credentials`; parameters of its own | `ClientCredentials` with [`with_grant_type`](crate::system::ClientCredentials::with_grant_type) and [`with_parameter`](crate::system::ClientCredentials::with_parameter) |
//! | "projected service account token", "token sink", "JWT-SVID": a token in a file that a platform rewrites | [`AuthLayer::token_file`](crate::AuthLayer::token_file) |
//! | a token from a program or from a key service | an [exchange of your own](crate::exchange) |
//! | "refresh token" beside client credentials | [`with_refresh_tokens`](crate::system::ClientCredentials::with_refresh_tokens); with most servers it has no advantage |
//! | "offline access", `offline_access`, "authorize once and keep the refresh token" | [`OAuthGrant::RefreshToken`](crate::system::OAuthGrant), with a store: [`manual::refresh_tokens`](super::refresh_tokens) |
//! | "a new token may not work for a few seconds", replication, eventual consistency | [`settling_time`](crate::token::SourceBuilder::settling_time), beside the system (`AuthLayer::github_app` sets it) |
//! | "sign in as a user", a browser, a redirect | nothing here: this crate is for machines. If a person can log in once elsewhere, keep the refresh token: [`manual::refresh_tokens`](super::refresh_tokens) |
//!
//! To try a choice before you write code, run the doctor in a clone of this crate. `cargo run --example doctor -- --help` shows its
//! options. It asks the token endpoint once, says what the endpoint does differently from the RFCs, and writes the code and the
//! [file](crate::system::Config) that work.
//!
//! # An OAuth 2.0 server with details of its own
//!
//! ```
//! # #[cfg(feature = "client")] {
//! use tower_outbound_auth::endpoint::TokenEndpoint;
//! use tower_outbound_auth::system::{ClientAuth, ClientCredentials};
//! use tower_outbound_auth::{AuthLayer, Credential, Error, Origin};
//!
//! fn reports() -> Result<AuthLayer, Error> {
//!     let endpoint = TokenEndpoint::keycloak("https://idp.example", "main")?;
//!     let system = ClientCredentials::new(endpoint.clone(), "reports", Credential::env("REPORTS_SECRET"))?
//!         .with_auth(ClientAuth::Post)
//!         .with_scope("reports:read");
//!     let auth = AuthLayer::for_endpoint(system, &endpoint)?;
//!     Ok(auth.with_origin(Origin::parse("https://reports.example")?).erased())
//! }
//! # let _ = reports;
//! # }
//! ```
//!
//! # A client with a private key, in a file
//!
//! An operator writes the file, and the program reads it. The table `oauth` has all that [`OAuth`](crate::system::OAuth) can do;
//! [`Config`](crate::system::Config) lists its members. Two members that do not fit together are an error that names both.
//!
//! ```
//! # #[cfg(all(feature = "client", feature = "oauth"))] {
//! use tower_outbound_auth::system::Config;
//! use tower_outbound_auth::{AuthLayer, Error};
//!
//! let config: Config = toml::from_str(
//!     r#"
//!     api = "https://reports.example"
//!
//!     [oauth]
//!     endpoint = "https://idp.example/token"
//!     client_id = "reports"
//!     key = "file:/run/secrets/reports.pem" # private_key_jwt
//!     jwt_audience = "https://idp.example/" # what your provider wants: its issuer, or its token endpoint
//!     scope = ["reports:read", "reports:write"]
//!     resource = "https://reports.example/v1"
//!     "#,
//! )?;
//!
//! fn auth(config: Config) -> Result<AuthLayer, Error> {
//!     AuthLayer::from_config(config)
//! }
//! # let _ = (config, auth);
//! # }
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Two identity providers, one after the other
//!
//! A gateway gets a token of its own provider, and exchanges it at the provider of a partner. The first source is a credential of
//! the second one. If the partner refuses the token, the first source renews it, and the exchange is repeated once. A file cannot
//! have such a chain: its `subject` is a file or a variable. So write it in Rust.
//!
//! ```
//! # #[cfg(feature = "client")] {
//! use tower_outbound_auth::endpoint::HttpClient;
//! use tower_outbound_auth::system::{ClientCredentials, OAuth, OAuthClient, OAuthGrant, TokenExchange};
//! use tower_outbound_auth::{AuthLayer, Credential, Error, TokenSource};
//!
//! fn partner(client: HttpClient) -> Result<AuthLayer, Error> {
//!     let secret = Credential::file("/run/secrets/ours");
//!     let ours = ClientCredentials::new("https://idp.ours.example/token", "gateway", secret)?
//!         .with_audience("https://idp.partner.example"); // the partner must accept the audience
//!     let ours = TokenSource::over_http(ours, client);
//!
//!     let system = OAuth::builder("https://idp.partner.example/token")
//!         .client(OAuthClient::with_secret("gateway-at-partner", Credential::file("/run/secrets/partner")))
//!         .grant(OAuthGrant::TokenExchange(TokenExchange::of(ours)))
//!         .audience("https://api.partner.example")
//!         .build()?;
//!     Ok(AuthLayer::oauth(system, "https://api.partner.example")?.erased())
//! }
//! # let _ = partner;
//! # }
//! ```
//!
//! # A key that does not expire
//!
//! ```
//! use http::HeaderName;
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::{AuthLayer, Origin, TokenSource};
//!
//! // `X-Api-Key: <key>`, without a prefix.
//! let scheme = HeaderScheme::new(HeaderName::from_static("x-api-key"), "");
//! let auth = AuthLayer::new(TokenSource::fixed(scheme, "the-key")?)
//!     .with_origin(Origin::parse("https://maps.example")?);
//! # let _ = auth;
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```
//!
//! # Two systems at once
//!
//! A request may need two credentials: a gateway's key and the API's token. Put one layer on the other. Each sets its own
//! header.
