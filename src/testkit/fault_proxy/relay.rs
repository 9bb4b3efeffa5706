//! Relays one connection, with its fault.

use std::collections::VecDeque;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{After, Fault};

/// The common state of the proxy and its connections.
#[derive(Debug, Default)]
pub(super) struct Shared {
    faults: Mutex<Faults>,
    pub(super) connections: AtomicUsize,
    /// Each connection has a handle of this.
    pub(super) open: Arc<()>,
    pub(super) request_bytes: AtomicU64,
    pub(super) cut: Notify,
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) script: VecDeque<Fault>,
    /// The fault of the connections after the script.
    pub(super) then: Fault,
}

impl Shared {
    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_fault(&self) -> Fault {
        let mut faults = self.faults();
        faults.script.pop_front().unwrap_or(faults.then)
    }
}

/// Owns the connections: when this task is aborted, they end too.
pub(super) async fn accept(listener: TcpListener, upstream: SocketAddr, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                shared.connections.fetch_add(1, Relaxed);
                let (fault, open) = (shared.next_fault(), shared.open.clone());
                let shared = shared.clone();
                connections.spawn(async move {
                    serve(client, upstream, fault, &shared).await;
                    drop(open);
                })
            }
            // There are probably no free file descriptors; other connections will soon release
            // some.
            Err(_) => connections.spawn(sleep(Duration::from_millis(10))),
        };
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut client: TcpStream, upstream: SocketAddr, fault: Fault, shared: &Shared) {
    let cut = pin!(shared.cut.notified());
    let _ = client.set_nodelay(true);
    let reset = match select(cut, pin!(relay(&mut client, upstream, fault, shared))).await {
        Either::Left(_) => true,
        Either::Right((reset, _)) => reset,
    };
    if reset {
        // `set_linger` is deprecated, because a linger time may block; zero does not block. The replacement does not exist
        // in the oldest tokio that this crate supports.
        #[allow(deprecated)]
        let _ = client.set_linger(Some(Duration::ZERO));
    }
}

/// Runs until one of the two sides has closed. Returns whether the connection must be reset then.
async fn relay(client: &mut TcpStream, upstream: SocketAddr, fault: Fault, to: &Shared) -> bool {
    let (from_client, to_client) = client.split();
    match fault {
        Fault::Reset => return true,
        Fault::BlackHole => {
            requests(from_client, sink(), to).await;
            return false;
        }
        _ => {}
    }
    let Ok(mut server) = TcpStream::connect(upstream).await else { return true };
    let _ = server.set_nodelay(true);
    let (from_server, to_server) = server.split();
    let requests = pin!(requests(from_client, to_server, to));
    match select(requests, pin!(answer(from_server, to_client, fault))).await {
        Either::Left(_) => false,
        Either::Right((reset, _)) => reset,
    }
}

/// Forwards what the client sends.
async fn requests(
    mut client: impl AsyncRead + Unpin,
    mut server: impl AsyncWrite + Unpin,
    shared: &Shared,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = client.read(&mut buffer).await {
        shared.request_bytes.fetch_add(length as u64, Relaxed);
        if server.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// Forwards what the server sends, as far as the fault allows it. Returns whether the connection must be
/// reset then.
async fn answer(
    mut server: impl AsyncRead + Unpin,
    mut client: impl AsyncWrite + Unpin,
    fault: Fault,
) -> bool {
    let (after, piece, pause) = match fault {
        Fault::Stall(after) | Fault::Cut(after) => (Some(after), usize::MAX, None),
        Fault::Drip { bytes, every } => (None, bytes.max(1), Some(every)),
        _ => (None, usize::MAX, None),
    };
    if let Fault::Delay(time) = fault {
        sleep(time).await;
    }
    let (mut buffer, mut gate) = (vec![0; 16 * 1024], Gate { after, passed: 0, matched: 0 });
    while let Ok(length @ 1..) = server.read(&mut buffer).await {
        let passing = gate.passing(&buffer[..length]);
        for piece in buffer[..passing].chunks(piece) {
            if client.write_all(piece).await.is_err() {
                return false;
            }
            if let Some(pause) = pause {
                sleep(pause).await;
            }
        }
        if matches!(fault, Fault::Cut(_)) && gate.is_shut() {
            return true;
        }
    }
    if matches!(fault, Fault::Stall(_)) {
        pending::<()>().await; // the client expects more
    }
    false
}

/// Counts the bytes that pass, up to a limit.
struct Gate {
    after: Option<After>,
    passed: usize,
    /// How many bytes of the end of a head were seen.
    matched: usize,
}

impl Gate {
    const END_OF_HEAD: &[u8] = b"\r\n\r\n";

    fn is_shut(&self) -> bool {
        match self.after {
            None => false,
            Some(After::Nothing) => true,
            Some(After::Head) => self.matched == Self::END_OF_HEAD.len(),
            Some(After::Bytes(all)) => self.passed == all,
        }
    }

    /// How many of these bytes may pass.
    fn passing(&mut self, bytes: &[u8]) -> usize {
        for (nth, byte) in bytes.iter().enumerate() {
            if self.is_shut() {
                return nth;
            }
            self.passed += 1;
            self.matched = match Self::END_OF_HEAD.get(self.matched) {
                Some(next) if next == byte => self.matched + 1,
                _ => usize::from(*byte == b'\r'),
            };
        }
        bytes.len()
    }
}
