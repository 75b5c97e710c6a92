//! A server between `pawl verify-site` and a relay that alters what the relay answers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

/// What goes back for a request.
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Takes a header away, or gives it another value.
    pub(crate) fn set(&mut self, name: &str, value: Option<&str>) {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        let value = value.map(|value| (name.to_owned(), value.to_owned()));
        self.headers.extend(value);
    }

    pub(crate) fn with_body(&mut self, body: impl Into<Vec<u8>>) {
        self.body = body.into();
    }

    fn empty(status: &str) -> Self {
        Self {
            status: status.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

/// Serves `prefix` from a relay's root; `change` gets each path as the relay sees it. Lives as long as the tests.
pub(crate) fn alter(
    relay: SocketAddr,
    prefix: &'static str,
    change: impl Fn(&str, &mut Answer) + Send + Sync + 'static,
) -> String {
    let change = Arc::new(change);
    let at = serve(move |mut stream| {
        let path = path_of(&mut stream);
        let mut answer = match path.strip_prefix(prefix) {
            Some(path) => {
                let mut answer = asked(relay, path);
                change(path, &mut answer);
                answer
            }
            None => Answer::empty("404 Not Found"),
        };
        answer.set("Connection", Some("close"));
        let length = answer.body.len().to_string();
        answer.set("Content-Length", Some(&length));
        let mut bytes = format!("HTTP/1.1 {}\r\n", answer.status);
        for (name, value) in &answer.headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        bytes.push_str("\r\n");
        let _ = stream.write_all(&[bytes.as_bytes(), &answer.body].concat());
    });
    format!("http://{at}{prefix}")
}

/// Every connection gets a thread of its own.
pub(crate) fn serve(answer: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("an address");
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, answer) = (stream.expect("a connection"), Arc::clone(&answer));
            std::thread::spawn(move || answer(stream));
        }
    });
    at
}

/// Reads a request's head.
pub(crate) fn path_of(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        // Who connects and goes away asks for nothing.
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return String::new();
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("a head is text");
    head.split(' ').nth(1).expect("a path").to_owned()
}

fn asked(relay: SocketAddr, path: &str) -> Answer {
    let mut stream = TcpStream::connect(relay).expect("the relay listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {relay}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it takes it");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("it answers");
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("a head");
    let head = std::str::from_utf8(&bytes[..end]).expect("a head is text");
    let (status, headers) = head.split_once("\r\n").expect("headers");
    let pair = |line: &str| {
        let (name, value) = line.split_once(": ").expect("a header");
        (name.to_owned(), value.to_owned())
    };
    Answer {
        status: status.split_once(' ').expect("a status").1.to_owned(),
        headers: headers.split("\r\n").map(pair).collect(),
        body: bytes[end + 4..].to_vec(),
    }
}
