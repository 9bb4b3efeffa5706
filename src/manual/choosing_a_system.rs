//! From the words of a provider's documentation to a constructor.
//!
//! | the documentation says | use |
//! |---|---|
//! | "client credentials", "machine to machine", "service account with client id and secret", `grant_type=client_credentials` | [`ClientCredentials`](crate::system::ClientCredentials), or `AuthLayer::client_credentials` |
//! | "realm", "Keycloak" | [`OAuth::keycloak`](crate::system::OAuth::keycloak): [below](#keycloak) |
//! | Microsoft: "Entra ID", "Azure AD", "app registration", "tenant", "workload identity" | [`OAuth::entra`](crate::system::OAuth::entra): [below](#microsoft-entra) |
//! | Okta: "service app"; Auth0: "machine to machine application" | [`OAuth`](crate::system::OAuth): [Okta](#okta), [Auth0](#auth0) |
//! | an issuer, `.well-known/openid-configuration`, `.well-known/oauth-authorization-server` | [`OAuth::discover`](crate::system::OAuth::discover) |
//! | "private key JWT", `client_assertion`, "client secret JWT" | [`OAuth`](crate::system::OAuth) with [`OAuthClient::with_key`](crate::system::OAuthClient) or `with_secret_jwt` |
//! | a JWT of the platform as `client_assertion`: "workload identity federation" | [`OAuth`](crate::system::OAuth) with [`OAuthClient::with_assertion`](crate::system::OAuthClient::with_assertion), from a file |
//! | "token exchange", "on behalf of", `subject_token` | [`OAuth`](crate::system::OAuth) with [`OAuthGrant::TokenExchange`](crate::system::OAuthGrant::TokenExchange) |
//! | "JWT bearer", `assertion` | [`OAuth`](crate::system::OAuth) with [`OAuthGrant::JwtBearer`](crate::system::OAuthGrant::JwtBearer), or with [`OAuthGrant::Signed`](crate::system::OAuthGrant) if your service has the key |
//! | Google: "service account", a JSON file with `private_key` | [`AuthLayer::google_service_account`](crate::AuthLayer), or [`SelfSigned::google`](crate::system::SelfSigned) for a token without a request: [below](#google) |
//! | GitHub: "GitHub App", "installation access token" | [`AuthLayer::github_app`](crate::AuthLayer): [below](#a-github-app) |
//! | Snowflake: "key-pair authentication" | [`SelfSigned::snowflake`](crate::system::SelfSigned): [below](#snowflake) |
//! | Apple: "App Store Connect API", a file `AuthKey_….p8` | [`SelfSigned::app_store_connect`](crate::system::SelfSigned): [below](#app-store-connect) |
//! | Salesforce: "connected app", "JWT bearer flow" | [`OAuthGrant::salesforce`](crate::system::OAuthGrant): [below](#salesforce) |
//! | DocuSign: "JWT grant", "impersonation" | [`OAuthGrant::docusign`](crate::system::OAuthGrant): [below](#docusign) |
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
//! | "a new token may not work for a few seconds", replication, eventual consistency | [`settling_time`](crate::token::SourceBuilder::settling_time), beside the system (`AuthLayer::github_app` sets it) |
//! | "sign in as a user", a browser, a redirect | nothing here: this crate is for machines |
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
//! # What is said of providers
//!
//! It was read in the provider's documentation, in its own library, or in the tests of a library that many use. It was not
//! tried against the provider itself, except where it says so. What is *from memory* may be wrong: it can be set.
//!
//! # Providers of OAuth 2.0
//!
//! ## Keycloak
//!
//! Confirmed in Keycloak's documentation and in its issues: the path of the endpoint; that the `aud` of an assertion is one text, the
//! issuer; that the issuer has the public host name, whatever address a service uses. From memory: that a blank in the name of
//! a realm is `%20` in the issuer, and that Keycloak does not look at the `typ` of an assertion.
//!
//! ```
//! # #[cfg(all(feature = "client", feature = "oauth"))] {
//! use tower_outbound_auth::system::{JwtKey, OAuth, OAuthClient};
//! use tower_outbound_auth::{AuthLayer, Credential, Error};
//!
//! fn with_a_secret() -> Result<AuthLayer, Error> {
//!     let client = OAuthClient::with_secret("reports", Credential::file("/run/secrets/reports"));
//!     let system = OAuth::keycloak("https://auth.example", "main").client(client).build()?;
//!     Ok(AuthLayer::oauth(system, "https://reports.example")?.erased())
//! }
//!
//! // Within a cluster, by an address that the issuer does not have.
//! fn with_a_key() -> Result<AuthLayer, Error> {
//!     let key = JwtKey::new(Credential::file("/run/secrets/reports.pem")).with_key_id("2026-01");
//!     let client = OAuthClient::with_key("reports", key).audience("https://auth.example/realms/main");
//!     let system = OAuth::keycloak("https://keycloak.auth.svc", "main").client(client).build()?;
//!     Ok(AuthLayer::oauth(system, "https://reports.example")?.erased())
//! }
//! # let _ = (with_a_secret, with_a_key);
//! # }
//! ```
//!
//! In a file, the table is `oauth`, with the whole URL of the token endpoint as `endpoint`, and the issuer as `jwt_audience` beside
//! a `key`.
//!
//! ## Microsoft Entra
//!
//! Confirmed in Microsoft's libraries for .NET, Python and Rust: the endpoint; the hosts of the other clouds; the signature by PS256,
//! the thumbprint `x5t#S256`, and the endpoint as `aud` of an assertion; `typ` and the life of 300 s (others use 600 s); the
//! members of an answer, and `error_codes`; the variables of a pod, `AZURE_AUTHORITY_HOST` too. Confirmed by texts of Entra in
//! reports of users: that client credentials need a scope with `/.default` (AADSTS1002012), and the numbers 7000215 and 700024. Seen in
//! reports about logins of users only: AADSTS9010010 for a `resource`, AADSTS28000 for two resources. From memory: the number
//! 700027, and that Entra accepts `iat` beside `nbf`.
//!
//! ```
//! # #[cfg(all(feature = "client", feature = "oauth"))] {
//! use tower_outbound_auth::system::OAuth;
//! use tower_outbound_auth::{AuthLayer, Credential, Error};
//!
//! const APP: &str = "00000000-0000-0000-0000-000000000001";
//! const GRAPH: &str = "https://graph.microsoft.com";
//!
//! fn with_a_certificate() -> Result<AuthLayer, Error> {
//!     let pem = Credential::file("/run/secrets/graph.pem"); // the certificate and its private key
//!     let client = OAuth::entra("contoso.onmicrosoft.com").certificate(APP, pem);
//!     let system = client.scope(format!("{GRAPH}/.default")).build()?;
//!     Ok(AuthLayer::oauth(system, GRAPH)?.erased())
//! }
//!
//! // In a pod with Azure's workload identity.
//! fn in_a_pod() -> Result<AuthLayer, Error> {
//!     let system = OAuth::entra_from_env().scope("https://storage.azure.com/.default").build()?;
//!     Ok(AuthLayer::oauth(system, "https://account.blob.core.windows.net")?.erased())
//! }
//! # let _ = (with_a_certificate, in_a_pod);
//! # }
//! ```
//!
//! An operator can write the same into a file:
//!
//! ```
//! # #[cfg(all(feature = "client", feature = "oauth"))] {
//! use tower_outbound_auth::system::Config;
//!
//! let config: Config = toml::from_str(
//!     r#"
//!     api = "https://graph.microsoft.com"
//!
//!     [entra]
//!     tenant = "contoso.onmicrosoft.com"
//!     client_id = "00000000-0000-0000-0000-000000000001"
//!     certificate = "file:/run/secrets/tls.crt" # or `client_secret`, or `federated_token`
//!     key = "file:/run/secrets/tls.key" # if it is not in the same file
//!     scope = "https://graph.microsoft.com/.default"
//!     "#,
//! )?;
//! # let _ = config;
//! # }
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! ## Okta
//!
//! Confirmed in Okta's guide: the `aud` of an assertion is the full URL of the token endpoint, which is the default here; Basic and
//! the body for a secret; an assertion of an hour at most. Not confirmed: that Okta accepts the `typ` that this crate sends by default, so
//! the snippet sends `JWT`. From memory: an app may demand DPoP, which this crate does not have; that is a setting of the app.
//!
//! ```
//! # #[cfg(all(feature = "client", feature = "oauth"))] {
//! use tower_outbound_auth::system::{JwtKey, OAuth, OAuthClient};
//! use tower_outbound_auth::{AuthLayer, Credential, Error};
//!
//! fn okta() -> Result<AuthLayer, Error> {
//!     let key = JwtKey::new(Credential::file("/run/secrets/okta.pem")).with_key_id("the-kid-of-okta");
//!     let client = OAuthClient::with_key("0oar95zt9zIpYuz6A0h7", key).typ(Some("JWT"));
//!     let system = OAuth::builder("https://company.okta.com/oauth2/v1/token")
//!         .client(client)
//!         .scope("okta.users.read")
//!         .build()?;
//!     Ok(AuthLayer::oauth(system, "https://company.okta.com")?.erased())
//! }
//! # let _ = okta;
//! # }
//! ```
//!
//! ## Auth0
//!
//! Confirmed in Auth0's documentation: the path of the endpoint; the parameter `audience`, which names the API; the `aud` of an
//! assertion, which is the URL of the tenant with a slash at its end; 5 minutes at most. Not confirmed: as for Okta, the `typ`.
//!
//! ```
//! # #[cfg(all(feature = "client", feature = "oauth"))] {
//! use tower_outbound_auth::system::{JwtKey, OAuth, OAuthClient};
//! use tower_outbound_auth::{AuthLayer, Credential, Error};
//!
//! fn auth0() -> Result<AuthLayer, Error> {
//!     let key = JwtKey::new(Credential::file("/run/secrets/auth0.pem"));
//!     let client = OAuthClient::with_key("the-client-id", key)
//!         .audience("https://company.eu.auth0.com/") // with the slash
//!         .typ(Some("JWT"));
//!     let system = OAuth::builder("https://company.eu.auth0.com/oauth/token")
//!         .client(client)
//!         .audience("https://reports.example/v1") // the identifier of the API
//!         .build()?;
//!     Ok(AuthLayer::oauth(system, "https://reports.example")?.erased())
//! }
//! # let _ = auth0;
//! # }
//! ```
//!
//! # Providers with a key of their own
//!
//! These need the feature `oauth`. All of them read the key again before each use, so a key can be rotated in its file.
//!
//! ## Google
//!
//! Confirmed in Google's library: the claims, the `aud` (a constant, whatever the file says), and that a self-signed token has an
//! audience or scopes and never both.
//!
//! ```
//! # #[cfg(all(feature = "client", feature = "oauth"))] {
//! use tower_outbound_auth::system::{JwtKey, SelfSigned};
//! use tower_outbound_auth::{AuthLayer, Credential, Error, Origin};
//!
//! fn pubsub() -> Result<AuthLayer, Error> {
//!     let file = Credential::file("/var/run/secrets/google/key.json");
//!     let scopes = ["https://www.googleapis.com/auth/pubsub"];
//!     Ok(AuthLayer::google_service_account(file, scopes, "https://pubsub.googleapis.com")?.erased())
//! }
//!
//! // The same API without a token endpoint. The file has the key and its id.
//! fn pubsub_by_itself() -> Result<AuthLayer, Error> {
//!     let key = JwtKey::new(Credential::file("/var/run/secrets/google/key.json"));
//!     let email = "svc@project.iam.gserviceaccount.com";
//!     let tokens = SelfSigned::google(key, email, "https://pubsub.googleapis.com/")?;
//!     let auth = AuthLayer::new(tokens.source()).erased();
//!     Ok(auth.with_origin(Origin::parse("https://pubsub.googleapis.com")?))
//! }
//! # let _ = (pubsub, pubsub_by_itself);
//! # }
//! ```
//!
//! A quota project is a second header, which is always the same: `SetRequestHeaderLayer` of `tower_http` sets
//! `X-Goog-User-Project` below the layer (the name is from memory). For [Snowflake](#snowflake), it is done so.
//!
//! ## A GitHub App
//!
//! Confirmed in GitHub's library: the claims, the path, `token` and `expires_at`, and that a new token may be refused for some
//! seconds. From memory: that GitHub refuses requests without a `User-Agent`, which the crate sends to the token endpoint. Your own
//! requests need one too.
//!
//! ```
//! # #[cfg(all(feature = "client", feature = "oauth"))] {
//! use tower_outbound_auth::system::JwtKey;
//! use tower_outbound_auth::{AuthLayer, Credential, Error};
//!
//! fn github() -> Result<AuthLayer, Error> {
//!     let key = JwtKey::new(Credential::file("/run/secrets/github-app.pem"));
//!     Ok(AuthLayer::github_app("Iv23liabcdef", key, 12_345_678)?.erased())
//! }
//! # let _ = github;
//! # }
//! ```
//!
//! ## Snowflake
//!
//! Confirmed in Snowflake's samples and in the tests of Airflow: the claims, how the account is written, the second header, and 59
//! minutes. From memory: that an hour is the most. The second header is set by another layer:
//!
//! ```
//! # #[cfg(feature = "oauth")] {
//! use http::{HeaderName, HeaderValue};
//! use tower::ServiceBuilder;
//! use tower_http::set_header::SetRequestHeaderLayer;
//! use tower_outbound_auth::system::{JwtKey, SelfSigned};
//! use tower_outbound_auth::{AuthLayer, Credential, Origin};
//!
//! let key = JwtKey::new(Credential::file("/run/secrets/snowflake.p8"));
//! let tokens = SelfSigned::snowflake(key, "myorg-account1", "reports")?;
//! let auth = AuthLayer::new(tokens.source())
//!     .with_origin(Origin::parse("https://myorg-account1.snowflakecomputing.com")?);
//! let token_type = SetRequestHeaderLayer::overriding(
//!     HeaderName::from_static("x-snowflake-authorization-token-type"),
//!     HeaderValue::from_static("KEYPAIR_JWT"),
//! );
//! let stack = ServiceBuilder::new().layer(auth).layer(token_type);
//! # let _ = stack;
//! # }
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```
//!
//! ## App Store Connect
//!
//! Confirmed in a copy of Apple's page: ES256, `kid`, `aud`, and 20 minutes at most.
//!
//! ```
//! # #[cfg(feature = "oauth")] {
//! use tower_outbound_auth::system::{JwtKey, SelfSigned};
//! use tower_outbound_auth::{AuthLayer, Credential, Origin};
//!
//! let key = JwtKey::new(Credential::file("/run/secrets/AuthKey.p8")).with_key_id("2X9R4HXF34");
//! let tokens = SelfSigned::app_store_connect(key, "57246542-96fe-1a63-e053-0824d011072a")?;
//! let auth = AuthLayer::new(tokens.source())
//!     .with_origin(Origin::parse("https://api.appstoreconnect.apple.com")?);
//! # let _ = auth;
//! # }
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```
//!
//! ## Salesforce
//!
//! Confirmed in a library that many use: the claims, and a life of 3 minutes. Other pages say 3 to 5. The answer states no life of
//! the token, and names your `instance_url`, which is not added to the origins.
//!
//! ```
//! # #[cfg(all(feature = "client", feature = "oauth"))] {
//! use std::time::Duration;
//! use tower_outbound_auth::system::{JwtKey, OAuth, OAuthGrant};
//! use tower_outbound_auth::{AuthLayer, Credential, Error};
//!
//! fn salesforce() -> Result<AuthLayer, Error> {
//!     let login = "https://login.salesforce.com";
//!     let key = JwtKey::new(Credential::file("/run/secrets/salesforce.pem"));
//!     let grant = OAuthGrant::salesforce(key, "3MVG9…", "integration@company.example", login)?;
//!     let system = OAuth::builder(format!("{login}/services/oauth2/token"))
//!         .grant(grant)
//!         .extra("instance_url")
//!         .build()?;
//!     let auth = AuthLayer::oauth(system, "https://company.my.salesforce.com")?;
//!     // The life of a session is a setting of Salesforce.
//!     let hour = Duration::from_secs(3_600);
//!     Ok(auth.rebuild_source(|source| source.default_lifetime(hour)).erased())
//! }
//! # let _ = salesforce;
//! # }
//! ```
//!
//! ## DocuSign
//!
//! From pages of others: the claims, and `consent_required`, which counts as a refusal: a person must give the consent once, in a
//! browser.
//!
//! ```
//! # #[cfg(all(feature = "client", feature = "oauth"))] {
//! use tower_outbound_auth::system::{JwtKey, OAuth, OAuthGrant};
//! use tower_outbound_auth::{AuthLayer, Credential, Error};
//!
//! fn docusign() -> Result<AuthLayer, Error> {
//!     let host = "account-d.docusign.com";
//!     let key = JwtKey::new(Credential::file("/run/secrets/docusign.pem"));
//!     let scopes = ["signature", "impersonation"];
//!     let grant = OAuthGrant::docusign(key, "the-integration-key", "the-user-id", host, &scopes)?;
//!     let system = OAuth::builder(format!("https://{host}/oauth/token")).grant(grant).build()?;
//!     Ok(AuthLayer::oauth(system, "https://demo.docusign.net")?.erased())
//! }
//! # let _ = docusign;
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
