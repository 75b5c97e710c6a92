//! A relay in this process, and `pawl` as a child process with a store of its own.

mod aged;
mod relay;
pub(crate) mod site;

pub(crate) use aged::age;
pub(crate) use relay::Relay;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use tempfile::TempDir;

/// Seconds that commands wait for the relay: longer than any machine takes, since only hangs reach it.
const PATIENCE: &str = "120";

/// How a command ended, and what it said.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    fn new(output: std::process::Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("it says text");
        Self {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// It succeeded and complained of nothing.
    #[track_caller]
    pub(crate) fn good(self) -> String {
        assert_eq!(
            (self.code, self.err.as_str()),
            (Some(0), ""),
            "{}",
            self.out
        );
        self.out
    }

    /// It ended with this code and one line that holds these words.
    #[track_caller]
    pub(crate) fn refused(self, code: i32, words: &str) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.err);
        assert_eq!(self.err.lines().count(), 1, "one line: {:?}", self.err);
        assert!(self.err.starts_with("pawl: "), "{:?}", self.err);
        assert!(self.err.contains(words), "{:?}", self.err);
        self
    }
}

/// Somebody at a terminal.
pub(crate) struct Person {
    pub(crate) folder: TempDir,
}

impl Person {
    /// With an account. The store opens with a key file: a passphrase takes a machine's time.
    pub(crate) fn at(relay: &Relay, name: &str) -> Self {
        let person = Self::new();
        let said = person
            .run(&["register", name, "--relay", &relay.url()])
            .good();
        assert_eq!(said, format!("you are {name}\n"));
        person
    }

    /// Without any.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder }
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path("store")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, ready to start, with what it needs to open this store.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = pawl();
        command
            .arg("--store")
            .arg(self.store())
            .arg("--key-file")
            .arg(self.path("key"));
        if !arguments.contains(&"--timeout") {
            command.args(["--timeout", PATIENCE]);
        }
        command.args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments), "")
    }

    pub(crate) fn run_with(&self, input: &str, arguments: &[&str]) -> Ended {
        ended(self.command(arguments), input)
    }

    /// Starts it and lets it run.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.command(arguments))
    }

    /// Texts of what it receives, as `name: text`.
    #[track_caller]
    pub(crate) fn receive(&self) -> Vec<String> {
        let out = self.run(&["receive", "--json"]).good();
        out.lines().map(text_of).collect()
    }
}

/// The program without any of this machine's settings.
pub(crate) fn pawl() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pawl"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PAWL_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end.
pub(crate) fn ended(mut command: Command, input: &str) -> Ended {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("its input");
    // It may end without reading.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    Ended::new(child.wait_with_output().expect("it ends"))
}

/// `name: text` of a line of JSON.
pub(crate) fn text_of(line: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
    let field = |name| value[name].as_str().map(str::to_owned);
    let text = field("text").or_else(|| field("notice"));
    format!(
        "{}: {}",
        field("from").expect("from"),
        text.expect("a text or a notice")
    )
}

/// A child that does not outlive its test, however that ends.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        // Has ended already where the test waited for it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program that runs.
pub(crate) struct Running {
    child: Owned,
    out: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let out = BufReader::new(child.stdout.take().expect("its output"));
        Self {
            child: Owned(child),
            out,
        }
    }

    /// Its next line.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("a line");
        line
    }

    /// Asks it to end as a terminal or a system does.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.0.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Ctrl-C in the terminal that it was started from, with everything that it started.
    pub(crate) fn interrupt_group(&self) {
        let group = format!("-{}", self.child.0.id());
        let sent = Command::new("kill").args(["-INT", "--", &group]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        drop(self.child.0.stdin.take());
        let Self { mut child, mut out } = self;
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut out, &mut rest).expect("text");
        let mut err = String::new();
        let mut stderr = child.0.stderr.take().expect("its errors");
        std::io::Read::read_to_string(&mut stderr, &mut err).expect("text");
        let status: ExitStatus = child.0.wait().expect("it ends");
        Ended {
            code: status.code(),
            out: rest,
            err,
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.0.kill().expect("it runs");
        self.child.0.wait().expect("it ends");
    }
}

/// Every byte of a folder's files.
pub(crate) fn bytes_in(folder: &Path) -> Vec<u8> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let files = entries.map(|entry| entry.expect("an entry").path());
    // A relay that serves has a socket there.
    let files = files.filter(|file| file.is_file());
    files
        .flat_map(|file| std::fs::read(file).expect("a file"))
        .collect()
}
