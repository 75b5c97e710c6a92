//! A server under load: a child process that says its address on its first line, and what it costs.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
    pid: u32,
    /// Kept open: a server whose output is closed might stop.
    _out: BufReader<ChildStdout>,
}

impl Server {
    /// Pawl's relay, with limits that one machine's load does not meet.
    pub(crate) async fn pawl(binary: &Path, folder: &Path) -> Result<Self> {
        let mut command = Command::new(binary);
        command
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(folder)
            .args(["--registrations-per-minute", "1000000"])
            .args(["--submits-per-second", "1000000"])
            .args(["--connections", "20000"])
            .args(["--connections-per-address", "0"])
            .args(["--mailbox-messages", "20000"])
            .args(["--stranger-messages", "20000"]);
        Self::start(command).await
    }

    pub(crate) async fn socketio(script: &Path) -> Result<Self> {
        let mut command = Command::new("node");
        command.arg(script);
        Self::start(command).await
    }

    async fn start(mut command: Command) -> Result<Self> {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let pid = process.id().context("it ended at once")?;
        let mut out = BufReader::new(process.stdout.take().context("no output")?);
        let mut line = String::new();
        out.read_line(&mut line).await?;
        let Some((_, address)) = line.trim().rsplit_once("http://") else {
            bail!("no address but {line:?}");
        };
        Ok(Self {
            process,
            address: address.parse().context("its address")?,
            pid,
            _out: out,
        })
    }

    /// Processor time so far in microseconds, of all its threads, in the system's steps of 10 ms.
    pub(crate) fn cpu_us(&self) -> Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // Behind the name, which may hold spaces and brackets: utime and stime are the 12th and 13th.
        let (_, rest) = stat.rsplit_once(')').context("a stat line")?;
        let mut fields = rest.split_whitespace().skip(11);
        let mut next = || fields.next().and_then(|field| field.parse::<u64>().ok());
        let ticks = next().zip(next()).context("two times")?;
        Ok((ticks.0 + ticks.1) * 10_000)
    }

    /// Memory that belongs to it now, in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let kib: u64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .context("a size")?;
        Ok(kib * 1024)
    }

    /// Ends it in order: its store is one file then.
    pub(crate) async fn end(mut self) -> Result<()> {
        let pid = self.pid.to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().await?;
        let ended = self.process.wait().await?;
        if !asked.success() || !ended.success() {
            bail!("it ended with {ended}");
        }
        Ok(())
    }

    pub(crate) async fn kill(mut self) -> Result<()> {
        self.process.kill().await.context("it was gone")
    }
}
