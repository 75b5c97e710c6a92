//! `doctor`: looks at a deployment and says in plain words what is wrong with it. Changes nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::print;
use crate::clock;
use crate::config::{Config, Limits};
use crate::control::Link;
use crate::limits::places;
use crate::store::{self, Health};

/// Below this much room a relay that is used is soon without any.
const LITTLE_ROOM: u64 = 1 << 30;

const HOUR_MS: u64 = 60 * 60 * 1_000;

/// `TimeoutStopSec` of deploy/pawl.service.
const STOP_SECONDS: u64 = 90;

/// What clients and a slow disk get after the drain.
const GOODBYES: u64 = 30;

/// Clocks of machines differ; by this much they do not.
const CLOCK_SLACK_MS: u64 = HOUR_MS;

/// Somebody has as many network addresses without an effort.
const FEW_ADDRESSES: usize = 10;

const PATIENCE: Duration = Duration::from_secs(3);

enum Finding {
    Fine(String),
    /// Worth knowing, and perhaps meant so.
    Look(String),
    Wrong(String),
}

use Finding::{Fine, Look, Wrong};

/// The exit code says whether anything is wrong.
pub(super) fn doctor(config: &Config, unknown_variables: &[String]) -> ExitCode {
    let findings = [
        folder(&config.data),
        room(&config.data),
        store_health(&config.data),
        variables(unknown_variables),
        port(config.listen),
        origins(config),
        proxies(config),
        contacts(config),
        door(config),
        files(config),
        crowd(&config.limits),
        drain(config),
    ];
    let mut wrong = 0;
    let mut text = String::new();
    for finding in findings.into_iter().flatten() {
        let (word, line) = match finding {
            Fine(line) => ("ok   ", line),
            Look(line) => ("look ", line),
            Wrong(line) => {
                wrong += 1;
                ("WRONG", line)
            }
        };
        text += &format!("{word} {line}\n");
    }
    print(&text);
    if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(unix)]
fn folder(data: &Path) -> Vec<Finding> {
    use std::os::unix::fs::MetadataExt;

    let name = data.display();
    let folder = match std::fs::metadata(data) {
        Ok(folder) => folder,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return vec![Look(format!(
                "the data folder {name} is not there yet; the relay makes it"
            ))];
        }
        Err(error) => return vec![Wrong(format!("cannot look at {name}: {error}"))],
    };
    if !folder.is_dir() {
        return vec![Wrong(format!("{name} is no folder; --data names one"))];
    }
    let mut findings = owners(data, folder.uid());
    let writes = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    if let Err(error) = rustix::fs::access(data, writes) {
        findings.push(Wrong(format!("cannot write into {name}: {error}")));
    }
    let mode = folder.mode() & 0o777;
    if mode & 0o077 != 0 {
        findings.push(Wrong(format!(
            "others can look into {name} (mode {mode:o}): chmod 700 it"
        )));
    }
    if findings.is_empty() {
        findings.push(Fine(format!("the data folder {name} is this user's alone")));
    }
    findings
}

/// Who owns the folder and what is in it. To root all is open, so that root learns little here.
#[cfg(unix)]
fn owners(data: &Path, of_the_folder: u32) -> Vec<Finding> {
    use std::os::unix::fs::MetadataExt;

    let user = rustix::process::geteuid().as_raw();
    let mut findings = Vec::new();
    if user == 0 && of_the_folder != 0 {
        findings.push(Look(format!(
            "this is root and {} is user {of_the_folder}'s: run doctor as that user to see what the relay sees",
            data.display()
        )));
    }
    let right = if user == 0 { of_the_folder } else { user };
    let owners = ["", "relay.db", "relay.db-wal", "relay.lock"]
        .into_iter()
        .filter_map(|file| {
            Some((
                data.join(file),
                std::fs::metadata(data.join(file)).ok()?.uid(),
            ))
        });
    for (path, owner) in owners.filter(|(_, owner)| *owner != right) {
        let path = path.display();
        findings.push(Wrong(if user == 0 {
            format!("{path} belongs to user {owner} and its folder to user {right}: chown it")
        } else {
            format!("{path} belongs to user {owner} and this is user {user}; run doctor as the relay's user, or chown it")
        }));
    }
    findings
}

#[cfg(not(unix))]
fn folder(_data: &Path) -> Vec<Finding> {
    Vec::new()
}

