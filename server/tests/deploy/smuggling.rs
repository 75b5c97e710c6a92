//! What a client writes behind a handshake is never a request of the proxy's own.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::proxies::deployed;
use crate::proxy::{HOST, Kind, Place};

/// How long a second answer may take that must not come. A relay that gives it does so within milliseconds.
const LISTEN: Duration = Duration::from_secs(2);

fn handshake(more: &str) -> String {
    format!(
        "GET /api/ws HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{more}\r\n"
    )
}

/// All that comes until the other end closes or the time is over.
fn listen(stream: &mut TcpStream, time: Duration) -> String {
    let end = Instant::now() + time;
    let mut all = Vec::new();
    let mut piece = [0; 4_096];
    while Instant::now() < end {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => all.extend_from_slice(&piece[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn no_request_is_smuggled_behind_a_handshake_with_a_body() {
    let forged = handshake("X-Forwarded-For: 203.0.113.1\r\n");
    for kind in [Kind::Nginx, Kind::Manager, Kind::BareManager, Kind::Caddy] {
        for (more, body) in [
            ("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            ("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
            ("Content-Length: 5\r\n", "abcde"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let (_relay, proxy) = deployed(kind, Place::Root, folder.path(), &[]);
            let tunnel = proxy.tunnel();
            let mut stream = TcpStream::connect(tunnel.address).expect("a connection");
            stream
                .set_read_timeout(Some(Duration::from_millis(100)))
                .expect("a timeout");
            stream
                .write_all(handshake(more).as_bytes())
                .expect("it is sent");
            let first = listen(&mut stream, LISTEN / 2);
            // The other end may have closed already, which is what it should do.
            let _ = stream.write_all([body, &forged].concat().as_bytes());
            let second = listen(&mut stream, LISTEN);
            let switched = |text: &str| text.matches("101 Switching Protocols").count();
            assert!(
                switched(&first) == 0 || switched(&second) == 0,
                "{kind:?} {more:?}: {first} then {second}"
            );
            assert_eq!(switched(&first), 0, "{kind:?} {more:?}: {first}");
        }
    }
}
