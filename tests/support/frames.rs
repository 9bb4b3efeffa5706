//! Frames of HTTP/2 as they are on the wire (RFC 9113 section 4.1), for servers that do what no server should.
#![allow(dead_code)] // each suite uses its part

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// `:status` 200 and 401 as header blocks: entry 8 of the static table, and that entry's name with a value.
pub(crate) const STATUS_200: &[u8] = &[0x88];
pub(crate) const STATUS_401: &[u8] = &[0x08, 3, b'4', b'0', b'1'];

/// Type, flags, stream and payload of a frame.
pub(crate) async fn read(socket: &mut TcpStream) -> Option<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    socket.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    socket.read_exact(&mut payload).await.ok()?;
    Some((head[3], head[4], u32::from_be_bytes(head[5..].try_into().unwrap()), payload))
}

pub(crate) async fn write(
    socket: &mut TcpStream,
    frame: (u8, u8, u32),
    payload: &[u8],
) -> Option<()> {
    let (kind, flags, stream) = frame;
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    socket.write_all(&bytes).await.ok()
}

/// The beginning of a connection, from the server's side (section 3.4).
pub(crate) async fn open(socket: &mut TcpStream) -> Option<()> {
    let mut preface = [0; 24];
    socket.read_exact(&mut preface).await.ok()?;
    assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    write(socket, (SETTINGS, 0, 0), b"").await
}
