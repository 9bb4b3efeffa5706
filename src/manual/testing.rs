//! Tests of a service that uses the layer.
//!
//! Three things need a test, and none of them needs a network, a real identity provider or a `sleep`:
//!
//! 1. The service works, with a token that the test chooses.
//! 2. Users notice nothing when a token expires or is revoked.
//! 3. The service gives a clear error when there is no token.
//!
//! # Without a server
//!
//! Where the token does not matter, give the layer a fixed one:
//!
//! ```
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::{AuthLayer, Origin, TokenSource};
//!
//! let source = TokenSource::fixed(HeaderScheme::bearer(), "a-token-for-tests")?;
//! let auth = AuthLayer::new(source).with_origin(Origin::parse("http://127.0.0.1:8080")?);
//! # let _ = auth;
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```
//!
//! # With a server in the test
//!
//! The feature `test-util` adds `testkit`: servers that run in the test (`OAuthServer`, `AtlasServer`, `RotatingServer`), a clock
//! that the test moves (`ManualClock`), a proxy that breaks connections (`FaultProxy`), and a scripted exchange. Put it under
//! `[dev-dependencies]`. Its page `testkit::guide` shows whole tests for the three points above.
//!
//! The servers speak plain http. `OAuthServer` checks no DPoP proofs and no client certificates, and its API sends no challenge that
//! demands a scope. For these, test against a server of your own, or the provider's own test system.
//!
//! A layer that a preset has made gets the clock of the test like this:
//!
#![cfg_attr(all(feature = "client", feature = "test-util"), doc = "```")]
#![cfg_attr(not(all(feature = "client", feature = "test-util")), doc = "```ignore")]
//! use std::time::Duration;
//! use tower_outbound_auth::AuthLayer;
//! use tower_outbound_auth::testkit::{ManualClock, OAuthServer};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let clock = ManualClock::new();
//! let server = OAuthServer::start().await?.with_clock(clock.clone());
//! let (id, secret) = (server.client_id(), server.client_secret());
//! let auth = AuthLayer::client_credentials(server.endpoint(), id, secret, server.origin())?
//!     .rebuild_source(|source| source.clock(clock.clone()));
//!
//! auth.source().token().await?;
//! clock.advance(Duration::from_secs(24 * 3600)); // the token has expired
//! auth.source().token().await?;
//! assert_eq!(server.counts().exchanges, 2);
//! # Ok::<_, tower_outbound_auth::BoxError>(()) })?;
//! # Ok::<_, tower_outbound_auth::BoxError>(())
//! ```
