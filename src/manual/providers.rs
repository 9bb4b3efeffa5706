//! One snippet for each provider, and what is known about it.
//!
//! What is said of a provider was read in its documentation, in its own library, or in the tests of a library that many use. It was
//! not tried against the provider itself, except where it says so. What is *from memory* may be wrong: it can be set.
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
//! a `key`; or with the issuer as `issuer`, if the service reaches Keycloak by the address that the issuer has.
//!
//! ## Microsoft Entra
//!
//! Confirmed in Microsoft's libraries for .NET, Python and Rust: the endpoint; the hosts of the other clouds; the signature by PS256,
//! the thumbprint `x5t#S256`, and the endpoint as `aud` of an assertion; `typ` and the life of 300 s (others use 600 s); the
//! members of an answer, and `error_codes`; the variables of a pod, `AZURE_AUTHORITY_HOST` too. Confirmed by texts of Entra in
//! reports of users: that client credentials need a scope with `/.default` (AADSTS1002012), and the numbers 7000215 and 700024.
//! Confirmed in Microsoft's documentation and its library for Python: a claims challenge, and the capability `CP1`. Seen in
//! reports about logins of users only: AADSTS9010010 for a `resource`, AADSTS28000 for two resources. From memory: the numbers
//! 700016, 90002 and 700027, and that Entra accepts `iat` beside `nbf`.
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
//!
//! // Entra may then demand claims of a token (continuous access evaluation, Conditional Access): `CP1` says that they are answered.
//! fn with_claims_challenges(secret: Credential) -> Result<AuthLayer, Error> {
//!     let system = OAuth::entra("contoso.onmicrosoft.com")
//!         .secret(APP, secret)
//!         .scope(format!("{GRAPH}/.default"))
//!         .parameter("claims", r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#)
//!         .claims_challenges()
//!         .build()?;
//!     Ok(AuthLayer::oauth(system, GRAPH)?.erased())
//! }
//! # let _ = (with_a_certificate, in_a_pod, with_claims_challenges(Credential::from("secret")));
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
//! the snippet sends `JWT`. From memory: an app may demand DPoP (`OAuthBuilder::dpop`); that is a setting of the app.
//! Okta compares the decoded path of a proof (`Dpop::decoded_path`).
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
//! # The identity of a machine in a cloud
//!
//! A server of the cloud issues the token. It is reached from the machine or the container only, over plain http, at an address that
//! no router forwards. So there is no secret to keep. No proxy is used for it, whatever the environment says. These systems need
//! no feature. They were not tried against the clouds themselves: what they do was read in the libraries and the documentation of
//! Google and Microsoft. What is *from memory* may be wrong.
//!
//! ## Google: metadata server
//!
//! For Compute Engine, GKE with workload identity, and Cloud Run. Confirmed: the path, the header in both directions, scopes
//! separated by commas, and that the server keeps a token until it has 5 minutes to live. From memory: that a 403 means a missing
//! right, and that a virtual machine ignores scopes.
//!
//! ```
//! # #[cfg(feature = "client")] {
//! use tower_outbound_auth::system::GoogleMetadata;
//! use tower_outbound_auth::{AuthLayer, Error, Origin};
//!
//! fn pubsub() -> Result<AuthLayer, Error> {
//!     Ok(AuthLayer::google_metadata("https://pubsub.googleapis.com")?.erased())
//! }
//!
//! // Another service account of the machine, and scopes.
//! fn storage() -> Result<AuthLayer, Error> {
//!     let metadata = GoogleMetadata::new(&["https://www.googleapis.com/auth/devstorage.read_only"])?
//!         .with_account("reader@project.iam.gserviceaccount.com")?;
//!     let endpoint = metadata.endpoint().clone();
//!     let auth = AuthLayer::for_endpoint(metadata, &endpoint)?.erased();
//!     Ok(auth.with_origin(Origin::parse("https://storage.googleapis.com")?))
//! }
//! # let _ = (pubsub, storage);
//! # }
//! ```
//!
//! ## Azure: managed identity
//!
//! `resource` is the App ID URI of the API, and no scope: `https://vault.azure.net`, and not `https://vault.azure.net/.default`.
//! Confirmed: the paths, the headers, the parameters, numbers that are texts, and which statuses pass. Azure Arc and Service Fabric
//! are not supported. The workload identity of a pod is no managed identity of this kind: see
//! [Entra](#microsoft-entra).
//!
//! ```
//! # #[cfg(feature = "client")] {
//! use tower_outbound_auth::system::{AzureManagedIdentity, UserAssignedIdentity};
//! use tower_outbound_auth::{AuthLayer, Error, Origin};
//!
//! const RESOURCE: &str = "https://vault.azure.net";
//! const VAULT: &str = "https://company.vault.azure.net";
//!
//! // A virtual machine.
//! fn vault() -> Result<AuthLayer, Error> {
//!     Ok(AuthLayer::azure_managed_identity(RESOURCE, VAULT)?.erased())
//! }
//!
//! // A virtual machine with several identities, or with a user-assigned one that is meant.
//! fn vault_by_an_identity() -> Result<AuthLayer, Error> {
//!     let id = UserAssignedIdentity::ClientId("5e29463d-71da-4fe0-8e69-999b57db23b0".into());
//!     let identity = AzureManagedIdentity::new(RESOURCE)?.with_identity(id)?;
//!     let endpoint = identity.endpoint().clone();
//!     let auth = AuthLayer::for_endpoint(identity, &endpoint)?.erased();
//!     Ok(auth.with_origin(Origin::parse(VAULT)?))
//! }
//!
//! // App Service, Functions, Container Apps, with a user-assigned identity.
//! fn vault_of_an_app() -> Result<AuthLayer, Error> {
//!     let id = UserAssignedIdentity::ClientId("5e29463d-71da-4fe0-8e69-999b57db23b0".into());
//!     let identity = AzureManagedIdentity::from_app_service_env(RESOURCE)?.with_identity(id)?;
//!     let endpoint = identity.endpoint().clone();
//!     let auth = AuthLayer::for_endpoint(identity, &endpoint)?.erased();
//!     Ok(auth.with_origin(Origin::parse(VAULT)?))
//! }
//! # let _ = (vault, vault_by_an_identity, vault_of_an_app);
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