#[cfg(unix)]
fn room(data: &Path) -> Vec<Finding> {
    let place = data.ancestors().find(|place| place.exists());
    let Some(Ok(disk)) = place.map(rustix::fs::statvfs) else {
        return vec![Look("how much room the disk has cannot be told".to_owned())];
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let mib = free >> 20;
    vec![if free < LITTLE_ROOM {
        Wrong(format!(
            "{mib} MiB are left on the data folder's disk; a full disk stores no mail"
        ))
    } else {
        Fine(format!("{mib} MiB are left on the data folder's disk"))
    }]
}

#[cfg(not(unix))]
fn room(_data: &Path) -> Vec<Finding> {
    Vec::new()
}

fn store_health(data: &Path) -> Vec<Finding> {
    let now = clock::wall_ms();
    if now < clock::EARLIEST_MS {
        return vec![Wrong("the clock stands before 2026: set it".to_owned())];
    }
    let is_served = Link::is_answered(data);
    match store::examine(data, is_served) {
        Ok(None) => vec![Look("there is no store yet; the relay makes it".to_owned())],
        Ok(Some(Health {
            damage: Some(damage),
            ..
        })) => vec![Wrong(format!(
            "the store is damaged ({damage}): stop the relay and restore the latest copy"
        ))],
        Ok(Some(health)) => {
            let version = match health.is_given_up {
                false => Fine(format!("the store is whole, of version {}", health.version)),
                true => Look(format!(
                    "whether the store is whole was not looked at to the end: relay.db-wal is long, since {}; try again later",
                    match is_served {
                        true => "a copy or another program keeps the store open or much is written",
                        false => "something writes into the store, and no relay can be asked",
                    }
                )),
            };
            let clock = health.times_ms.map(|times| compare(times, now));
            [Some(version), clock].into_iter().flatten().collect()
        }
        Err(error) => vec![Wrong(format!("the store cannot be used: {error}"))],
    }
}

/// The relay's own time and what it has seen of the machine's clock, with that clock.
fn compare((own, followed): (u64, u64), now: u64) -> Finding {
    if followed > now.saturating_add(CLOCK_SLACK_MS) {
        let hours = (followed - now).div_ceil(HOUR_MS);
        return Look(format!(
            "the clock stands {hours} hours before what the relay last saw of it: it was ahead then, or is behind now and has to be set"
        ));
    }
    let days = own.abs_diff(now) / clock::DAY_MS;
    let (side, why) = if own < now {
        (
            "behind",
            "the relay was away, or the clock was: what waits is kept for longer by the calendar",
        )
    } else {
        (
            "ahead of",
            "the clock is behind, or it was ahead for some time: then what came before that expires so much earlier",
        )
    };
    if days > 0 {
        Look(format!(
            "the relay's own time, by which mail and invites expire, is {days} days {side} the clock: {why}"
        ))
    } else {
        Fine("the clock and the relay's own time agree".to_owned())
    }
}

fn port(listen: SocketAddr) -> Vec<Finding> {
    match TcpListener::bind(listen) {
        Ok(_) => vec![Look(format!(
            "no relay serves here: {listen} is free to listen on"
        ))],
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            vec![match ask(listen, "/ready") {
                Some(answer) if answer.ends_with("not ready") => Wrong(format!(
                    "the relay on {listen} is not ready: its disk takes no writes, or it is going down"
                )),
                Some(answer) if answer.ends_with("ready") => {
                    Fine(format!("a relay is serving on {listen}"))
                }
                _ => Wrong(format!(
                    "another program has {listen}: stop it, or choose another --listen"
                )),
            }]
        }
        Err(error) => vec![Wrong(format!("cannot listen on {listen}: {error}"))],
    }
}

