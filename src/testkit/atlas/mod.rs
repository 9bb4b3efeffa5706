//! An embedded Atlas server.

mod state;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;

use self::state::State;
use super::server::Server;
use super::{MalformedAnswer, ReceivedRequest};
use crate::Origin;
use crate::clock::Clock;

/// An Atlas server on a loopback socket, token endpoint and API in one: issues JWTs, checks them, does
/// wrong when told to, and counts.
///
/// - `POST` to a path that ends in `/authtoken` is an exchange: with the right `Client-Id` and
///   `Client-Secret` it is answered with a token and its `expires_in`; with others, 401; without, 400.
/// - Every other path is the API: with a good `Token` header it answers 200 and
///   `{"method": .., "path": .., "length": ..}` (of the body it got), else 401.
///
/// It speaks HTTP/1.1, and HTTP/2 to those who begin with it. Clones are handles to the same server,
/// whose switches work while it runs; it stops when the last of them is dropped.
///
#[cfg_attr(feature = "client", doc = "```")]
#[cfg_attr(not(feature = "client"), doc = "```ignore")]
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::Full;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower::{Service, ServiceBuilder, ServiceExt};
/// use tower_outbound_auth::{AuthLayer, testkit::AtlasServer};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let server = AtlasServer::start().await?;
/// let layer = AuthLayer::atlas(server.endpoint(), server.client_id(), server.client_secret())?;
/// let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
/// let mut api = ServiceBuilder::new().layer(layer).service(client);
///
/// for revoked in [false, true] {
///     if revoked {
///         server.revoke_tokens();
///     }
///     let request = Request::get(server.url("/v1/documents")).body(Full::default())?;
///     assert_eq!(api.ready().await?.call(request).await?.status(), 200);
/// }
/// let counts = server.counts();
/// assert_eq!((counts.exchanges, counts.accepted, counts.refused), (2, 2, 1));
/// # Ok::<_, tower_outbound_auth::BoxError>(()) })?;
/// # Ok::<_, tower_outbound_auth::BoxError>(())
/// ```
#[derive(Clone)]
pub struct AtlasServer {
    /// The server's own tasks have the state alone: they do not keep the socket open.
    state: Arc<Mutex<State>>,
    server: Arc<Server>,
    origin: Origin,
}

/// What an [`AtlasServer`] has counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AtlasCounts {
    /// Requests to the token endpoint, when they arrive.
    pub exchanges: usize,
    /// Tokens handed out.
    pub exchanges_succeeded: usize,
    /// Requests to the API.
    pub requests: usize,
    /// Requests to the API that were answered with 200.
    pub accepted: usize,
    /// Requests to the API that were answered with 401.
    pub refused: usize,
}

impl AtlasServer {
    /// Starts a server on a free port of 127.0.0.1, on this tokio runtime.
    ///
    /// # Errors
    ///
    /// If there is no port to be had.
    ///
    /// # Panics
    ///
    /// If it is polled outside a tokio runtime.
    pub async fn start() -> io::Result<AtlasServer> {
        let state = Arc::new(Mutex::new(State::new()));
        let server = Arc::new(Server::start(state.clone()).await?);
        let origin = Origin::parse(&server.base_url()).map_err(io::Error::other)?;
        Ok(AtlasServer { state, server, origin })
    }

    /// Tokens live this many seconds. Default: 3600.
    #[must_use]
    pub fn with_lifetime(self, seconds: u64) -> AtlasServer {
        self.lock().lifetime = seconds;
        self
    }

    /// With another clock: for `iat` and `exp`, for judging them, and for delays.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> AtlasServer {
        self.lock().clock = Arc::new(clock);
        self
    }

    // ===== where it is =====

    /// The URL of the token endpoint.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.url("/v1/docstream/authtoken")
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

    /// The client that it knows.
    #[must_use]
    pub fn client_id(&self) -> &'static str {
        state::CLIENT_ID
    }

    /// The secret of that client.
    #[must_use]
    pub fn client_secret(&self) -> &'static str {
        state::CLIENT_SECRET
    }

    // ===== switches: the token endpoint =====

    /// Revokes all tokens issued so far.
    pub fn revoke_tokens(&self) {
        self.lock().mint.revoke_all();
    }

    /// From now on the credentials are refused, or accepted again.
    pub fn refuse_credentials(&self, refuse: bool) {
        self.lock().refuse_credentials = refuse;
    }

    /// From now on every exchange takes this long by the server's clock, counted from its arrival.
    pub fn delay_exchanges(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    /// From now on the last token is handed out again while it lives (revoked or not), or a new one
    /// each time.
    pub fn set_sticky(&self, sticky: bool) {
        self.lock().mint.set_sticky(sticky);
    }

    /// From now on every exchange is answered with this, or with tokens again.
    pub fn set_malformed(&self, answer: Option<MalformedAnswer>) {
        self.lock().malformed = answer;
    }

    /// From now on every exchange is answered with a 503, which may say when to come back. The API goes
    /// on.
    pub fn begin_outage(&self, retry_after: Option<Duration>) {
        self.lock().outage = Some(retry_after);
    }

    /// The outage is over.
    pub fn end_outage(&self) {
        self.lock().outage = None;
    }

    // ===== switches: paths =====

    /// From now on `path` of the API answers 401, whatever the token.
    pub fn refuse_path(&self, path: &str) {
        self.lock().refusing.insert(path.to_owned());
    }

    /// From now on `path` of the API answers with this status, whatever the token; `None` ends that.
    pub fn fail_path(&self, path: &str, status: Option<StatusCode>) {
        let mut state = self.lock();
        match status {
            Some(status) => state.failing.insert(path.to_owned(), status),
            None => state.failing.remove(path),
        };
    }

    /// From now on `path`, of the API or of the token endpoint, redirects to the URL `to`; `status` is
    /// 302, 307 or 308, say. It asks for no credential.
    pub fn redirect_path(&self, path: &str, status: StatusCode, to: &str) {
        self.lock().redirects.insert(path.to_owned(), (status, to.to_owned()));
    }

    // ===== what happened =====

    /// What it has counted since it started.
    #[must_use]
    pub fn counts(&self) -> AtlasCounts {
        self.lock().counts
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AtlasServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtlasServer")
            .field("origin", &self.origin.to_string())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
