//! deploy/compose.yml as Docker Compose reads it, and as the relay takes what it sets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::proxy::HOST;
use crate::support::{Child, http, program};

fn deploy(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    folder.join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(deploy(name)).expect("a file of deploy/")
}

/// The file as Compose has understood it: it refuses keys that it does not know, and writes the rest in one way.
fn understood() -> String {
    let mut compose = Command::new("docker-compose");
    compose
        .args(["--project-name", "pawl", "--file"])
        .arg(deploy("compose.yml"));
    let output = compose.arg("config").output();
    let output = output.expect("docker-compose, which `cargo xtask test` installs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout).expect("text")
}

/// The lines below a key, which is named by those that it stands under, without what they are moved in by.
fn below(text: &str, path: &[&str]) -> Vec<String> {
    path.iter()
        .fold(text.lines().map(str::to_owned).collect(), |lines, key| {
            let head = format!("{key}:");
            let inside = lines.iter().skip_while(|line| **line != head).skip(1);
            inside
                .take_while(|line| line.starts_with("  "))
                .map(|line| line[2..].to_owned())
                .collect()
        })
}

/// Names and values below a key.
fn pairs(text: &str, path: &[&str]) -> BTreeMap<String, String> {
    let lines = below(text, path);
    let pairs = lines.iter().filter_map(|line| line.split_once(": "));
    pairs
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

#[test]
fn the_relay_takes_what_compose_sets() {
    let set = pairs(&understood(), &["services", "relay", "environment"]);
    assert!(set.contains_key("PAWL_TRUSTED_PROXY"), "{set:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let said = folder.path().join("said");
    let mut relay = Command::new(program());
    relay
        .env("PAWL_LISTEN", "127.0.0.1:0")
        .env("PAWL_DATA", folder.path().join("data"));
    relay.stderr(std::fs::File::create(&said).expect("a file"));
    let mut relay = Child::spawn(relay.envs(&set));
    let page = http(relay.address, "GET /live", &[]);
    assert_eq!(page.status, 200);
    assert_eq!(relay.terminate(), Some(0));
    // A variable that it does not know is named when it starts.
    let said = std::fs::read_to_string(said).expect("text");
    assert!(said.contains("the relay serves"), "{said}");
    for name in set.keys() {
        assert!(!said.contains(name), "{said}");
    }
    assert_eq!(set["PAWL_PUBLIC_ORIGIN"], format!("https://{HOST}"));
}

#[test]
fn caddy_reaches_the_relay_and_is_believed() {
    let all = understood();
    let of = |service: &str| pairs(&all, &["services", service, "networks", "inside"]);
    let (relay, caddy) = (of("relay"), of("caddy"));
    let set = pairs(&all, &["services", "caddy", "environment"]);
    assert_eq!(set["PAWL_RELAY"], format!("{}:8080", relay["ipv4_address"]));
    let believed = &pairs(&all, &["services", "relay", "environment"])["PAWL_TRUSTED_PROXY"];
    assert_eq!(believed, &caddy["ipv4_address"]);
    // Caddy's own reading of its file, with what compose sets.
    let mut adapt = Command::new("caddy");
    adapt
        .args(["adapt", "--config"])
        .arg(deploy("Caddyfile"))
        .envs(&set);
    let output = adapt
        .output()
        .expect("caddy, which `cargo xtask test` installs");
    let config = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        config.contains(&format!("\"dial\":\"{}\"", set["PAWL_RELAY"])),
        "{config}"
    );
}

/// What an instruction of deploy/Dockerfile's last part says, and what the released image does.
fn says(word: &str) -> String {
    let file = text("Dockerfile");
    let last = file.split("FROM scratch\n").nth(1).expect("its last part");
    let line = last.lines().find_map(|line| line.strip_prefix(word));
    line.expect("an instruction").trim().to_owned()
}

#[test]
fn the_image_and_its_limits_are_those_of_the_other_files() {
    let all = understood();
    let relay = pairs(&all, &["services", "relay"]);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(relay["image"], format!("pawl-server:{version}"));
    let volumes = below(&all, &["services", "relay"]).join("\n");
    assert!(
        volumes.contains(&format!("pawl:{}", says("VOLUME"))),
        "{volumes}"
    );
    let files = pairs(&all, &["services", "relay", "ulimits", "nofile"]);
    let unit = text("pawl.service");
    assert!(
        unit.contains(&format!("LimitNOFILE={}\n", files["hard"])),
        "{files:?}"
    );
    assert!(unit.contains("TimeoutStopSec=90\n"), "{unit}");
    assert!(
        ["90s", "1m30s"].contains(&relay["stop_grace_period"].as_str()),
        "{relay:?}"
    );
}
