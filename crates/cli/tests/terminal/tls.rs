//! A relay behind a proxy that ends TLS, as everywhere but on one's own machine.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::{Ended, Person, Relay, ended};

/// Ends TLS in front of a relay, on a thread that lives as long as the tests.
pub(crate) fn proxy(relay: SocketAddr, host: &str) -> (u16, String) {
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a certificate and its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("it is a socket");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build();
        runtime.expect("a runtime").block_on(async {
            let listener = TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // Who does not trust the certificate goes away.
                    let Ok(mut inside) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut outside = TcpStream::connect(relay).await.expect("the relay listens");
                    let _ = copy_bidirectional(&mut inside, &mut outside).await;
                });
            }
        });
    });
    (port, made.cert.pem())
}

#[test]
fn a_relay_behind_tls_is_reached_where_its_certificate_is_trusted_and_only_there() {
    let relay = Relay::start();
    let (port, certificate) = proxy(relay.address(), "localhost");
    let alice = Person::new();
    let file = alice.path("certificate.pem");
    std::fs::write(&file, certificate).expect("a file");
    let run = |arguments: &[&str], trusted: bool| -> Ended {
        let mut command = alice.command(arguments);
        if trusted {
            command.env("SSL_CERT_FILE", &file);
        }
        ended(command, "")
    };
    let url = format!("localhost:{port}");
    let register = |host: &str, trusted| {
        let url = url.replace("localhost", host);
        run(
            &["register", "alice", "--relay", &url, "--timeout", "20"],
            trusted,
        )
    };
    register("localhost", false).refused(3, "certificate");
    register("127.0.0.1", true).refused(3, "certificate");
    register("localhost", true).good();
    let bob = Person::at(&relay, "bob");
    bob.run(&["send", "alice", "through a proxy"]).good();
    let out = run(&["receive", "--json"], true).good();
    assert!(out.contains("through a proxy"), "{out}");
}
