//! Embedded servers: one server, and several protocols.
//!
//! [`EmbeddedServer`] owns the socket, the clock, the tokens, the switches and the counts. A
//! [protocol](EmbeddedProtocol) defines the form of credentials, tokens and errors.

mod atlas;
mod counts;
mod form;
mod issuer;
mod oauth;
mod protocol;
mod refresh;
mod rotating;
mod state;
mod successions;
mod switches;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::issuer::Client;
use self::state::State;
use super::ReceivedRequest;
use super::server::Server;
use crate::clock::Clock;
use crate::origin::Origin;

pub use self::atlas::{AtlasProtocol, AtlasServer};
pub use self::counts::ServerCounts;
pub use self::oauth::{OAuthProtocol, OAuthServer};
pub use self::protocol::{EmbeddedProtocol, RefreshProtocol};
pub use self::rotating::{RotatingProtocol, RotatingServer, TokenPlace};

/// A server on a loopback socket. It is token endpoint and API in one. It issues JWTs, checks them, fails when the
/// test wants it, and counts.
///
/// The form of credentials and tokens depends on the protocol: see [`AtlasServer`], [`OAuthServer`]
/// and [`RotatingServer`].
///
/// - A `POST` to the token endpoint is an exchange: the right credentials get a token.
/// - Every other path is the API: with a valid token it answers 200 and `{"method": .., "path": ..,
///   "length": ..}` (`length` is that of the request's body), else 401.
///
/// It speaks HTTP/1.1, and HTTP/2 if the client begins with it. Clones are handles to the same server. The switches work while
/// it runs. It stops when the last handle is dropped.
pub struct EmbeddedServer<P> {
    /// The server's own tasks have only the state, so that they do not keep the socket open.
    state: Arc<Mutex<State<P>>>,
    server: Arc<Server>,
    origin: Origin,
    client: Arc<Client>,
}

impl<P: EmbeddedProtocol> EmbeddedServer<P> {
    /// Starts a server on a free port of 127.0.0.1, on this tokio runtime.
    ///
    /// # Errors
    ///
    /// If no port is free.
    ///
    /// # Panics
    ///
    /// If it is polled outside a tokio runtime.
    pub async fn start() -> io::Result<EmbeddedServer<P>> {
        let state = Arc::new(Mutex::new(State::<P>::new()));
        let server = Arc::new(Server::start(state.clone()).await?);
        let origin = Origin::parse(&server.base_url()).map_err(io::Error::other)?;
        let client = Arc::new(Client::new(P::CLIENT_ID, P::CLIENT_SECRET));
        let server = EmbeddedServer { state, server, origin, client };
        server.lock().issuer.mint.set_issuer(server.url(""));
        Ok(server)
    }

    /// Sets the life of tokens, in seconds. Default: 3600.
    #[must_use]
    pub fn with_lifetime(self, seconds: u64) -> EmbeddedServer<P> {
        self.lock().issuer.lifetime = seconds;
        self
    }

    /// Uses another clock for `iat` and `exp`, for checking them, and for delays.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> EmbeddedServer<P> {
        self.lock().issuer.clock = Arc::new(clock);
        self
    }

    /// Sets another client than the default one, for example with reserved characters in its id and secret.
    ///
    /// Call it before the server is cloned and before it issues a token. Otherwise a clone still has the former
    /// client.
    #[must_use]
    pub fn with_client(self, id: &str, secret: &str) -> EmbeddedServer<P> {
        let client = Arc::new(Client::new(id, secret));
        {
            let issuer = &mut self.lock().issuer;
            issuer.mint.set_client(id, P::key(secret));
            issuer.client = client.clone();
        }
        EmbeddedServer { client, ..self }
    }

    // ===== where it is =====

    /// The address on which it listens. A [`FaultProxy`](crate::testkit::FaultProxy) in front of it needs this.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The URL of the token endpoint.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.url(P::ENDPOINT)
    }

    /// The URL of a path, which begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        self.server.base_url() + path
    }

    /// The origin of all of its URLs.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin.clone()
    }

    /// The id of the client.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client.id
    }

    /// The secret of that client.
    #[must_use]
    pub fn client_secret(&self) -> &str {
        &self.client.secret
    }

    // ===== what happened =====

    /// The counts since its start.
    #[must_use]
    pub fn counts(&self) -> ServerCounts {
        self.lock().issuer.counts
    }

    /// The last 1,000 requests to the API, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.lock().requests.requests()
    }

    /// The last 1,000 requests to the token endpoint, oldest first.
    #[must_use]
    pub fn exchange_requests(&self) -> Vec<ReceivedRequest> {
        self.lock().exchange_requests.requests()
    }

    /// A JWT of these claims, signed with this server's key (HS256).
    ///
    /// The API accepts it if its `iss` is this server's and its `exp` is in the future. A token with the `jti` of
    /// another token is revoked together with that token. A token without a `jti` cannot be revoked.
    #[must_use]
    pub fn sign(&self, claims_json: &str) -> String {
        self.lock().issuer.mint.sign(claims_json)
    }

    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Not derived, because a protocol need not be `Clone`.
impl<P> Clone for EmbeddedServer<P> {
    fn clone(&self) -> EmbeddedServer<P> {
        EmbeddedServer {
            state: self.state.clone(),
            server: self.server.clone(),
            origin: self.origin.clone(),
            client: self.client.clone(),
        }
    }
}

/// Not derived, because it has keys and credentials.
impl<P: EmbeddedProtocol> fmt::Debug for EmbeddedServer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(P::NAME)
            .field("origin", &self.origin.to_string())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
