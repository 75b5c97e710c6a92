//! nginx and Caddy as deploy/ sets them up, between real clients and the real relay.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pawl_wire::{ClientFrame, ConnectionError, MessageId, RelayFrame};

use crate::proxy::{HOST, Kind, PATIENCE, Place, Proxy, exchange, free_address, path};
use crate::support::client::Target;
use crate::support::http::http_to;
use crate::support::{Child, Client, Device, Response, envelope, http, message_id};
use crate::tunnel::Tunnel;

pub(crate) const BOTH: [Kind; 2] = [Kind::Nginx, Kind::Caddy];

/// What is shipped for the root of a host.
const SHIPPED: [Kind; 3] = [Kind::Nginx, Kind::Caddy, Kind::Manager];

/// A relay and a proxy before it, which the relay trusts.
pub(crate) fn deployed(
    kind: Kind,
    place: Place,
    folder: &std::path::Path,
    more: &[&str],
) -> (Child, Proxy) {
    let origin = format!("https://{HOST}");
    let flags = ["--public-origin", &origin, "--trusted-proxy", "127.0.0.1"];
    let relay = Child::start(folder, &[&flags, more].concat());
    let proxy = Proxy::start(kind, place, relay.address);
    (relay, proxy)
}

fn prefix(place: Place) -> &'static str {
    match place {
        Place::Root => "",
        Place::Prefix => "/chat",
    }
}

/// The relay as it is seen through the proxy.
fn target(tunnel: &Tunnel, place: Place) -> Target {
    Target {
        authority: HOST.to_owned(),
        prefix: prefix(place),
        ..Target::at(tunnel.address)
    }
}

/// A plain request through the proxy.
fn ask(tunnel: &Tunnel, request: &str, headers: &[&str]) -> Response {
    http_to(tunnel.address, HOST, request, headers)
}

async fn connect(tunnel: &Tunnel, place: Place) -> Client {
    let client = Client::open(&target(tunnel, place)).await;
    client.expect("a connection")
}

async fn register(tunnel: &Tunnel, place: Place, device: &Device) -> Client {
    let mut client = connect(tunnel, place).await;
    let register = device.register(&client.challenge);
    client
        .send(&ClientFrame::Register(Box::new(register)))
        .await;
    let answer = client.next().await;
    assert!(matches!(answer, RelayFrame::AuthOk(_)), "{answer:?}");
    client
}

#[tokio::test]
async fn mail_goes_through_at_the_root_and_under_a_prefix() {
    for kind in SHIPPED {
        for place in [Place::Root, Place::Prefix] {
            if kind == Kind::Manager && place == Place::Prefix {
                continue;
            }
            let folder = tempfile::tempdir().expect("a folder");
            let (_relay, proxy) = deployed(kind, place, folder.path(), &[]);
            let tunnel = proxy.tunnel();
            let [alice, bob] = ["alice", "bob"].map(Device::new);
            let mut from = register(&tunnel, place, &alice).await;
            let mut to = register(&tunnel, place, &bob).await;
            // The largest envelope, too.
            for body in [envelope(1), vec![7; pawl_wire::limits::MAX_ENVELOPE]] {
                let id = message_id();
                from.store(bob.address(), id, body.clone()).await;
                assert_eq!(
                    to.delivery().await,
                    (to_seq(&body), id, body),
                    "{kind:?} {place:?}"
                );
            }
            let page = format!("GET {}/", prefix(place));
            let answer = ask(&tunnel, &page, &[]);
            assert_eq!(answer.status, 200, "{kind:?} {place:?}");
            for (name, value) in pawl_server::SECURITY_HEADERS {
                assert_eq!(answer.header(name), Some(*value), "{kind:?}: {name}");
            }
            assert!(answer.header("Strict-Transport-Security").is_some());
        }
    }
}

/// The first message is short, the second is large.
fn to_seq(body: &[u8]) -> u64 {
    if body.len() < 1_000 { 1 } else { 2 }
}

