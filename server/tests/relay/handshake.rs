//! A WebSocket handshake is a request without a body. With one, a proxy and the relay may disagree where it ends,
//! and what a client writes behind it would be the proxy's own word.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::support::{Relay, frame};

/// Time for an answer that must come. None of these tests ends by it when all is well.
const PATIENCE: Duration = Duration::from_secs(30);

fn handshake(version: &str, more: &str) -> String {
    format!(
        "GET /api/ws {version}\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{more}\r\n"
    )
}

/// How the answer begins.
fn status(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("it is sent");
    let mut start = [0; 12];
    stream.read_exact(&mut start).expect("an answer");
    String::from_utf8_lossy(&start).into_owned()
}

/// The whole answer that comes after it until the relay closes.
fn refused(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("it is sent");
    let mut answer = Vec::new();
    // The relay may close with bytes unread, which resets the connection behind its answer.
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "it is not closed");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_handshake_with_a_body_is_refused_and_its_connection_closed() {
    let relay = Relay::start();
    for (version, more, body) in [
        ("HTTP/1.1", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("HTTP/1.1", "transfer-encoding: Chunked\r\n", "0\r\n\r\n"),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked\r\n",
            "3\r\nabc\r\n0\r\n\r\n",
        ),
        (
            "HTTP/1.1",
            "Transfer-Encoding: gzip, chunked\r\n",
            "0\r\n\r\n",
        ),
        ("HTTP/1.1", "Content-Length: 5\r\n", "abcde"),
        ("HTTP/1.1", "Content-Length: 00005\r\n", "abcde"),
        ("HTTP/1.0", "", ""),
        ("HTTP/1.0", "Content-Length: 0\r\n", ""),
    ] {
        let answer = refused(relay.address, &(handshake(version, more) + body));
        assert!(
            answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.0 400"),
            "{more:?}: {answer}"
        );
    }
}

#[test]
fn a_handshake_that_says_it_has_no_body_is_served() {
    let relay = Relay::start();
    for more in ["", "Content-Length: 0\r\n"] {
        let status = status(relay.address, &handshake("HTTP/1.1", more));
        assert_eq!(status, "HTTP/1.1 101", "{more:?}");
    }
}

#[test]
fn with_public_origins_no_other_page_may_connect_whatever_host_it_names() {
    let relay = Relay::start_with(|config| {
        config.public_origins = vec!["https://chat.example".parse().expect("an origin")];
    });
    for (host, origin) in [
        ("evil.example", "http://evil.example"),
        ("evil.example", "https://evil.example"),
        ("evil.example", "ftp://evil.example"),
        ("chat.example", "http://chat.example"),
    ] {
        let request = handshake("HTTP/1.1", &format!("Origin: {origin}\r\n"));
        let status = status(relay.address, &request.replace("localhost", host));
        assert_eq!(status, "HTTP/1.1 403", "{origin}");
    }
}

/// A proxy that takes a line feed alone for a part of a line sees one request where the relay would see two.
#[test]
fn a_head_with_a_line_feed_alone_is_refused_and_its_connection_closed() {
    let relay = Relay::start();
    let whole = "GET /live HTTP/1.1\r\nHost: a\r\n";
    let good = refused(relay.address, &format!("{whole}Connection: close\r\n\r\n"));
    assert!(good.starts_with("HTTP/1.1 200 "), "{good}");
    for bad in [
        "GET /live HTTP/1.1\nHost: a\n\n",
        "GET /live HTTP/1.1\r\nHost: a\n\r\n",
        "GET /live HTTP/1.1\r\nHost: a\r\n\n",
        "\nGET /live HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /live HTTP/1.1\r\nHost: a\r\nA: b\nX-Forwarded-For: 203.0.113.1\r\n\r\n",
    ] {
        let said = refused(relay.address, bad);
        assert!(said.starts_with("HTTP/1.1 400 "), "{bad:?}: {said}");
        // Behind one that is well.
        let said = refused(relay.address, &format!("{whole}\r\n{bad}"));
        assert_eq!(said.matches("HTTP/1.1 ").count(), 2, "{bad:?}: {said}");
        assert!(said.contains("HTTP/1.1 400 "), "{bad:?}: {said}");
    }
}

/// A body that begins like a frame would end the look at what comes behind it.
#[test]
fn a_request_with_a_body_is_refused_and_nothing_behind_it_is_read() {
    let relay = Relay::start();
    let behind = "GET /live HTTP/1.1\nHost: a\n\n";
    for method in ["GET", "HEAD", "POST"] {
        for (field, body) in [
            ("Content-Length: 1", "\0"),
            ("Transfer-Encoding: chunked", "5\r\n\r\n\r\n\0\r\n0\r\n\r\n"),
        ] {
            let head = format!("{method} /live HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n");
            let said = refused(relay.address, &[&head, body, behind].concat());
            assert!(
                said.starts_with("HTTP/1.1 400 "),
                "{method} {field}: {said}"
            );
            assert_eq!(
                said.matches("HTTP/1.1 ").count(),
                1,
                "{method} {field}: {said}"
            );
        }
    }
}

/// What comes right behind a handshake is frames, whatever bytes are in them.
#[test]
fn line_feeds_in_frames_are_bytes_like_any() {
    let relay = Relay::start();
    let mut stream = TcpStream::connect(relay.address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let ping = b"\n\r\n\n\nGET / HTTP/1.1\n";
    let mut bytes = handshake("HTTP/1.1", "").into_bytes();
    bytes.extend(frame(0x89, ping));
    stream.write_all(&bytes).expect("it is sent");
    let mut said = Vec::new();
    while !said.windows(ping.len()).any(|bytes| bytes == ping) {
        let mut piece = [0; 256];
        let length = stream.read(&mut piece).expect("an answer");
        assert!(length > 0, "{said:?}");
        said.extend_from_slice(&piece[..length]);
    }
}
