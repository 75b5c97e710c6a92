//! The packages in a Debian: installed, upgraded, gone back, removed and purged, with stores of other versions in their
//! way. What an operator would look at afterwards is looked at.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use xshell::cmd;

use super::debian::Debian;
use crate::context::Context;
use crate::setup::{self, Arch};

/// What the packages that are upgraded call themselves.
const OLD: &str = "0.0.1";

const SETTINGS: &str = "/etc/pawl/pawl.toml";
const STORE: &str = "/var/lib/pawl/relay.db";

const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(200);

pub(super) fn check(ctx: &Context, debs: &[PathBuf], host: Arch) -> Result<()> {
    let architecture = super::super::deb::architecture(host);
    let of = |name: &str| {
        let begin = format!("{name}_");
        let end = format!("_{architecture}.deb");
        let named = |file: &&PathBuf| {
            let file = file.file_name().unwrap_or_default().to_string_lossy();
            file.starts_with(&begin) && file.ends_with(&end)
        };
        let found = debs.iter().find(named);
        found.with_context(|| format!("there is no package {name} for {architecture}"))
    };
    let (server, terminal) = (of("pawl-server")?, of("pawl")?);
    ctx.step("trying the packages in a Debian", || {
        let mut trial = Trial::start(ctx, server)?;
        trial.first()?;
        trial.upgrade()?;
        trial.stores(ctx)?;
        trial.goodbye()?;
        trial.terminal(ctx, terminal)
    })
}

/// One system, and two versions of the relay's package in it.
struct Trial {
    debian: Debian,
    /// A relay that was started by hand, where there is no systemd.
    by_hand: Option<Child>,
}

impl Trial {
    fn start(ctx: &Context, server: &Path) -> Result<Self> {
        let debian = Debian::start(ctx)?;
        std::fs::create_dir_all(debian.path("/packages"))?;
        std::fs::copy(server, debian.path("/packages/new.deb"))?;
        older(ctx, server, &debian.path("/packages/old.deb"))?;
        Ok(Self {
            debian,
            by_hand: None,
        })
    }

    /// A system that never saw Pawl, with the older version.
    fn first(&mut self) -> Result<()> {
        self.install("old")?;
        self.serves()?;
        let user = self.debian.run(&["getent", "passwd", "pawl"])?;
        ensure!(
            user.ends_with("/var/lib/pawl:/usr/sbin/nologin"),
            "the user is {user}"
        );
        let rights = self
            .debian
            .run(&["stat", "--format=%U:%G %a", "/var/lib/pawl"])?;
        ensure!(rights == "pawl:pawl 700", "the data folder is {rights}");
        let code = self.as_pawl(&["pawl-server", "invite", "create"])?;
        ensure!(!code.is_empty(), "no invite");
        for file in [
            "/usr/share/man/man1/pawl-server.1.gz",
            "/usr/share/doc/pawl-server/copyright",
        ] {
            ensure!(self.debian.path(file).exists(), "{file} is missing");
        }
        let licences = self.debian.run(&["pawl-server", "licences"])?;
        for name in ["actix-web ", "sqlite ", "preact "] {
            ensure!(licences.contains(name), "no licence of {name}");
        }
        self.verify()
    }

    /// To the newer version, over settings that the operator has changed, and then the same once more.
    fn upgrade(&mut self) -> Result<()> {
        let settings = self.debian.path(SETTINGS);
        let text = std::fs::read_to_string(&settings)? + "# ours\n";
        std::fs::write(&settings, &text)?;
        for again in [false, true] {
            let before = self.process()?;
            self.install("new")?;
            self.serves()?;
            ensure!(
                self.process()? != before,
                "the old process still runs (again: {again})"
            );
            ensure!(
                std::fs::read_to_string(&settings)? == text,
                "the settings were changed"
            );
            let invites = self.as_pawl(&["pawl-server", "invite", "list"])?;
            ensure!(
                invites.contains("1 account"),
                "the invite is gone: {invites}"
            );
        }
        // What dpkg runs again after it was interrupted.
        let postinst = "/var/lib/dpkg/info/pawl-server.postinst";
        self.debian.run(&[postinst, "configure", OLD])?;
        self.serves()
    }