/// What the relay answers to a registration of somebody who names another address in this header.
async fn register_as(tunnel: &Tunnel, header: &'static str, name: &str) -> RelayFrame {
    let mut to = target(tunnel, Place::Root);
    to.headers.push((header, "198.51.100.9".to_owned()));
    let mut client = Client::open(&to).await.expect("a connection");
    let register = Device::new(name).register(&client.challenge);
    client
        .send(&ClientFrame::Register(Box::new(register)))
        .await;
    client.next().await
}

/// What our file for Nginx Proxy Manager is for: without it a client that seems to come from a private network names
/// its address. By X-Forwarded-For alone it does so only where the relay trusts the client's own network, too.
#[tokio::test]
async fn a_bare_proxy_manager_believes_private_networks() {
    for (trusted, header, is_believed) in [
        ("127.0.0.2", "X-Forwarded-For", false),
        ("127.0.0.2", "X-Real-IP", true),
        ("127.0.0.0/8", "X-Forwarded-For", true),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let origin = format!("https://{HOST}");
        let flags = [
            "--public-origin",
            &origin,
            "--registrations-per-minute=1",
            "--trusted-proxy",
            trusted,
        ];
        let relay = Child::start(folder.path(), &flags);
        let proxy = Proxy::start_changed(
            Kind::BareManager,
            Place::Root,
            relay.address,
            |config, _| exchange(config, "http {\n", "http {\n    proxy_bind 127.0.0.2;\n"),
        );
        let tunnel = proxy.tunnel();
        register(&tunnel, Place::Root, &Device::new("alice")).await;
        let answer = register_as(&tunnel, header, "bob").await;
        let is_in = matches!(answer, RelayFrame::AuthOk(_));
        assert_eq!(is_in, is_believed, "{trusted} {header}: {answer:?}");
    }
}

#[tokio::test]
async fn addresses_come_from_the_proxy_and_not_from_the_client() {
    for kind in SHIPPED {
        let folder = tempfile::tempdir().expect("a folder");
        let limit = ["--registrations-per-minute", "1"];
        let (relay, proxy) = deployed(kind, Place::Root, folder.path(), &limit);
        let tunnel = proxy.tunnel();
        register(&tunnel, Place::Root, &Device::new("alice")).await;
        // Whatever a client writes there, it is one address: its own.
        for header in ["X-Forwarded-For", "X-Real-IP"] {
            let answer = register_as(&tunnel, header, "bob").await;
            let cause = match answer {
                RelayFrame::Error { code, .. } => Some(code),
                _ => None,
            };
            assert_eq!(
                cause,
                Some(ConnectionError::RateLimited),
                "{kind:?} {header}: {answer:?}"
            );
        }
        drop(relay);
    }
}

/// It belongs to the root of an origin, wherever on it the relay stands.
#[test]
fn security_txt_is_found_at_the_root_of_the_origin() {
    let flags = [
        "--public-origin=https://chat.example.org",
        "--security-contact=mailto:security@example.org",
    ];
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/OPERATIONS.md");
    let manual = std::fs::read_to_string(manual).expect("the manual");
    let nginx = "    location = /.well-known/security.txt { proxy_pass http://pawl; }\n";
    let caddy = "    reverse_proxy /.well-known/security.txt 127.0.0.1:8080\n";
    assert!(manual.contains(nginx) && manual.contains(caddy));
    for (kind, line) in [(Kind::Nginx, nginx), (Kind::Caddy, caddy)] {
        for place in [Place::Root, Place::Prefix] {
            let folder = tempfile::tempdir().expect("a folder");
            let relay = Child::start(folder.path(), &flags);
            let proxy = Proxy::start_changed(kind, place, relay.address, |config, _| {
                let before = match kind {
                    Kind::Caddy => "\theader Strict-Transport-Security",
                    _ => "        location = /live",
                };
                let line = line.replace("127.0.0.1:8080", &relay.address.to_string());
                if place == Place::Prefix {
                    exchange(config, before, &format!("{line}{before}"));
                }
            });
            let answer = ask(&proxy.tunnel(), "GET /.well-known/security.txt", &[]);
            assert_eq!(answer.status, 200, "{kind:?} {place:?}");
            let text = String::from_utf8_lossy(&answer.body);
            assert!(
                text.starts_with("Contact: mailto:security@example.org\n"),
                "{kind:?} {place:?}: {text}"
            );
        }
    }
}

