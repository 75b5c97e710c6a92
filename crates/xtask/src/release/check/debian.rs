//! A Debian in a folder, made by debootstrap: booted with systemd in namespaces of its own where the machine allows
//! that, otherwise entered with chroot. Knows nothing of Pawl.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use crate::context::Context;

/// What Debian's smallest system lacks to run a service.
const PACKAGES: &str = "systemd,systemd-sysv,adduser";

/// How long a system has to boot on a busy machine.
const BOOT: Duration = Duration::from_secs(180);
const GLANCE: Duration = Duration::from_millis(200);

/// A system that lasts as long as this value.
pub(super) struct Debian {
    pub(super) root: PathBuf,
    booted: Option<Booted>,
}

struct Booted {
    container: Child,
    /// systemd, as this machine numbers it.
    leader: u32,
}

impl Debian {
    /// A fresh copy of a system that is made once, booted if that can be.
    pub(super) fn start(ctx: &Context) -> Result<Self> {
        let base = base(ctx)?;
        let root = ctx.scratch("debian")?.join("copy");
        let sh = &ctx.sh;
        sh.remove_path(&root)?;
        ctx.run(cmd!(sh, "cp -a --reflink=auto {base} {root}"))?;
        let mut debian = Self { root, booted: None };
        match boot(ctx, &debian.root) {
            Ok(booted) => {
                debian.booted = Some(booted);
                debian.settle()?;
            }
            Err(why) => {
                println!("    systemd does not boot here ({why:#}): services are started by hand");
                let policy = debian.root.join("usr/sbin/policy-rc.d");
                sh.write_file(&policy, "#!/bin/sh\nexit 101\n")?;
                ctx.run(cmd!(sh, "chmod 755 {policy}"))?;
            }
        }
        Ok(debian)
    }

    pub(super) fn is_booted(&self) -> bool {
        self.booted.is_some()
    }

    /// A command inside.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = match &self.booted {
            Some(booted) => {
                let mut enter = Command::new("nsenter");
                enter.args(["--target", &booted.leader.to_string()]);
                enter.args(["--mount", "--uts", "--ipc", "--net", "--pid", "--"]);
                enter.args(["env", "-C", "/"]);
                enter
            }
            None => {
                let mut enter = Command::new("chroot");
                enter.arg(&self.root);
                enter
            }
        };
        command.args(words).env_clear();
        command.env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        );
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command inside and gives what came of it.
    pub(super) fn tried(&self, words: &[&str]) -> Result<Output> {
        self.command(words)
            .output()
            .with_context(|| words.join(" "))
    }

    /// Runs a command inside that must succeed; what it said, both ways.
    pub(super) fn run(&self, words: &[&str]) -> Result<String> {
        let output = self.tried(words)?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        if !output.status.success() {
            bail!("`{}` ended with {}: {said}", words.join(" "), output.status);
        }
        Ok(said)
    }

    /// Whether a command inside ends well.
    pub(super) fn succeeds(&self, words: &[&str]) -> Result<bool> {
        Ok(self.tried(words)?.status.success())
    }

    /// A file of this system, from here.
    pub(super) fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside.trim_start_matches('/'))
    }

    fn settle(&self) -> Result<()> {
        let mut left = BOOT;
        // Degraded is what a system without a network is.
        while !["running", "degraded"].contains(&self.state()?.as_str()) {
            left = left
                .checked_sub(GLANCE)
                .context("systemd did not finish its boot")?;
            sleep(GLANCE);
        }
        Ok(())
    }

    fn state(&self) -> Result<String> {
        let output = self.tried(&["systemctl", "is-system-running"])?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

impl Drop for Debian {
    fn drop(&mut self) {
        if let Some(booted) = &mut self.booted {
            // It shuts the system down, and ends.
            let _ = Command::new("kill")
                .arg(booted.container.id().to_string())
                .status();
            let _ = booted.container.wait();
        }
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn boot(ctx: &Context, root: &Path) -> Result<Booted> {
    let log = ctx.scratch("debian")?.join("boot.log");
    let out = File::create(&log)?;
    let mut container = Command::new("systemd-nspawn")
        .args([
            "--quiet",
            "--boot",
            "--private-network",
            "--register=no",
            "--keep-unit",
        ])
        .args(["--link-journal=no", "--console=pipe", "--directory"])
        .arg(root)
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .spawn()
        .context("systemd-nspawn")?;
    let mut left = BOOT;
    loop {
        if let Some(status) = container.try_wait()? {
            let said = fs::read_to_string(&log)?;
            bail!("{status}: {}", said.lines().last().unwrap_or_default());
        }
        if let Some(leader) = leader(container.id()) {
            return Ok(Booted { container, leader });
        }
        let Some(less) = left.checked_sub(GLANCE) else {
            container.kill()?;
            container.wait()?;
            bail!("no first process came");
        };
        left = less;
        sleep(GLANCE);
    }
}

/// The container's first process, once it is systemd: the child of the one that made the namespaces.
fn leader(container: u32) -> Option<u32> {
    let children =
        fs::read_to_string(format!("/proc/{container}/task/{container}/children")).ok()?;
    let child: u32 = children.split_whitespace().next()?.parse().ok()?;
    let name = fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
    (name.trim() == "systemd").then_some(child)
}

/// The system that copies are made of.
fn base(ctx: &Context) -> Result<PathBuf> {
    let suite = suite()?;
    let folder = ctx.scratch("debian")?;
    let base = folder.join(format!("{suite}-1"));
    if base.exists() {
        return Ok(base);
    }
    let (sh, part) = (&ctx.sh, folder.join("part"));
    sh.remove_path(&part)?;
    let mirror = mirror(ctx, &suite)?;
    ctx.step(
        &format!("making a Debian {suite} (takes some minutes)"),
        || {
            ctx.run(cmd!(
                sh,
                "debootstrap --variant=minbase --include={PACKAGES} {suite} {part} {mirror}"
            ))
        },
    )?;
    fs::rename(&part, &base)?;
    Ok(base)
}

/// The name of this machine's Debian.
fn suite() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("/etc/os-release")?;
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(name
        .context("/etc/os-release names no Debian")?
        .trim_matches('"')
        .to_owned())
}

/// Where apt gets this suite from.
fn mirror(ctx: &Context, suite: &str) -> Result<String> {
    let sh = &ctx.sh;
    let format = "$(CODENAME)|$(REPO_URI)";
    let told = ctx.read(cmd!(sh, "apt-get indextargets --format {format}"))?;
    let found = told
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{suite}|")));
    Ok(found
        .with_context(|| format!("apt knows no mirror of {suite}"))?
        .to_owned())
}
