//! A reverse proxy as a child process, with a configuration from deploy/ and a certificate of its own.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::manager::manager;
use crate::tunnel::Tunnel;

/// The name in the configurations.
pub(crate) const HOST: &str = "chat.example.org";

/// Waits for what is under way: no test ends by it that is well.
pub(crate) const PATIENCE: u32 = 3_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    /// What is inside `http`, in an outer file that logs as Debian's does.
    NginxInDebian,
    /// Nginx Proxy Manager's settings, with our file in the tab "Advanced".
    Manager,
    /// The same without it.
    BareManager,
    Caddy,
}

/// What of Debian's /etc/nginx/nginx.conf has a say in logs, with the test's folder for /var/log/nginx.
const DEBIANS: &str = "worker_processes auto;
pid FOLDER/pid;
error_log FOLDER/error.log;
events {
    worker_connections 768;
}
http {
    access_log FOLDER/access.log;
";

/// Where the relay stands on its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Root,
    Prefix,
}

pub(crate) struct Proxy {
    kind: Kind,
    folder: TempDir,
    child: Option<Child>,
    /// Where it ends TLS.
    pub(crate) https: SocketAddr,
}

pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address")
}

pub(crate) fn from_repository(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy")
        .join(name);
    std::fs::read_to_string(path).expect("a file of deploy/")
}

/// Exchanges one text for another, which must be there: a configuration that changed is noticed.
pub(crate) fn exchange(text: &mut String, from: &str, to: &str) {
    assert!(text.contains(from), "{from:?} is not in it:\n{text}");
    *text = text.replace(from, to);
}

impl Proxy {
    pub(crate) fn start(kind: Kind, place: Place, relay: SocketAddr) -> Self {
        Self::start_changed(kind, place, relay, |_, _| ())
    }

    /// The same, after a change of its settings, which gets the test's folder too.
    pub(crate) fn start_changed(
        kind: Kind,
        place: Place,
        relay: SocketAddr,
        change: impl FnOnce(&mut String, &Path),
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let https = free_address();
        certificate(folder.path());
        let mut config = match kind {
            Kind::Nginx => nginx(folder.path(), place, relay, https),
            Kind::NginxInDebian => {
                in_debians(folder.path(), &nginx(folder.path(), place, relay, https))
            }
            Kind::Manager => manager(folder.path(), relay, https, true),
            Kind::BareManager => manager(folder.path(), relay, https, false),
            Kind::Caddy => caddy(folder.path(), place, relay, https),
        };
        change(&mut config, folder.path());
        std::fs::write(folder.path().join("config"), config).expect("a file");
        let mut proxy = Self {
            kind,
            folder,
            child: None,
            https,
        };
        proxy.begin();
        proxy
    }

    pub(crate) fn begin(&mut self) {
        let (at, config) = (self.folder.path(), self.folder.path().join("config"));
        let mut command = match self.kind {
            Kind::Caddy => Command::new("caddy"),
            _ => Command::new("nginx"),
        };
        match self.kind {
            Kind::Caddy => command
                .args(["run", "--adapter", "caddyfile", "--config"])
                .arg(config),
            _ => command
                .args(["-g", "daemon off;", "-p"])
                .arg(at)
                .arg("-c")
                .arg(config),
        };
        let output = std::fs::File::options()
            .create(true)
            .append(true)
            .open(at.join("output"))
            .expect("a file");
        let also = output.try_clone().expect("a file");
        let child = command
            .env("HOME", at)
            .env("XDG_DATA_HOME", at)
            .env("XDG_CONFIG_HOME", at)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(also)
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{:?}, which `cargo xtask test` installs: {error}",
                    self.kind
                )
            });
        self.child = Some(child);
        for _ in 0..PATIENCE {
            if TcpStream::connect(self.https).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{:?} does not serve:\n{}", self.kind, self.written());
    }

    /// Ends it at once, with every connection through it.
    pub(crate) fn end(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        // nginx ends its workers on SIGTERM; by SIGKILL they would stay.
        let pid = child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("kill runs").success());
        child.wait().expect("it ends");
    }

    /// A plain TCP address that leads to it through verified TLS.
    pub(crate) fn tunnel(&self) -> Tunnel {
        Tunnel::open(
            self.https,
            HOST,
            &self.folder.path().join("certificate.pem"),
        )
    }

    /// All that it wrote anywhere: its output and the files beside its configuration.
    pub(crate) fn written(&self) -> String {
        let mut all = String::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if !is_ours(&path) {
                    let bytes = std::fs::read(&path).unwrap_or_default();
                    let _ = writeln!(
                        all,
                        "{}: {}",
                        path.display(),
                        String::from_utf8_lossy(&bytes)
                    );
                }
            }
        }
        all
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the test put there itself, and Caddy's copy of its settings.
fn is_ours(path: &Path) -> bool {
    let own = ["config", "certificate.pem", "key.pem", "autosave.json"];
    path.file_name()
        .is_some_and(|name| own.iter().any(|own| name == *own))
}