#[test]
fn bodies_slow_heads_and_this_machines_own_pages_are_cut_off() {
    for kind in SHIPPED {
        let folder = tempfile::tempdir().expect("a folder");
        let (relay, proxy) = deployed(kind, Place::Root, folder.path(), &[]);
        let tunnel = proxy.tunnel();
        for path in ["/ready", "/live"] {
            assert_eq!(http(relay.address, &format!("GET {path}"), &[]).status, 200);
            assert_eq!(
                ask(&tunnel, &format!("GET {path}"), &[]).status,
                404,
                "{kind:?}"
            );
        }
        let large = ["Content-Length: 1000000"];
        let answer = ask(&tunnel, "POST /", &large);
        assert_eq!(answer.status, 413, "{kind:?}");
        // A head that never ends is cut off; nobody is kept waiting for it.
        let mut slow = TcpStream::connect(tunnel.address).expect("a connection");
        slow.set_read_timeout(Some(Duration::from_secs(40)))
            .expect("a timeout");
        write!(slow, "GET / HTTP/1.1\r\nHost: {HOST}\r\n").expect("it is sent");
        let mut rest = Vec::new();
        slow.read_to_end(&mut rest).expect("it is cut off");
    }
}

/// In, unless the proxy goes away meanwhile.
async fn authenticated(relay: &Target, device: &Device) -> Option<Client> {
    let mut client = Client::open(relay).await?;
    let auth = device.auth(&client.challenge, 0);
    client.send(&ClientFrame::Auth(auth)).await;
    let answer = client.try_next().await.ok()?;
    matches!(answer, RelayFrame::AuthOk(_)).then_some(client)
}

/// Envelopes that are sent before the answers are read.
const WAVE: usize = 50;

/// What one sender did.
#[derive(Default)]
struct Sent {
    stored: BTreeSet<MessageId>,
    /// Connections that ended under it.
    broken: usize,
}

