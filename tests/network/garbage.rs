//! Answers of a token endpoint that only a raw socket can send.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower_outbound_auth::exchange::ExchangeErrorKind::{Malformed, Unreachable};

use super::*;

/// A token endpoint that begins each answer with these bytes. It then sends others until the client
/// closes.
struct Raw {
    source: TokenSource<ClientCredentials>,
    connections: Arc<AtomicUsize>,
    written: Arc<AtomicUsize>,
    has_gone: Arc<AtomicBool>,
}

async fn raw(begin: Vec<u8>, more: Option<&'static [u8]>) -> Raw {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}/token", listener.local_addr().unwrap());
    let layer = AuthLayer::client_credentials(endpoint, "id", "secret", "https://api.example");
    let (connections, written) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let has_gone = Arc::<AtomicBool>::default();
    let raw = Raw {
        source: layer.unwrap().source().to_builder().exchange_timeout(secs(120)).build(),
        connections: connections.clone(),
        written: written.clone(),
        has_gone: has_gone.clone(),
    };
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            connections.fetch_add(1, SeqCst);
            let mut request = Vec::new();
            while !String::from_utf8_lossy(&request).ends_with("grant_type=client_credentials") {
                assert_ne!(socket.read_buf(&mut request).await.unwrap(), 0);
            }
            let mut next = begin.as_slice();
            while socket.write_all(next).await.is_ok() {
                written.fetch_add(next.len(), SeqCst);
                let Some(more) = more else { break };
                next = more;
            }
            has_gone.store(true, SeqCst);
        }
    });
    raw
}

fn http(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// Answers that have no token, and answers that are not HTTP.
#[tokio::test]
async fn what_is_no_answer_is_one_failed_exchange_and_a_valid_body_is_read_with_any_content_type() {
    const GOOD: &str = r#"{"access_token":"a-token","expires_in":3600}"#;
    let utf_16: Vec<u8> = GOOD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with_mark = [b"\xef\xbb\xbf", GOOD.as_bytes()].concat();
    let two_lengths = "200 OK\r\ncontent-length: 3";
    let long_header = format!("200 OK\r\nx-long: {}", "x".repeat(1 << 20));
    let hints = "103 Early Hints\r\nlink: </style.css>\r\n\r\nHTTP/1.1 200 OK";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (answer, expected) in [
        (http("200 OK\r\ncontent-type: text/html", GOOD.as_bytes()), None),
        (http("200 OK\r\ncontent-type: application/json;charset=utf-8", GOOD.as_bytes()), None),
        (http("200", GOOD.as_bytes()), None),
        (http(hints, GOOD.as_bytes()), None),
        (http("200 OK", &utf_16), Some(Malformed)),
        (http("200 OK", &with_mark), None),
        (http("200 OK", b"<!doctype html>"), Some(Malformed)),
        (http("200 OK", b""), Some(Malformed)),
        (b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(), Some(Malformed)),
        (http(two_lengths, GOOD.as_bytes()), Some(Unreachable)),
        (http(&long_header, GOOD.as_bytes()), Some(Unreachable)),
        (format!("{chunked}fffffffffffffffff\r\n{GOOD}").into_bytes(), Some(Unreachable)),
        (format!("{chunked}5\r\n{{\"acc").into_bytes(), Some(Unreachable)),
        (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), Some(Unreachable)),
        (b"\x15\x03\x01\x00\x02\x02\x46".to_vec(), Some(Unreachable)),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), Some(Unreachable)),
        (Vec::new(), Some(Unreachable)),
    ] {
        let begin = String::from_utf8_lossy(&answer[..answer.len().min(60)]).into_owned();
        let raw = raw(answer, None).await;
        let outcome = raw.source.token().await;
        assert_eq!(outcome.err().map(|error| kind(&error)), expected, "{begin:?}");
        assert_eq!(raw.connections.load(SeqCst), 1, "{begin:?}");
    }
}

/// The sockets' buffers are sent before the client can close.
#[tokio::test]
async fn of_an_endless_answer_little_is_read_and_its_connection_is_closed() {
    const GIBIBYTE: &str = "content-length: 1073741824";
    const BLANKS: &[u8] = &[b' '; 4096];
    let chunk: &'static [u8] = [b"1000\r\n", BLANKS, b"\r\n"].concat().leak();
    for (framing, more) in [
        (GIBIBYTE, BLANKS),
        ("transfer-encoding: chunked", chunk),
        ("connection: close", BLANKS),
        // A head that does not end.
        ("", b"x-more: and more\r\n".repeat(200).leak()),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\n{framing}");
        let end = if framing.is_empty() { "" } else { "\r\n\r\n" };
        let (began, raw) = (Instant::now(), raw((head + end).into_bytes(), Some(more)).await);
        let error = raw.source.token().await.unwrap_err();
        let expected = if framing.is_empty() { Unreachable } else { Malformed };
        assert_eq!(kind(&error), expected, "{framing}");
        assert!(began.elapsed() < secs(60), "{framing}: not at the deadline");
        until(|| raw.has_gone.load(SeqCst)).await;
        let written = raw.written.load(SeqCst);
        assert!(written < 32 << 20, "{framing}: {written} bytes");
    }
}
