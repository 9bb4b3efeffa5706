//! A certificate of the client (mutual TLS, RFC 8705).
//!
//! A client can show a certificate in TLS. This has two uses, together or alone:
//!
//! | use | what the provider does | here |
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
//!     // The API must see the certificate too. tls: the roots that you trust, and no certificate.
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
//! # What it protects against, and what not
//!
//! | somebody has | with a Bearer token | with a token that is bound to a certificate |
//! |---|---|---|
//! | a token from a log, a dump or a proxy | can use it until it expires | cannot use it without the private key |
//! | an API that gets the token | can send it to other APIs | cannot: it has no connection with the certificate |
//! | the token *and* the private key | can do everything | can do everything, also obtain new tokens: replace the pair, and remove the old certificate at the provider |
//! | a proxy that ends TLS, and tells the API the certificate in a header | | can use each token that passes it. Whoever can send that header to the API directly can use every token: the API must accept it from the proxy only |
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
//! The exchange of step 3 is made when the token is due for renewal, and at 80 % of the rest of its certificate's life at the latest.
//! So write the new pair before the last fifth of the old one's life. To have it used at once, because the old certificate is
//! revoked, refuse the token: `source.reject(&source.token().await?).await`.
//!
//! If the provider has refused the old certificate, a new pair in the files ends the pause, as a new secret does.
//!
//! A certificate that has ended, or is not valid yet by the source's clock, is an error, and nothing is sent. From 14 days before its end, a
//! `WARN` event a day says so. A certificate that lives for less than 14 days (SPIFFE) causes this event each day, which is then no sign
//! of a fault.
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
//! no `tower::Service`, such as that of [`reqwest_client`](crate::AuthLayer), cannot be used so: use
//! [`HttpService`](crate::adapter) over reqwest.
//!
//! The old client stays until there are eight newer pairs. Its idle connections are closed by its own time limit. If a
//! certificate is known by the client only (`Identity` of reqwest, say), the API sees that one until you make a new client.
//!
//! At the token endpoint, a client of your own may show the certificate in place of `HttpClient`. Then leave out
//! `OAuthBuilder::certificate`: the layer does not know which certificate was shown, and compares nothing.
//!
//! # Not here
//!
//! - A look at the files between two exchanges.
//! - Keys in hardware, and keys with a password.
//! - The binding of a token that is no JWT, which only an introspection of the provider shows.