/// What stands there answers a plain request, or nothing.
fn ask(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

fn origins(config: &Config) -> Vec<Finding> {
    if config.public_origins.is_empty() {
        let listen = config.listen;
        return vec![if listen.ip().is_loopback() {
            Look(format!(
                "only this machine can use the relay: http://{listen}"
            ))
        } else {
            Wrong(format!(
                "browsers give a page no keys over plain HTTP: put a proxy with TLS before {listen} and name its address with --public-origin"
            ))
        }];
    }
    config
        .public_origins
        .iter()
        .map(|origin| {
            let text = origin.to_string();
            let host = text.split_once("://").map_or("", |(_, rest)| rest);
            let is_local = ["localhost", "127.0.0.1", "[::1]"]
                .iter()
                .any(|local| host == *local || host.starts_with(&format!("{local}:")));
            if text.starts_with("https://") || is_local {
                Look(format!(
                    "browsers use {text}, not tried from here; the proxy there has to pass WebSockets of api/ws on"
                ))
            } else {
                Wrong(format!("browsers give a page no keys at {text}: use https"))
            }
        })
        .collect()
}

/// A misspelt one sets nothing, and nothing else would say so.
fn variables(unknown: &[String]) -> Vec<Finding> {
    let line = |name: &String| Look(format!("the variable {name} is not known and sets nothing"));
    unknown.iter().map(line).collect()
}

/// systemd kills what has not ended by then.
fn drain(config: &Config) -> Vec<Finding> {
    let wait = config.drain_wait.as_secs();
    if wait.saturating_add(GOODBYES) <= STOP_SECONDS {
        return Vec::new();
    }
    vec![Look(format!(
        "--drain-seconds {wait} and the goodbyes are longer than TimeoutStopSec={STOP_SECONDS} of deploy/pawl.service: raise that with it"
    ))]
}

fn proxies(config: &Config) -> Vec<Finding> {
    if config.public_origins.is_empty() {
        return Vec::new();
    }
    vec![if config.trusted_proxies.is_empty() {
        Look("no --trusted-proxy: all who come through the proxy count as one address for the limits".to_owned())
    } else if config
        .trusted_proxies
        .iter()
        .any(crate::limits::network::Network::is_everybody)
    {
        Wrong("--trusted-proxy names everybody, so that anybody can write the address that counts: name the proxy".to_owned())
    } else {
        Fine("the limits count the addresses that the trusted proxies pass on".to_owned())
    }]
}

/// Whoever finds a fault looks at one place first.
fn contacts(config: &Config) -> Vec<Finding> {
    let contacts = &config.security_contacts;
    if config.public_origins.is_empty() {
        return Vec::new();
    }
    vec![if contacts.is_empty() {
        Look(
            "no --security-contact: who finds a fault in security is told nobody to write to"
                .to_owned(),
        )
    } else {
        Fine(format!(
            "{} to be told of faults in security: {}",
            contacts.len(),
            crate::http::security::PATH
        ))
    }]
}

fn door(config: &Config) -> Vec<Finding> {
    use pawl_wire::Registration::{Closed, Invite, Open};

    vec![match config.registration {
        Open if config.public_origins.is_empty() => {
            Fine("anybody on this machine can make an account".to_owned())
        }
        Open => {
            Look("anybody can make an account; --registration invite asks for a code".to_owned())
        }
        Invite => Fine("accounts are made with codes of `pawl-server invite create`".to_owned()),
        Closed => Look("nobody can make an account".to_owned()),
    }]
}

/// How many people it takes to keep everybody else out.
fn crowd(limits: &Limits) -> Vec<Finding> {
    let kept = places::kept(limits);
    let (all, each) = (limits.connections, limits.connections_per_address);
    if each == 0 {
        return vec![Look(format!(
            "one network address can fill all {all} places: --connections-per-address is 0"
        ))];
    }
    let addresses = (all - kept).div_ceil(each);
    let line = format!(
        "{addresses} network addresses fill the {} places that are for everybody; {kept} more are kept for devices that were there before",
        all - kept
    );
    vec![if addresses < FEW_ADDRESSES {
        Look(line + ": lower --connections-per-address, or raise --connections")
    } else {
        Fine(line)
    }]
}

#[cfg(unix)]
fn files(config: &Config) -> Vec<Finding> {
    let limit = super::files::most();
    let needed = super::files::needed(config.limits.connections);
    vec![match limit {
        Some(limit) if limit < needed => Wrong(format!(
            "{limit} open files are allowed and {needed} are needed for --connections {}: raise `ulimit -Hn` or LimitNOFILE, or lower it",
            config.limits.connections
        )),
        _ => Fine(format!(
            "enough open files are allowed for {} connections",
            config.limits.connections
        )),
    }]
}

#[cfg(not(unix))]
fn files(_config: &Config) -> Vec<Finding> {
    Vec::new()
}
