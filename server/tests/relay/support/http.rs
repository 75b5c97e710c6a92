//! The least of an HTTP client: what is sent and what comes back, byte for byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// So that a relay that never answers fails a test instead of holding it.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Sends one request with these header lines and reads to the end.
pub(crate) fn http(address: SocketAddr, request: &str, headers: &[&str]) -> Response {
    http_to(address, &address.to_string(), request, headers)
}

/// The same for a host of another name.
pub(crate) fn http_to(
    address: SocketAddr,
    host: &str,
    request: &str,
    headers: &[&str],
) -> Response {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    write!(
        stream,
        "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}\r\n"
    )
    .expect("it is sent");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Response {
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("a head");
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    Response {
        status: status.expect("a status").parse().expect("a number"),
        headers: lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: bytes[end + 4..].to_vec(),
    }
}

/// A WebSocket whose frames the test writes itself: the handshake is done, the challenge may wait.
pub(crate) fn raw_socket(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    write!(
        stream,
        "GET /api/ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    .expect("it is sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "no handshake");
    stream
}

/// A client's frame: `first` is its first byte.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | u8::try_from(short).expect("short")),
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    // A mask of zeros leaves the payload as it is.
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// Reads the relay's frames to the end; the close code, if there was one.
pub(crate) fn close_code(stream: &mut TcpStream) -> Option<u16> {
    loop {
        let mut head = [0; 2];
        stream.read_exact(&mut head).ok()?;
        let len = match head[1] {
            126 => {
                let mut len = [0; 2];
                stream.read_exact(&mut len).ok()?;
                usize::from(u16::from_be_bytes(len))
            }
            short => usize::from(short),
        };
        let mut payload = vec![0; len];
        stream.read_exact(&mut payload).ok()?;
        if head[0] == 0x88 {
            return payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        }
    }
}
