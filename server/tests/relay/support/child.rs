//! The real binary as a child process, for what only a process can do: die, and be measured.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Far beyond any sane end of a command, so that no test fails on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The relay that is started: the one that was built with these tests, or one that is broken on purpose.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("PAWL_BROKEN_SERVER")
        .map_or_else(|| env!("CARGO_BIN_EXE_pawl-server").into(), PathBuf::from)
}

pub(crate) struct Child {
    process: std::process::Child,
    pub(crate) address: SocketAddr,
}

impl Child {
    pub(crate) fn start(folder: &Path, flags: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args(["--listen", "127.0.0.1:0", "--data"]);
        Self::spawn(command.arg(folder).args(flags))
    }

    /// Starts what the caller has put together, and waits until it serves.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut process = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let out = process.stdout.take().expect("its output");
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).expect("a line");
        let address = line
            .trim()
            .strip_prefix("Pawl relay on http://")
            .unwrap_or_else(|| panic!("it says {line:?}"))
            .parse()
            .expect("an address");
        Self { process, address }
    }

    /// SIGKILL: nothing is finished, nothing is flushed.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("it can be killed");
        self.process.wait().expect("it is gone");
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.try_wait().expect("a child").is_some()
    }

    /// Sends a signal and does not wait.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// SIGTERM, and the exit code.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.wait()
    }

    /// The exit code, where it ends by itself.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.process.wait().expect("it ends").code()
    }

    /// Resident memory in KiB, as the system counts it.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        status
            .expect("the process lives")
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .expect("a size")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Already gone in most tests.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An operator's command on this data folder, run to its end.
pub(crate) fn command(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pawl-server"));
    ended(command.args(arguments).arg("--data").arg(data))
}

/// What is said by something that ends by itself: a relay that serves where it must refuse fails its test with words.
pub(crate) fn ended(command: &mut Command) -> Output {
    let process = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let pid = process.id().to_string();
    let (said, heard) = mpsc::channel();
    std::thread::spawn(move || said.send(process.wait_with_output()));
    let Ok(output) = heard.recv_timeout(PATIENCE) else {
        let _ = Command::new("kill").args(["-KILL", &pid]).status();
        panic!("it does not end: {command:?}");
    };
    output.expect("its output")
}
