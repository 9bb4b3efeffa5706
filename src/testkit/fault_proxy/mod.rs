//! A TCP proxy on loopback that breaks connections when the test says so.

mod relay;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use self::relay::Shared;

/// A fault of a connection.
///
/// An answer means everything that the server sends on the connection, so a fault in the middle of it
/// happens once per connection. Times are tokio's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// No fault.
    #[default]
    None,
    /// The connection is reset at once. (To have no listener at all, drop the proxy.)
    Reset,
    /// The proxy reads what the client sends, drops it, and gives no answer.
    BlackHole,
    /// The answer is held back until the connection is this old. The request arrives at once.
    Delay(Duration),
    /// The answer comes in pieces of this many bytes, with a time after each.
    Drip {
        /// The length of a piece.
        bytes: usize,
        /// The time after each piece.
        every: Duration,
    },
    /// The server gets the request, and this part of its answer arrives. Then nothing more comes, and the connection stays open.
    Stall(After),
    /// Like [`Stall`](Fault::Stall), but then the connection is reset.
    Cut(After),
}

/// How much of an answer arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum After {
    /// Nothing, although the server has begun to answer. So the server has acted, but its client does not know
    /// this.
    Nothing,
    /// The head of an HTTP/1 response, up to and including the empty line after it.
    Head,
    /// This many bytes, or all bytes if there are fewer.
    Bytes(usize),
}

/// A TCP proxy on a port of 127.0.0.1, in front of any server, with [faults](Fault) that are chosen
/// while it runs.
///
/// It works with HTTP/1, HTTP/2 and TLS, because it does not read the bytes. If a client closes its side of a connection, the
/// connection ends. The proxy runs on the runtime that started it. When it is dropped, it stops listening, and its connections
/// end.
///
#[cfg_attr(feature = "client", doc = "```")]
#[cfg_attr(not(feature = "client"), doc = "```ignore")]
/// use tower_outbound_auth::AuthLayer;
/// use tower_outbound_auth::testkit::{After, Fault, FaultProxy, OAuthServer};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let server = OAuthServer::start().await?;
/// let proxy = FaultProxy::start(server.address()).await?;
/// let endpoint = proxy.url("/protocol/openid-connect/token");
/// let (id, secret) = (server.client_id(), server.client_secret());
/// let auth = AuthLayer::client_credentials(endpoint, id, secret, server.origin())?;
///
/// // The server issues a token, and its answer is lost on the way.
/// proxy.script([Fault::Cut(After::Head)]);
/// assert!(auth.source().token().await.is_err());
/// assert_eq!(server.counts().exchanges_succeeded, 1);
///
/// // The next connection is a good one.
/// auth.source().retry_now();
/// auth.source().token().await?;
/// assert_eq!(proxy.connections(), 2);
/// # Ok::<_, tower_outbound_auth::BoxError>(()) })?;
/// # Ok::<_, tower_outbound_auth::BoxError>(())
/// ```
#[derive(Debug)]
pub struct FaultProxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: AbortHandle,
}

impl FaultProxy {
    /// Starts a proxy in front of `upstream` on this tokio runtime. At first there is no fault.
    ///
    /// # Errors
    ///
    /// If no port is free.
    ///
    /// # Panics
    ///
    /// If it is polled outside a tokio runtime.
    pub async fn start(upstream: SocketAddr) -> io::Result<FaultProxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let accepting =
            tokio::spawn(relay::accept(listener, upstream, shared.clone())).abort_handle();
        Ok(FaultProxy { shared, address, accepting })
    }

    /// The address on which the proxy listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The `http` URL of a path, which begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on every new connection has this fault. The faults of the [script](FaultProxy::script)
    /// come first.
    pub fn set_fault(&self, fault: Fault) {
        self.shared.faults().then = fault;
    }

    /// The next connections have these faults, one each. The rest of an earlier script is dropped.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.faults().script = faults.into_iter().collect();
    }

    /// Resets all open connections, also those in a client's pool.
    pub fn cut_connections(&self) {
        self.shared.cut.notify_waiters();
    }

    /// The number of connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Relaxed)
    }

    /// The number of open connections: the client has not closed it, and the answer is not
    /// complete.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        Arc::strong_count(&self.shared.open) - 1
    }

    /// The number of bytes that clients have sent.
    #[must_use]
    pub fn request_bytes(&self) -> u64 {
        self.shared.request_bytes.load(Relaxed)
    }
}

/// Never panics: an abort is a message to the runtime. If the runtime has ended, nothing happens.
impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
