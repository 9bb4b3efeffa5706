//! The proxy changes a connection as the test wants, and counts.

use std::io::ErrorKind::ConnectionReset;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tower_outbound_auth::testkit::{After, Fault, FaultProxy};

use crate::until;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
const HEAD: usize = ANSWER.len() - 5;
/// How long a test waits for something that must not happen.
const SILENCE: Duration = Duration::from_millis(150);
/// How long a test waits for something that must happen, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than any test.
const VERY_LONG: Duration = Duration::from_secs(600);

/// Answers one request, and leaves the connection open.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 64];
                while let Ok(1..) = socket.read(&mut request).await {
                    let _ = socket.write_all(ANSWER).await;
                }
            });
        }
    });
    address
}

/// Reads like a client that expects this many bytes and then perhaps a reset. It stops when nothing more
/// arrives.
async fn ask(proxy: &FaultProxy, arrives: usize, is_reset: bool) -> (Vec<u8>, bool) {
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let _ = client.write_all(b"request").await;
    let mut read = Vec::new();
    loop {
        let is_expected = read.len() < arrives || is_reset;
        let time = if is_expected { PATIENCE } else { SILENCE };
        match timeout(time, client.read_buf(&mut read)).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(0)) => panic!("the end of {read:?}"),
            Ok(Err(error)) => return (read, error.kind() == ConnectionReset),
            Err(_) => return (read, false),
        }
    }
}

#[tokio::test]
async fn every_fault_passes_the_documented_bytes() {
    let proxy = FaultProxy::start(server().await).await.unwrap();
    let drip = Fault::Drip { bytes: 9, every: Duration::from_millis(1) };
    for (fault, arrives, is_reset) in [
        (Fault::None, ANSWER.len(), false),
        (Fault::Reset, 0, true),
        (Fault::BlackHole, 0, false),
        (Fault::Delay(SILENCE / 3), ANSWER.len(), false),
        (Fault::Delay(VERY_LONG), 0, false),
        (drip, ANSWER.len(), false),
        (Fault::Drip { bytes: 3, every: VERY_LONG }, 3, false),
        (Fault::Stall(After::Nothing), 0, false),
        (Fault::Stall(After::Head), HEAD, false),
        (Fault::Stall(After::Bytes(7)), 7, false),
        (Fault::Cut(After::Nothing), 0, true),
        (Fault::Cut(After::Head), HEAD, true),
        (Fault::Cut(After::Bytes(7)), 7, true),
        (Fault::Cut(After::Bytes(1_000)), ANSWER.len(), false),
    ] {
        proxy.set_fault(fault);
        let came = ask(&proxy, arrives, is_reset).await;
        assert_eq!(came, (ANSWER[..arrives].to_vec(), is_reset), "{fault:?}");
        until(|| proxy.open_connections() == 0).await;
    }
    assert_eq!(proxy.connections(), 14);
    assert_eq!(
        proxy.request_bytes(),
        13 * 7,
        "the bytes of all connections count, except of the one that was reset at once"
    );
}

#[tokio::test]
async fn each_entry_of_a_script_is_for_one_connection() {
    let proxy = FaultProxy::start(server().await).await.unwrap();
    proxy.script([Fault::Cut(After::Bytes(1)), Fault::None]);
    proxy.set_fault(Fault::Cut(After::Bytes(2)));
    for (arrives, is_reset) in [(1, true), (ANSWER.len(), false), (2, true), (2, true)] {
        assert_eq!(ask(&proxy, arrives, is_reset).await.0.len(), arrives);
    }
}

#[tokio::test]
async fn open_connections_are_cut_on_demand_and_when_the_proxy_is_dropped() {
    let proxy = FaultProxy::start(server().await).await.unwrap();
    let mut clients = Vec::new();
    for nth in 1..=3 {
        clients.push(TcpStream::connect(proxy.address()).await.unwrap());
        until(|| proxy.open_connections() == nth).await;
    }
    let mut last = clients.pop().unwrap();
    proxy.cut_connections();
    let error = last.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), ConnectionReset);
    until(|| proxy.open_connections() == 0).await;

    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let address = proxy.address();
    drop(proxy);
    client.read_u8().await.unwrap_err();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
