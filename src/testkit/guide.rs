//! How to test your own service. This page has no items.
//!
//! A service that calls an API through [`AuthLayer`](crate::AuthLayer) has three things to test. It works. Its users notice
//! nothing when tokens are renewed or revoked. It gives a clear error when there is no token. None of these tests needs a
//! network, a real identity provider or a `sleep`.
//!
//! # 1. Let the test choose the endpoint and the clock
//!
//! A test needs other URLs and another clock than production. So let the code that builds your service take both as
//! arguments.
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use hyper_util::client::legacy::{Client, connect::HttpConnector};
//! use hyper_util::rt::TokioExecutor;
//! use tower::{Layer, ServiceExt};
//! use tower_outbound_auth::system::ClientCredentials;
//! use tower_outbound_auth::{Auth, AuthLayer, BoxError};
//!
//! type Api = Auth<Client<HttpConnector, Full<Bytes>>>;
//!
//! /// A part of your service: it asks another service for the number of orders.
//! #[derive(Clone)]
//! struct Orders { api: Api, url: String }
//!
//! impl Orders {
//!     fn new(auth: AuthLayer<ClientCredentials>, url: String) -> Orders {
//!         Orders { api: auth.layer(Client::builder(TokioExecutor::new()).build_http()), url }
//!     }
//!
//!     async fn number(&self) -> Result<u32, BoxError> {
//!         let request = http::Request::get(&self.url).body(Full::default())?;
//!         let response = self.api.clone().oneshot(request).await?;
//!         if !response.status().is_success() {
//!             return Err(format!("orders answered {}", response.status()).into());
//!         }
//!         Ok(7) // of the body
//!     }
//! }
//! ```
//!
//! # 2. Start a server, and move the clock
//!
//! An [`OAuthServer`](super::OAuthServer) (or [`AtlasServer`](super::AtlasServer), or
//! [`RotatingServer`](super::RotatingServer)) is token endpoint and API in one, on a free port of this
//! machine. With one [`ManualClock`](super::ManualClock) for both sides, an hour passes when the test says so. This is a whole
//! test. In your crate, put `#[tokio::test]` above it.
//!
#![cfg_attr(feature = "client", doc = "```")]
#![cfg_attr(not(feature = "client"), doc = "```ignore")]
//! use std::time::Duration;
//! use tower_outbound_auth::exchange::ExchangeErrorKind;
//! use tower_outbound_auth::testkit::{ManualClock, OAuthServer};
//! use tower_outbound_auth::{AuthLayer, BoxError, Error, ErrorKind};
//! # use bytes::Bytes;
//! # use http_body_util::Full;
//! # use hyper_util::client::legacy::{Client, connect::HttpConnector};
//! # use hyper_util::rt::TokioExecutor;
//! # use tower::{Layer, ServiceExt};
//! # use tower_outbound_auth::Auth;
//! # use tower_outbound_auth::system::ClientCredentials;
//! # type Api = Auth<Client<HttpConnector, Full<Bytes>>>;
//! # #[derive(Clone)]
//! # struct Orders { api: Api, url: String }
//! # impl Orders {
//! #     fn new(auth: AuthLayer<ClientCredentials>, url: String) -> Orders {
//! #         Orders { api: auth.layer(Client::builder(TokioExecutor::new()).build_http()), url }
//! #     }
//! #     async fn number(&self) -> Result<u32, BoxError> {
//! #         let request = http::Request::get(&self.url).body(Full::default())?;
//! #         let response = self.api.clone().oneshot(request).await?;
//! #         if !response.status().is_success() {
//! #             return Err(format!("orders answered {}", response.status()).into());
//! #         }
//! #         Ok(7)
//! #     }
//! # }
//!
//! async fn tokens_come_and_go_and_nobody_notices() -> Result<(), BoxError> {
//!     let clock = ManualClock::new();
//!     let server = OAuthServer::start().await?.with_clock(clock.clone());
//!     let (id, secret) = (server.client_id(), server.client_secret());
//!     let auth = AuthLayer::client_credentials(server.endpoint(), id, secret, server.origin())?
//!         .rebuild_source(|source| source.clock(clock.clone()));
//!     let source = auth.source().clone();
//!     let orders = Orders::new(auth, server.url("/orders"));
//!
//!     // It works. Two callers at the same time cause one exchange.
//!     let (one, two) = tokio::join!(orders.number(), orders.number());
//!     assert_eq!((one?, two?), (7, 7));
//!     assert_eq!(server.counts().exchanges, 1);
//!
//!     // The token expires.
//!     clock.advance(Duration::from_secs(3_600));
//!     assert_eq!(orders.number().await?, 7);
//!     assert_eq!(server.counts().exchanges, 2);
//!
//!     // The token is revoked: one 401, which the caller does not see.
//!     server.revoke_tokens();
//!     assert_eq!(orders.number().await?, 7);
//!     assert_eq!((server.counts().exchanges, server.counts().refused), (3, 1));
//!
//!     // The token endpoint is down. While there is a token, callers notice nothing.
//!     server.begin_outage(None);
//!     assert_eq!(orders.number().await?, 7);
//!
//!     // When the token has expired, the error says what is wrong, and when to try again.
//!     clock.advance(Duration::from_secs(3_600));
//!     let error = orders.number().await.unwrap_err();
//!     let ours: &Error = Error::find(&*error).ok_or("the layer's own error")?;
//!     assert_eq!(ours.kind(), ErrorKind::Exchange);
//!     assert_eq!(ours.exchange().map(|it| it.kind()), Some(ExchangeErrorKind::Unavailable));
//!     assert!(ours.is_transient() && ours.retry_after().is_some());
//!
//!     // The outage is over. The next attempt is made after the pause, or after a call of `retry_now`.
//!     server.end_outage();
//!     source.retry_now();
//!     assert_eq!(orders.number().await?, 7);
//!     Ok(())
//! }
//! # tokio::runtime::Runtime::new()?.block_on(tokens_come_and_go_and_nobody_notices())?;
//! # Ok::<_, tower_outbound_auth::BoxError>(())
//! ```
//!
//! # 3. Break the network
//!
//! A server that answers 503 can still be reached. To test a broken network, put a [`FaultProxy`](super::FaultProxy) in front of
//! a server, and use the proxy's URL as the endpoint of the layer, or as the URL of the API.
//!
#![cfg_attr(feature = "client", doc = "```")]
#![cfg_attr(not(feature = "client"), doc = "```ignore")]
//! use std::time::Duration;
//! use tower_outbound_auth::testkit::{After, Fault, FaultProxy, ManualClock, OAuthServer};
//! use tower_outbound_auth::{AuthLayer, BoxError};
//!
//! async fn a_broken_network_is_not_noticed_while_there_is_a_token() -> Result<(), BoxError> {
//!     let clock = ManualClock::new();
//!     let server = OAuthServer::start().await?.with_clock(clock.clone());
//!     let proxy = FaultProxy::start(server.address()).await?;
//!     let endpoint = proxy.url("/protocol/openid-connect/token");
//!     let (id, secret) = (server.client_id(), server.client_secret());
//!     let auth = AuthLayer::client_credentials(endpoint, id, secret, server.origin())?;
//!     let auth = auth.rebuild_source(|source| source.clock(clock.clone()));
//!     let source = auth.source();
//!     let token = source.token().await?;
//!
//!     // 55 minutes later the token is due. The first two attempts fail, each in its own way.
//!     proxy.script([Fault::Reset, Fault::Cut(After::Head)]);
//!     clock.advance(Duration::from_secs(55 * 60));
//!     for attempts in 2..=3 {
//!         assert_eq!(source.token().await?.expose(), token.expose());
//!         source.settled().await; // the attempt is made in the background
//!         assert_eq!(proxy.connections(), attempts);
//!         clock.advance(Duration::from_secs(2)); // the pause after a failure
//!     }
//!
//!     // The third one succeeds. Until then, callers get the old token.
//!     source.token().await?;
//!     source.settled().await;
//!     assert_eq!(proxy.connections(), 4);
//!     assert_ne!(source.token().await?.expose(), token.expose());
//!     Ok(())
//! }
//! # tokio::runtime::Runtime::new()?.block_on(a_broken_network_is_not_noticed_while_there_is_a_token())?;
//! # Ok::<_, tower_outbound_auth::BoxError>(())
//! ```
//!
//! | in place of | say |
//! |---|---|
//! | an answer that never comes | `Stall(After::Nothing)`: the server has acted; `BlackHole`: it has not |
//! | one that breaks off | `Cut(After::Head)`, `Cut(After::Bytes(100))`, or `Stall` of the same for silence |
//! | one that takes its time | `Delay`, `Drip` |
//! | a connection | `Reset`; nobody listens once the proxy is dropped |
//! | a connection in a client's pool | [`cut_connections`](super::FaultProxy::cut_connections) |
//!
//! # 4. What else there is
//!
//! | to see what happens when | say |
//! |---|---|
//! | the credentials are wrong | [`refuse_credentials(true)`](super::EmbeddedServer::refuse_credentials) |
//! | the endpoint is slow, down, overloaded, or answers nonsense | `delay_exchanges`, `begin_outage`, `set_malformed` |
//! | one route of the API always answers 401, or 500, or redirects | `refuse_path`, `fail_path`, `redirect_path` |
//! | a refresh token is revoked, or was stolen and used | `with_refresh_tokens`, `revoke_refresh_tokens` |
//! | an API refuses a token as soon as it has issued the next | [`set_grace(Some(Duration::ZERO))`](super::RotatingServer::set_grace) |
//! | an API gives wrong tokens in its responses | [`hand_out`](super::RotatingServer::hand_out), [`sign`](super::EmbeddedServer::sign) |
//! | the machine is suspended, or somebody sets its clock | [`ManualClock::suspend`](super::ManualClock::suspend), `set_wall` |
//!
//! [`counts`](super::EmbeddedServer::counts), [`requests`](super::EmbeddedServer::requests) and
//! [`exchange_requests`](super::EmbeddedServer::exchange_requests) show what the server has seen.
//! [`TokenSource::status`](crate::TokenSource::status) shows the state of the layer's source.
//!
//! Some tests need no socket. Then a [`ScriptedExchange`](super::ScriptedExchange) gives tokens in memory, a function can be the
//! API, and with [`TokioClock`](super::TokioClock) and `start_paused = true` tokio moves the time. The smallest source is
//! [`TokenSource::fixed`](crate::TokenSource::fixed): one token that never ends.
