//! From another solution to this crate.
//!
//! # From a layer of your own
//!
//! | your layer has | here |
//! |---|---|
//! | a `Mutex` or `RwLock` around a token | nothing: [`TokenSource`](crate::TokenSource) has it |
//! | a check "expires in less than a minute" | nothing: tokens are renewed at 80 to 90 % of their life; see [`defaults`](super::defaults) |
//! | a task that renews the token | nothing: there is no task without requests |
//! | the login request | a [`Grant`](crate::endpoint::Grant), as [`your_own_system`](super::your_own_system) shows |
//! | a function that returns a token | [`exchange::from_fn`](crate::exchange::from_fn) |
//! | a header that is set | a [`HeaderScheme`](crate::system::HeaderScheme) |
//! | a retry after a 401 | nothing: the request is sent again once, with its body |
//!
//! A function that returns a token is a whole migration:
//!
//! ```
//! use std::time::Duration;
//! use tower_outbound_auth::exchange::{self, ExchangeError, ExchangeErrorKind, Issued};
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::{AuthLayer, Origin, TokenSource};
//!
//! # async fn your_login() -> Result<(String, u64), std::io::Error> { Ok(("abc".to_owned(), 900)) }
//! let login = exchange::from_fn(|| async {
//!     let (token, seconds) = your_login().await.map_err(|error| {
//!         ExchangeError::new(ExchangeErrorKind::Unreachable, "the login failed").with_source(error)
//!     })?;
//!     Ok(Issued::new(token).with_expires_in(Duration::from_secs(seconds)))
//! });
//! let auth = AuthLayer::new(TokenSource::new(HeaderScheme::bearer(), login))
//!     .with_origin(Origin::parse("https://api.example")?);
//! # let _ = auth;
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```
//!
//! # From `oauth2`
//!
//! `BasicClient` with `exchange_client_credentials()` becomes `AuthLayer::client_credentials`. The scopes become
//! [`with_scope`](crate::system::ClientCredentials::with_scope). `AuthType::RequestBody` becomes
//! [`ClientAuth::Post`](crate::system::ClientAuth::Post). The code that keeps the token and asks for its expiry is no longer
//! needed. Keep `oauth2` for logins of people in a browser.
//!
//! # From a `reqwest::Client` with a header
//!
//! `auth.reqwest_client(builder)?` (feature `reqwest-middleware`) makes a client whose `get(url).send()` has the credential. Most
//! calls stay as they are. What changes:
//!
//! | what | how |
//! |---|---|
//! | types in fields and signatures | `reqwest_middleware::ClientWithMiddleware` in place of `reqwest::Client` |
//! | the error of `send()` | [`reqwest_middleware::Error`](https://docs.rs/reqwest-middleware/0.5/reqwest_middleware/enum.Error.html); the methods of the response still have reqwest's |
//! | `.json()`, `.query()`, `.form()` and `.multipart()` of a request | are features of the crate reqwest-middleware, so it must be a dependency of your own: `reqwest-middleware = { version = "0.5", features = ["json"] }` |
//! | a redirect to another origin | is not followed: the response is the 3xx, and `error_for_status` takes it as a success. [`Foreign::SendUnauthenticated`](crate::Foreign::SendUnauthenticated) does not change this |
//! | the text of an error | print it with `{}`. With `{:?}`, an error of this crate may have several lines, and has a backtrace if `RUST_BACKTRACE` is set |
//!
//! # From a middleware of `reqwest-middleware`
//!
//! Replace the middleware that sets the header by `AuthMiddleware` (feature `reqwest-middleware`). Build the client with the
//! layer's redirect policy, or redirects send the credential to other origins. The page `adapter::reqwest` (listed in [`adapter`](crate::adapter)) has the rules.
//!
//! # From `yup-oauth2`
//!
//! An authenticator's `token(scopes)` in an [`exchange::from_fn`](crate::exchange::from_fn) gives you the layer: one exchange at a time
//! for all callers, and a second sending after a 401. There is no constructor for the key file of a Google service account yet.
//!
//! # From tower-http's `AddAuthorizationLayer`
//!
//! A token that does not expire stays there, if the client has one API only. [`TokenSource::fixed`](crate::TokenSource::fixed)
//! adds the check of the origin.
