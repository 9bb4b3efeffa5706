//! The first request, in five steps.
//!
//! # 1. Choose the system
//!
//! The system says how a token is obtained and how a request carries it. For OAuth 2.0 client credentials it is
//! [`ClientCredentials`](crate::system::ClientCredentials). [`choosing_a_system`](super::choosing_a_system) has the others.
//!
//! # 2. Say where the secret is
//!
//! A [`Credential`](crate::Credential) is a value, or a place: a file, an environment variable, a function. A place is read
//! again before each exchange, so a rotated secret needs no restart.
//!
//! ```
//! use tower_outbound_auth::Credential;
//!
//! let from_file = Credential::file("/run/secrets/billing");
//! let from_environment = Credential::env("BILLING_SECRET");
//! // From a configuration file: a reference, and never the secret itself.
//! let configured = Credential::from_reference("file:/run/secrets/billing")?;
//! # let _ = (from_file, from_environment, configured);
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```
//!
//! # 3. Make the layer
//!
//! `client_credentials` needs the token endpoint, the credentials, and the origin of the API. `atlas` and `rotating` use the
//! origin of the URL that they get. The credential is sent to this origin and to no other.
//!
//! ```
//! # #[cfg(feature = "client")] {
//! use tower_outbound_auth::{AuthLayer, Credential, Error};
//!
//! fn billing() -> Result<AuthLayer, Error> {
//!     let auth = AuthLayer::client_credentials(
//!         "https://idp.example/oauth2/token",
//!         "billing",
//!         Credential::file("/run/secrets/billing"),
//!         "https://api.example",
//!     )?;
//!     Ok(auth.erased()) // the type does not name the system any more
//! }
//! # let _ = billing;
//! # }
//! ```
//!
//! # 4. Check it at the start
//!
//! Making the layer sends nothing. [`probe`](crate::TokenSource::probe) makes one exchange, and says what came or what is
//! wrong. [`warm_up`](crate::TokenSource::warm_up) waits for a usable token: it repeats an exchange that failed for a reason that
//! may pass, until a deadline. A service that cannot work without a token waits for it before it says that it is ready.
//!
//! | at once an error | waited for, because it may pass |
//! |---|---|
//! | an empty id or secret (already when the layer is made, if it is a value) | a closed port, an unknown host, a certificate that is not accepted |
//! | a file or a variable that cannot be read, or is empty | https to a port without TLS, and the reverse |
//! | the JWT in a file has expired (after a second look, 1 s later) | the file of a JWT that is not there yet: a platform may write it later |
//! | refused credentials: `invalid_client`, `invalid_scope`, .. | a 404, a 503, a redirect, a 401 that gives no reason, an answer without a token |
//!
//! So a wrong address is known only when the deadline has passed. The probe says at once what is wrong.
//!
//! ```
//! use std::time::Duration;
//! use tower_outbound_auth::{AuthLayer, Error};
//!
//! async fn start(auth: &AuthLayer) -> Result<(), Error> {
//!     match auth.source().probe().await {
//!         // client_credentials: a token of type bearer, which expires in 3600 s; no refresh token
//!         Ok(probe) => println!("{probe}"),
//!         Err(error) => eprintln!("{error}"),
//!     }
//!     auth.source().warm_up(Duration::from_secs(30)).await
//! }
//! # let _ = start;
//! ```
//!
//! # 5. Send requests
//!
//! ```
//! # use tower_outbound_auth::{system::HeaderScheme, BoxError, Origin, TokenSource, exchange};
//! use bytes::Bytes;
//! use http::Request;
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_outbound_auth::AuthLayer;
//!
//! # let login = exchange::from_fn(|| async { Ok(exchange::Issued::new("abc")) });
//! # let source = TokenSource::new(HeaderScheme::bearer(), login);
//! # let auth = AuthLayer::new(source).with_origin(Origin::parse("https://api.example")?);
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! // In your service, this is a client of hyper's.
//! let hyper = service_fn(|request: Request<Full<Bytes>>| async move {
//!     assert_eq!(request.headers()["authorization"], "Bearer abc");
//!     Ok::<_, std::io::Error>(http::Response::new(Full::<Bytes>::default()))
//! });
//! let client = ServiceBuilder::new().layer(auth).service(hyper);
//!
//! let request = Request::get("https://api.example/invoices").body(Full::default())?;
//! let response = client.clone().oneshot(request).await?;
//! assert_eq!(response.status(), 200);
//! # Ok::<_, BoxError>(()) })?;
//! # Ok::<_, BoxError>(())
//! ```
//!
//! A clone of the client uses the same token. So make the layer once, and clone the client for each task.
//!
//! # If something is wrong
//!
//! The first line of the error of an exchange names the system, its endpoint and the client, says what happened and what to do.
//! [`errors`](super::errors) explains each of them, and has a function for the errors of the API's own connection, which are not
//! this crate's: their first line says little, such as `client error (Connect)`.
