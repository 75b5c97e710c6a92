//! The real binary under strace: its system calls fail or take long where a test wants it, and what it asks of the
//! disk is written down (`disk` reads it).

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::support::{Child, program};
use crate::world::FLAGS;

/// All by which a relay changes files. Where one is missing here, `disk` notices that the files are others.
const CALLS: &str = "openat,pwrite64,ftruncate,fallocate,fsync,fdatasync,unlink,rename";

/// Longer than anything that is written at once, which is a page of the store.
const TEXT: &str = "70000";

/// How often the end of a trace is looked for, 5 ms apart.
const LOOKS: usize = 12_000;

/// What is to go wrong, in strace's words: `fsync:error=EIO:when=20+7`.
pub(crate) type Fault = &'static str;

/// A relay on this folder whose system calls fail.
pub(crate) fn start(folder: &Path, faults: &[Fault]) -> Child {
    Child::spawn(command(folder, faults, "pread64", None).args(FLAGS))
}

/// The same, and what it does to its files goes into `log`.
pub(crate) fn start_logged(folder: &Path, faults: &[Fault], log: &Path) -> Child {
    Child::spawn(command(folder, faults, CALLS, Some(log)).args(FLAGS))
}

/// Runs as always, and each call of this name goes into `log`.
pub(crate) fn start_watched(folder: &Path, call: &str, log: &Path, flags: &[&str]) -> Child {
    Child::spawn(command(folder, &[], call, Some(log)).args(flags))
}

/// Only what is traced can fail, and nothing else is slowed down.
fn command(folder: &Path, faults: &[Fault], calls: &str, log: Option<&Path>) -> Command {
    works();
    let mut command = strace();
    let mut trace = OsString::from(format!("trace={calls}"));
    for fault in faults {
        let call = fault.split(':').next().unwrap_or_default();
        trace.push(format!(",{call}"));
    }
    command.arg("-e").arg(trace);
    for fault in faults {
        command.arg("-e").arg(format!("inject={fault}"));
    }
    command
        .arg("-o")
        .arg(log.unwrap_or(Path::new("/dev/null")))
        .arg(program())
        .args(["--log", "off", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder);
    command
}

/// Detached (`-D`): the process that the test started and can kill is the relay itself.
fn strace() -> Command {
    let mut command = Command::new("strace");
    command
        .args(["-f", "-D", "-y", "-s", TEXT, "--seccomp-bpf"])
        .args(["--quiet=attach,personality", "-e", "signal=kill"]);
    command
}

/// Fails in plain words where there is no strace, or it may not do its work.
fn works() {
    static TRIED: OnceLock<Result<(), String>> = OnceLock::new();
    let tried = TRIED.get_or_init(|| {
        let try_it = strace()
            .args(["-e", "trace=fsync", "-o", "/dev/null", "true"])
            .output();
        match try_it {
            Err(error) => Err(format!(
                "strace cannot be started ({error}): `cargo xtask setup --test` installs it on Debian, or install the \
                 package `strace`"
            )),
            Ok(tried) if tried.status.success() && tried.stderr.is_empty() => Ok(()),
            Ok(tried) => Err(format!(
                "strace may not trace a process here (ptrace is refused, as in some containers: they need the \
                 capability SYS_PTRACE): {}",
                String::from_utf8_lossy(&tried.stderr)
            )),
        }
    });
    if let Err(why) = tried {
        panic!("{why}");
    }
}

/// Kills a logged relay; its log is whole then.
pub(crate) fn kill(relay: Child, log: &Path) -> String {
    let last = format!("{:<5} +++ killed by SIGKILL +++\n", relay.id());
    relay.kill();
    for _ in 0..LOOKS {
        let text = std::fs::read(log).expect("a trace");
        if text.ends_with(last.as_bytes()) {
            // Data stands there escaped.
            return String::from_utf8(text).expect("a text");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let text = std::fs::read(log).expect("a trace");
    let end = String::from_utf8_lossy(&text[text.len().saturating_sub(600)..]);
    panic!("the trace does not end with {last:?} but with {end}");
}
