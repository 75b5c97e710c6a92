//! A small disk that a test fills: a tmpfs in a mount namespace of its own, in which the relay runs too. The test
//! reaches it through /proc.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Mounts in its own namespace and waits until its input ends, so that nothing is left of a test that is killed.
const HOLD: &str = "mount -t tmpfs -o size=$1,mode=700 none /mnt && echo there && read -r _";

pub(crate) struct SmallDisk {
    holder: Child,
    path: PathBuf,
}

impl SmallDisk {
    /// Of so many MiB. Fails in plain words where a process may not have a mount of its own.
    pub(crate) fn new(mib: u32) -> Self {
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", HOLD])
            .args(["sh", &format!("{mib}m")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`unshare` of util-linux starts");
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("a line");
        assert_eq!(
            line, "there\n",
            "a process may not mount a tmpfs in a namespace of its own here"
        );
        let process = PathBuf::from("/proc").join(holder.id().to_string());
        let path = process.join("root").join("mnt");
        Self { holder, path }
    }

    /// As this process sees it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a command that sees the disk at [`Self::INSIDE`]. What follows is the program with its arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--preserve-credentials", "--user", "--mount", "--target"])
            .args([&self.holder.id().to_string(), "--"]);
        command
    }

    pub(crate) const INSIDE: &str = "/mnt";

    /// Another program's file takes all that is left.
    pub(crate) fn fill(&self) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.path.join("other"))
            .expect("a file");
        for piece in [1 << 20, 4_096, 1] {
            let zeros = vec![0; piece];
            loop {
                match file.write(&zeros) {
                    Ok(0) => break,
                    Ok(_) => (),
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    /// And is gone again.
    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.path.join("other")).expect("a file");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        // Its end is all that is left to wait for.
        let _ = self.holder.wait();
    }
}
