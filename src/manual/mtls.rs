//! A certificate of the client (mutual TLS, RFC 8705).
//!
//! A client can show a certificate in TLS. This has two uses, together or alone:
//!
//! | use | what the provider does | in this crate |
//! |---|---|---|
//! | it says who the client is, in place of a secret | `tls_client_auth` (it trusts an authority), or `self_signed_tls_client_auth` (it knows each certificate) | [`OAuthClient::tls`](crate::system::OAuthClient) and [`OAuthBuilder::certificate`](crate::system::OAuthBuilder) |
//! | it binds the tokens | the token has the certificate's thumbprint (`cnf`, `x5t#S256`), and the API compares it with the certificate of the connection | [`OAuthBuilder::certificate`](crate::system::OAuthBuilder), and the certificate at the client of the API |
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use hyper_rustls::HttpsConnectorBuilder;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::ServiceBuilder;
//! use tower_outbound_auth::endpoint::ClientCertificate;
//! use tower_outbound_auth::system::{OAuth, OAuthClient};
//! use tower_outbound_auth::{AuthLayer, BoxError, Credential};
//!
//! fn start(tls: rustls::ClientConfig) -> Result<(), BoxError> {
//!     let file = |name: &str| Credential::file(format!("/var/run/secrets/billing/{name}"));
//!     let certificate = ClientCertificate::with_key(file("tls.crt"), file("tls.key"));
//!     let system = OAuth::discover("https://idp.example")
//!         .client(OAuthClient::tls("billing"))
//!         .certificate(certificate.clone())
//!         .certificate_bound_tokens()
//!         .build()?;
//!     let auth = AuthLayer::oauth(system, "https://reports.example")?;
//!
//!     // The API must see the certificate too.
//!     let client = certificate.clients(tls, |tls| {
//!         let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build();
//!         Ok(Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(https))
//!     });
//!     let api = ServiceBuilder::new().layer(auth).service(client);
//! #   let _ = api;
//!     Ok(())
//! }
//! # let _ = start;
//! ```
//!
//! `tls` has the authorities that you trust for the API, and no certificate of the client:
//!
//! ```
//! # fn tls() -> Result<rustls::ClientConfig, tower_outbound_auth::BoxError> {
//! let mut roots = rustls::RootCertStore::empty();
//! roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs); // or those of a private authority
//! let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
//! let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
//! Ok(tls.with_root_certificates(roots).with_no_client_auth())
//! # }
//! # let _ = tls();
//! ```
//!
//! A token endpoint with mutual TLS often has a certificate of a private authority. Then make the client of the token endpoint yourself:
//!
//! ```
//! use tower_outbound_auth::endpoint::{HttpClient, TlsRoots};
//! use tower_outbound_auth::system::OAuth;
//! use tower_outbound_auth::{AuthLayer, BoxError, Origin, TokenSource};
//!
//! fn layer(system: OAuth) -> Result<AuthLayer<OAuth>, BoxError> {
//!     let roots = TlsRoots::pem(&std::fs::read("/etc/ssl/private-authority.pem")?)?;
//!     let source = TokenSource::over_http(system, HttpClient::new(roots)?); // shows the certificate of the system
//!     Ok(AuthLayer::new(source).with_origin(Origin::parse("https://reports.example")?))
//! }
//! # let _ = layer;
//! ```
//!
//! In a [file](crate::system::Config), the certificate for the token endpoint is `certificate`, with `certificate_key` if the key is in
//! a file of its own:
//!
//! ```toml
//! api = "https://reports.example"
//! [oauth]
//! issuer = "https://idp.example"
//! client_id = "billing"
//! certificate = "file:/var/run/secrets/billing/tls.crt"
//! certificate_key = "file:/var/run/secrets/billing/tls.key"
//! certificate_bound_tokens = true
//! ```
//!
//! There, `ca_file` (beside `api`) names the file of a private authority. A file gives no handle for
//! [`clients`](crate::endpoint::ClientCertificate::clients). If you make a second `ClientCertificate` on the same files, it does not know
//! the tokens, so it shows the newest pair in the files. While a certificate changes, a request may then have a token of the old pair:
//! the API refuses it, and the layer renews the token. Without such refusals, describe the system in code.
//!
//! # What it protects against, and what not
//!
//! | somebody has | with a Bearer token | with a token that is bound to a certificate |
//! |---|---|---|
//! | a token from a log, a dump or a proxy | can use it until it expires | cannot use it without the private key |
//! | an API that gets the token | can send it to other APIs | cannot: it has no connection with the certificate |
//! | the token *and* the private key | can do everything | can do everything, also obtain new tokens: replace the pair, and remove the old certificate at the provider |
//! | a proxy that ends TLS, and tells the API the certificate in a header | can use each token that passes it | can use each token that passes it. Whoever can send that header to the API directly can use every token: the API must accept it from the proxy only |
//! | an API that does not compare the certificate with `cnf` | can be used with a stolen token | can be used with a stolen token: ask its operator |
//!
//! The layer sees what a token is bound to only if it is a JWT. A JWT that is bound to another certificate than was shown is an error:
//! something in between ends TLS and shows a certificate of its own.
//! [`certificate_bound_tokens`](crate::system::OAuthBuilder::certificate_bound_tokens) also makes a JWT without a binding an error.
//! [DPoP](super::dpop) binds tokens to a key that is not a part of the connection, so it also works where a proxy ends TLS.
//!
//! # A new certificate
//!
//! 1. If the provider knows certificates one by one (`self_signed_tls_client_auth`), register the new one beside the old one.
//! 2. Write the new certificate and its key into the same files, in any order. While they do not belong together, the last good pair
//!    is used, and a `WARN` event says so.
//! 3. The next exchange shows the new certificate, and brings a token that is bound to it.
//! 4. From then on, requests with the new token show the new certificate. A request that already has the old token shows the old
//!    one. So a token and its certificate change together, and no request fails because of the change.
//!
//! The exchange of step 3 is made when the token is due for renewal, and at the latest after 80 % of what was left of the certificate's
//! life when the token was issued. So write the new pair before the last fifth of the old one's life. To have it used at once, because
//! the old certificate is revoked, report the token as refused: `source.reject(&source.token().await?).await`.
//!
//! If the provider has refused the old certificate, a new pair in the files ends the pause, as a new secret does.
//!
//! A new certificate that has ended, or is not valid yet by the source's clock, does not replace the old one while that one is valid: a
//! `WARN` event says so, and the new one is used as soon as it is valid. If none is valid, that is an error, and nothing is sent. From 14
//! days before the end of a certificate, a `WARN` event a day says so. A certificate that lives for less than 14 days, as those of SPIFFE
//! often do, causes this event each day although nothing is wrong. Set no alert on the event for such a certificate.
//!
//! In Kubernetes, cert-manager writes `tls.crt` and `tls.key` into a secret. Mount the secret as a folder, without `subPath`: only a
//! folder gets new files. `tls.crt` may have the chain, and the order of its certificates does not matter. By default, cert-manager makes a new certificate at
//! two thirds of the life.
//!
//! # The client of the API
//!
//! A connection keeps the certificate that it has shown, and a pool keeps connections. So one client cannot change its certificate.
//! [`ClientCertificate::clients`](crate::endpoint::ClientCertificate::clients) makes a client for each pair, and sends each request through the one
//! whose certificate its token was issued with. For requests with a body in memory,
//! [`HttpClient::with_certificate`](crate::endpoint::HttpClient) does the same, with a new connection for each request. Clients that are
//! no `tower::Service`, such as that of [`reqwest_client`](crate::AuthLayer), cannot be used so. They show no certificate, or always the
//! same one: their caller gets an error of TLS, or a 401 for each token that is bound to another certificate. Use
//! [`HttpService`](crate::adapter) over reqwest.
//!
//! The old client stays until there are eight newer pairs. Its idle connections are closed by its own time limit. If a
//! certificate is known by the client only (`Identity` of reqwest, say), the API sees that one until you make a new client.
//!
//! At the token endpoint, a client of your own may show the certificate in place of `HttpClient`. Then leave out
//! `OAuthBuilder::certificate`: the layer does not know which certificate was shown, and compares nothing.
//!
//! # What this crate does not do
//!
//! - It does not read the files between two exchanges.
//! - It does not use keys in hardware, or keys with a password.
//! - It does not check the binding of a token that is no JWT. Only an introspection at the provider shows that binding.
