//! Clocks and servers for the tests of your service (feature `test-util`). The [`guide`] shows how, from beginning to end.
//!
//! | | for |
//! |---|---|
//! | [`ManualClock`] | time that the test moves; independent of any runtime |
//! | [`TokioClock`] | tokio's clock, for tests with `start_paused = true` |
//! | [`request_context`], [`exchange_context`] | calling a `Grant` or an `Exchange` of your own directly |
//! | [`ScriptedExchange`] | tokens without a network: lifetimes, delays, failures, counters |
//! | [`AtlasServer`] | an Atlas server on a real socket: expiry, revocation, refusals, outages, redirects |
//! | [`OAuthServer`] | the same for OAuth 2.0: client credentials by Basic or in the form, bearer tokens, challenges |
//! | [`RotatingServer`] | the same for an API that sends a new token in every answer: grace periods, bad successors |
//! | `store_laws` | the laws of a store of your own (feature `store`) |
//! | [`FaultProxy`] | a network with faults in front of any server: resets, silence, lost answers |
//!
//! The servers are one [`EmbeddedServer`] that speaks several protocols, with the same switches and
//! [`ServerCounts`]. Atlas and OAuth can have [refresh tokens](EmbeddedServer::with_refresh_tokens).
//!
//! The test kit weakens nothing: the checks of origins, the limits and the deadlines are those of production.
//!
//! ```
//! use std::time::Duration;
//! use tower_outbound_auth::TokenSource;
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let clock = ManualClock::new();
//! let exchange = ScriptedExchange::new().with_lifetime(Duration::from_secs(3_600));
//! let source = TokenSource::builder(HeaderScheme::bearer(), exchange.clone()).clock(clock.clone()).build();
//!
//! assert_eq!(source.token().await?.expose(), "token-1");
//! clock.advance(Duration::from_secs(3_600));
//! assert_eq!(source.token().await?.expose(), "token-2");
//! assert_eq!(exchange.exchanges(), 2);
//! # Ok::<_, tower_outbound_auth::Error>(()) })?;
//! # Ok::<_, tower_outbound_auth::BoxError>(())
//! ```

mod clock;
mod embedded;
mod exchange;
mod fault_proxy;
pub mod guide;
mod jwt;
mod malformed;
mod mint;
mod received;
mod server;
#[cfg(feature = "store")]
mod store_laws;

pub use self::clock::{ManualClock, TokioClock};
pub use self::embedded::{
    AtlasProtocol, AtlasServer, EmbeddedProtocol, EmbeddedServer, OAuthProtocol, OAuthServer,
    RefreshProtocol, RotatingProtocol, RotatingServer, ServerCounts, TokenPlace,
};
pub use self::exchange::{ScriptedExchange, exchange_context, request_context};
pub use self::fault_proxy::{After, Fault, FaultProxy};
pub use self::malformed::MalformedAnswer;
pub use self::received::ReceivedRequest;
#[cfg(feature = "store")]
pub use self::store_laws::store_laws;
