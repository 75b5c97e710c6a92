//! TLS for clients that speak none: each connection goes through an `openssl s_client` of its own, which
//! verifies the certificate and the name.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

pub(crate) struct Tunnel {
    pub(crate) address: SocketAddr,
    is_closed: Arc<AtomicBool>,
    children: Arc<Mutex<Vec<Child>>>,
}

#[derive(Clone)]
struct Far {
    address: SocketAddr,
    host: String,
    certificate: PathBuf,
}

impl Tunnel {
    pub(crate) fn open(to: SocketAddr, host: &str, certificate: &Path) -> Self {
        let far = Far {
            address: to,
            host: host.to_owned(),
            certificate: certificate.to_owned(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let tunnel = Self {
            address: listener.local_addr().expect("its address"),
            is_closed: Arc::default(),
            children: Arc::default(),
        };
        let (is_closed, children) = (Arc::clone(&tunnel.is_closed), Arc::clone(&tunnel.children));
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if is_closed.load(Ordering::Acquire) {
                    return;
                }
                let child = join(near, &far);
                children.lock().expect("no panic").push(child);
            }
        });
        tunnel
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::Release);
        // Wakes the listener, which may be gone already.
        let _ = TcpStream::connect(self.address);
        for child in self.children.lock().expect("no panic").iter_mut() {
            // Ended by itself in most cases.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Copies both ways until either end closes.
fn join(near: TcpStream, far: &Far) -> Child {
    // Without `-nocommands` it takes data that begins with a k for an order.
    let mut child = Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-nocommands",
            "-verify_quiet",
            "-verify_return_error",
        ])
        .args([
            "-connect",
            &far.address.to_string(),
            "-servername",
            &far.host,
        ])
        .args(["-verify_hostname", &far.host, "-CAfile"])
        .arg(&far.certificate)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl, which `cargo xtask test` installs");
    let input = child.stdin.take().expect("its input");
    let output = child.stdout.take().expect("its output");
    let (reading, writing) = (near.try_clone().expect("a socket"), near);
    thread::spawn(move || copy(reading, input));
    thread::spawn(move || {
        copy(output, &writing);
        // The other end may have closed first.
        let _ = writing.shutdown(Shutdown::Both);
    });
    child
}

fn copy(mut from: impl Read, mut to: impl Write) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if to
            .write_all(&buffer[..read])
            .and_then(|()| to.flush())
            .is_err()
        {
            return;
        }
    }
}