fn certificate(folder: &Path) {
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", &format!("/CN={HOST}")])
        .args(["-addext", &format!("subjectAltName=DNS:{HOST}")])
        .arg("-keyout")
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(folder.join("certificate.pem"))
        .output()
        .expect("openssl, which `cargo xtask test` installs");
    assert!(output.status.success(), "{output:?}");
}

pub(crate) fn path(folder: &Path, name: &str) -> String {
    let path: PathBuf = folder.join(name);
    path.to_str().expect("a plain path").to_owned()
}

fn nginx(folder: &Path, place: Place, relay: SocketAddr, https: SocketAddr) -> String {
    let mut text = from_repository("nginx.conf");
    exchange(&mut text, "/run/nginx.pid", &path(folder, "pid"));
    exchange(&mut text, "127.0.0.1:8080", &relay.to_string());
    exchange(
        &mut text,
        "        listen 80;\n        listen [::]:80;\n",
        &format!("        listen {};\n", free_address()),
    );
    exchange(
        &mut text,
        "        listen 443 ssl http2;\n        listen [::]:443 ssl http2;\n",
        &format!("        listen {https} ssl http2;\n"),
    );
    exchange(
        &mut text,
        "/etc/pawl/tls/fullchain.pem",
        &path(folder, "certificate.pem"),
    );
    exchange(
        &mut text,
        "/etc/pawl/tls/privkey.pem",
        &path(folder, "key.pem"),
    );
    // Debian's nginx, when root starts it, keeps these under /var.
    let own = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};\n", path(folder, name)))
        .concat();
    exchange(&mut text, "http {\n", &format!("http {{\n{own}"));
    // The test's folder is its own user's, and workers would be another.
    let user = "user root;\n";
    text.insert_str(0, user);
    if place == Place::Prefix {
        exchange(&mut text, "location / {", "location /chat/ {");
        exchange(
            &mut text,
            "proxy_pass http://pawl;",
            "proxy_pass http://pawl/;",
        );
    }
    text
}

/// What is inside `http`, as the file's head says that it may be used.
fn in_debians(folder: &Path, config: &str) -> String {
    let inside = config.split_once("http {\n").expect("its http").1;
    let outer = DEBIANS.replace("FOLDER", folder.to_str().expect("a plain path"));
    format!("user root;\n{outer}{inside}")
}

fn caddy(folder: &Path, place: Place, relay: SocketAddr, https: SocketAddr) -> String {
    let mut text = from_repository("Caddyfile");
    exchange(&mut text, "127.0.0.1:8080", &relay.to_string());
    let ports = format!(
        "admin off\n\tauto_https disable_redirects\n\thttps_port {}",
        https.port()
    );
    exchange(&mut text, "admin off", &ports);
    let tls = format!(
        "{HOST} {{\n\tbind 127.0.0.1\n\ttls {} {}\n",
        path(folder, "certificate.pem"),
        path(folder, "key.pem")
    );
    exchange(&mut text, &format!("{HOST} {{\n"), &tls);
    if place == Place::Prefix {
        exchange(
            &mut text,
            "\treverse_proxy ",
            "\thandle_path /chat/* {\n\treverse_proxy ",
        );
        let end = text.trim_end().len() - 1;
        text.insert_str(end, "\t}\n");
    }
    text
}