    /// A store of an older relay is brought up, one of a newer relay is refused and left alone, by both packages.
    fn stores(&mut self, ctx: &Context) -> Result<()> {
        self.stop()?;
        self.store(ctx, "older")?;
        self.install("new")?;
        self.serves()?;
        let accounts = self.as_pawl(&["pawl-server", "account", "list"])?;
        ensure!(
            accounts.contains("alice"),
            "the older store's account is gone: {accounts}"
        );
        for package in ["old", "new"] {
            self.stop()?;
            self.store(ctx, "newer")?;
            let before = std::fs::read(self.debian.path(STORE))?;
            let said = self.install(package)?;
            let said = match self.debian.is_booted() {
                true => said,
                false => self.refusal()?,
            };
            let lines: Vec<_> = said
                .lines()
                .filter(|line| line.contains("pawl-server: "))
                .collect();
            let one_line = lines.len() == 1 && lines[0].contains("version");
            ensure!(
                one_line,
                "a newer store, and the package {package} says: {said}"
            );
            println!("    {}", lines[0]);
            ensure!(self.debian.path(STORE).exists(), "the store is gone");
            ensure!(
                std::fs::read(self.debian.path(STORE))? == before,
                "the store was changed"
            );
        }
        self.stop()?;
        self.store(ctx, "current")?;
        // Back to an older version of the package, whose relay knows the store.
        self.install("old")?;
        self.serves()?;
        self.install("new")?;
        self.serves()
    }

    /// Removed, everything of the operator's stays; purged, nothing does, and it can begin again.
    fn goodbye(&mut self) -> Result<()> {
        self.stop_by_hand();
        self.debian.run(&["dpkg", "--remove", "pawl-server"])?;
        ensure!(
            !self.debian.path("/usr/bin/pawl-server").exists(),
            "the program stayed"
        );
        for stays in [SETTINGS, STORE] {
            ensure!(
                self.debian.path(stays).exists(),
                "{stays} went with the package"
            );
        }
        if self.debian.is_booted() {
            ensure!(
                !self.debian.succeeds(&["systemctl", "is-active", "pawl"])?,
                "the service runs on"
            );
        }
        for _ in 0..2 {
            self.debian.run(&["dpkg", "--purge", "pawl-server"])?;
            for goes in ["/etc/pawl", "/var/lib/pawl"] {
                ensure!(!self.debian.path(goes).exists(), "{goes} is left");
            }
            ensure!(
                !self.debian.succeeds(&["getent", "passwd", "pawl"])?,
                "the user is left"
            );
            self.install("new")?;
            self.serves()?;
            self.stop_by_hand();
        }
        self.debian.run(&["dpkg", "--purge", "pawl-server"])?;
        Ok(())
    }

    fn terminal(&self, ctx: &Context, terminal: &Path) -> Result<()> {
        std::fs::copy(terminal, self.debian.path("/packages/terminal.deb"))?;
        older(ctx, terminal, &self.debian.path("/packages/older.deb"))?;
        self.debian
            .run(&["dpkg", "--install", "/packages/older.deb"])?;
        self.debian
            .run(&["dpkg", "--install", "/packages/terminal.deb"])?;
        let said = self.debian.run(&["pawl", "--version"])?;
        ensure!(said.starts_with("pawl "), "pawl says {said}");
        let licences = self.debian.run(&["pawl", "licences"])?;
        ensure!(
            licences.contains("libcrux-ml-kem "),
            "no licences: {licences}"
        );
        self.debian.run(&["dpkg", "--purge", "pawl"])?;
        ensure!(!self.debian.path("/usr/bin/pawl").exists(), "pawl stayed");
        Ok(())
    }

    fn install(&mut self, package: &str) -> Result<String> {
        self.stop_by_hand();
        let file = format!("/packages/{package}.deb");
        self.debian.run(&["dpkg", "--install", &file])
    }