/// Sends until told to stop, and what was not answered again under its id; comes back through whatever happens,
/// as clients do.
async fn send_through(relay: Target, from: Device, to: Device, stop: Arc<AtomicBool>) -> Sent {
    let mut sent = Sent::default();
    let mut waiting: BTreeSet<MessageId> = BTreeSet::new();
    while !stop.load(Ordering::Acquire) || !waiting.is_empty() {
        let Some(mut client) = authenticated(&relay, &from).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        loop {
            if !stop.load(Ordering::Acquire) {
                waiting.extend((waiting.len()..WAVE).map(|_| message_id()));
            }
            for id in &waiting {
                client.submit(to.address(), *id, envelope(1)).await;
            }
            while !waiting.is_empty() {
                match client.try_next().await {
                    Ok(RelayFrame::Stored { message_id, .. }) => {
                        waiting.remove(&message_id);
                        sent.stored.insert(message_id);
                    }
                    Ok(RelayFrame::QueueEmpty { .. }) => (),
                    // Caddy ends a tunnel with a close frame of its own, now and then in the middle of
                    // a frame that it was passing on.
                    Ok(RelayFrame::Error {
                        code: ConnectionError::Malformed,
                        ..
                    }) => break,
                    Ok(other) => panic!("{other:?}"),
                    Err(_) => break,
                }
            }
            if !waiting.is_empty() {
                sent.broken += 1;
                break;
            }
            if stop.load(Ordering::Acquire) {
                return sent;
            }
        }
    }
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_restarted_under_load_costs_no_message() {
    for kind in BOTH {
        let folder = tempfile::tempdir().expect("a folder");
        let room = [
            "--mailbox-messages",
            "1000000",
            "--stranger-messages",
            "1000000",
            "--mailbox-bytes",
            "1000000000",
        ];
        let (_relay, mut proxy) = deployed(kind, Place::Root, folder.path(), &room);
        let tunnel = proxy.tunnel();
        let bob = Device::new("bob");
        register(&tunnel, Place::Root, &bob).await.leave().await;
        let stop = Arc::new(AtomicBool::new(false));
        let mut sending = tokio::task::JoinSet::new();
        for number in 0..3 {
            let sender = Device::new(&format!("sender{number}"));
            register(&tunnel, Place::Root, &sender).await.leave().await;
            let to = target(&tunnel, Place::Root);
            sending.spawn(send_through(to, sender, bob.clone(), Arc::clone(&stop)));
        }
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            tokio::task::block_in_place(|| {
                proxy.end();
                proxy.begin();
            });
        }
        stop.store(true, Ordering::Release);
        let sent = sending.join_all().await;
        let broken: usize = sent.iter().map(|one| one.broken).sum();
        assert!(broken > 0, "{kind:?}: the restarts met nobody");
        let stored: BTreeSet<MessageId> = sent.into_iter().flat_map(|one| one.stored).collect();
        let to = authenticated(&target(&tunnel, Place::Root), &bob).await;
        let waiting = to.expect("he is let in").waiting().await;
        let there: BTreeSet<MessageId> = waiting.iter().map(|(_, id, _)| *id).collect();
        assert_eq!(
            waiting.len(),
            there.len(),
            "{kind:?}: something is there twice"
        );
        assert!(!stored.is_empty());
        assert_eq!(there, stored, "{kind:?}");
    }
}

#[tokio::test]
async fn the_proxy_writes_down_nothing_about_anybody() {
    for kind in [Kind::Nginx, Kind::NginxInDebian, Kind::Manager, Kind::Caddy] {
        let folder = tempfile::tempdir().expect("a folder");
        let (relay, mut proxy) = deployed(kind, Place::Root, folder.path(), &[]);
        let tunnel = proxy.tunnel();
        let alice = Device::new("alice");
        let mut client = register(&tunnel, Place::Root, &alice).await;
        client.settle().await;
        let asked = ask(
            &tunnel,
            "GET /a-path-of-somebodys",
            &["User-Agent: curious"],
        );
        assert_eq!(asked.status, 404);
        let asked = ask(&tunnel, "POST /too-large", &["Content-Length: 1000000"]);
        assert_eq!(asked.status, 413);
        // A relay that is gone is what proxies complain of, with all that they know.
        relay.kill();
        client.end().await;
        let asked = ask(&tunnel, "GET /another-path", &["User-Agent: curious"]);
        assert_eq!(asked.status, 502);
        drop(tunnel);
        proxy.end();
        let written = proxy.written();
        for secret in [
            "somebodys",
            "another-path",
            "too-large",
            "127.0.0.1",
            "curious",
            "api/ws",
            "remote",
            "client",
        ] {
            assert!(!written.contains(secret), "{kind:?}: {secret} in {written}");
        }
    }
}

#[test]
fn a_certificate_that_caddy_does_not_get_is_seen() {
    let nobody = free_address();
    let proxy = Proxy::start_changed(Kind::Caddy, Place::Root, nobody, |config, folder| {
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| path(folder, name));
        exchange(config, &format!("\ttls {certificate} {key}\n"), "");
        let authority = format!("admin off\n\tacme_ca https://{nobody}/");
        exchange(config, "admin off", &authority);
    });
    let seen = (0..PATIENCE).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        proxy.written().contains("could not get certificate")
    });
    assert!(seen, "{}", proxy.written());
}