    /// Waits until the page is there; starts the relay by hand where nothing else does.
    fn serves(&mut self) -> Result<()> {
        if !self.debian.is_booted() && self.by_hand.is_none() {
            self.by_hand = Some(self.run_by_hand().spawn()?);
        }
        let get = "exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET / HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3; cat <&3";
        let mut left = PATIENCE;
        loop {
            let said = self.debian.tried(&["bash", "-c", get])?.stdout;
            if String::from_utf8_lossy(&said).contains("<title>Pawl") {
                return Ok(());
            }
            let Some(less) = left.checked_sub(GLANCE) else {
                let said = self
                    .debian
                    .tried(&["journalctl", "--unit", "pawl", "--no-pager"])?
                    .stdout;
                bail!(
                    "the relay does not serve: {}",
                    String::from_utf8_lossy(&said)
                );
            };
            left = less;
            sleep(GLANCE);
        }
    }

    /// The relay's process, by its number.
    fn process(&self) -> Result<String> {
        match &self.by_hand {
            Some(child) => Ok(child.id().to_string()),
            None => self
                .debian
                .run(&["systemctl", "show", "--property=MainPID", "pawl"]),
        }
    }

    /// As the unit starts it.
    fn run_by_hand(&self) -> Command {
        let relay = ["pawl-server", "run", "--config", SETTINGS];
        let user = ["setpriv", "--reuid=pawl", "--regid=pawl", "--clear-groups"];
        let _ = self.debian.run(&[
            "install",
            "-d",
            "-o",
            "pawl",
            "-g",
            "pawl",
            "-m",
            "0700",
            "/var/lib/pawl",
        ]);
        self.debian.command(&[&user[..], &relay[..]].concat())
    }

    /// What a relay says that does not start.
    fn refusal(&self) -> Result<String> {
        let output = self.run_by_hand().output()?;
        ensure!(!output.status.success(), "it started");
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn stop(&mut self) -> Result<()> {
        self.stop_by_hand();
        if self.debian.is_booted() {
            self.debian.run(&["systemctl", "stop", "pawl"])?;
            // Starts that fail are counted.
            let _ = self.debian.tried(&["systemctl", "reset-failed", "pawl"])?;
        }
        Ok(())
    }

    fn stop_by_hand(&mut self) {
        if let Some(mut child) = self.by_hand.take() {
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }

    fn as_pawl(&self, words: &[&str]) -> Result<String> {
        let user = ["runuser", "-u", "pawl", "--"];
        self.debian
            .run(&[&user[..], words, &["--config", SETTINGS]].concat())
    }

    /// Makes the store one of another version, while no relay runs.
    fn store(&self, ctx: &Context, kind: &str) -> Result<()> {
        let python = setup::python(ctx)?;
        let program = ctx.path("tests/release/store.py");
        let (sh, file) = (&ctx.sh, self.debian.path(STORE));
        ctx.run(cmd!(sh, "{python} {program} {kind} {file}"))?;
        self.debian
            .run(&["chown", "-R", "pawl:pawl", "/var/lib/pawl"])?;
        Ok(())
    }

    /// Systemd's own opinion of the units as they are installed, where it does not run them.
    fn verify(&self) -> Result<()> {
        if self.debian.is_booted() {
            return Ok(());
        }
        let units =
            ["pawl.service", "pawl.socket"].map(|name| format!("/usr/lib/systemd/system/{name}"));
        let said = self.debian.tried(&[
            "systemd-analyze",
            "verify",
            "--man=no",
            &units[0],
            &units[1],
        ])?;
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        ensure!(!said.lines().any(|line| line.contains("pawl")), "{said}");
        Ok(())
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.stop_by_hand();
    }
}

/// The same package under a lower version, repacked by dpkg's own program.
fn older(ctx: &Context, package: &Path, to: &Path) -> Result<()> {
    let (sh, folder) = (&ctx.sh, ctx.scratch("debian")?.join("older"));
    sh.remove_path(&folder)?;
    ctx.run(cmd!(sh, "dpkg-deb --raw-extract {package} {folder}"))?;
    let control = folder.join("DEBIAN/control");
    let text = sh.read_file(&control)?;
    let lines = text
        .lines()
        .map(|line| match line.starts_with("Version: ") {
            true => format!("Version: {OLD}\n"),
            false => format!("{line}\n"),
        });
    sh.write_file(&control, lines.collect::<String>())?;
    ctx.run(cmd!(
        sh,
        "dpkg-deb --root-owner-group --build {folder} {to}"
    ))?;
    Ok(sh.remove_path(&folder)?)
}
