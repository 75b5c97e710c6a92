//! Steps that mostly wait, for disks or for browsers, run beside the others: each as a process of its own, one after the
//! other, and what one printed is shown when it has ended. Knows nothing of what a step does.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::clock::Stopwatch;

/// The steps that are waiting, under way, or not yet shown.
pub(super) struct Beside<T> {
    folder: PathBuf,
    waiting: Sender<(T, &'static str)>,
    ends: Receiver<Ended<T>>,
    open: usize,
    stopped: Arc<AtomicBool>,
}

/// How a step ended.
pub(super) struct Ended<T> {
    pub(super) step: T,
    name: &'static str,
    pub(super) took: Duration,
    pub(super) passed: Result<()>,
}

impl<T: Send + 'static> Beside<T> {
    /// `run` runs a step, by its name, and lets it print into a file.
    pub(super) fn new(
        folder: PathBuf,
        run: impl Fn(&Path, &str) -> Result<()> + Send + 'static,
    ) -> Self {
        let (waiting, next) = channel::<(T, &'static str)>();
        let (ended, ends) = channel();
        let stopped = Arc::new(AtomicBool::new(false));
        let (logs, stop) = (folder.clone(), stopped.clone());
        thread::spawn(move || {
            for (step, name) in next {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let watch = Stopwatch::start();
                let passed = run(&logs.join(name), name);
                let took = watch.elapsed();
                // Nobody listens any more once the suite has ended.
                let _ = ended.send(Ended {
                    step,
                    name,
                    took,
                    passed,
                });
            }
        });
        Self {
            folder,
            waiting,
            ends,
            open: 0,
            stopped,
        }
    }

    /// Lets a step run as soon as those before it have ended.
    pub(super) fn start(&mut self, step: T, name: &'static str) -> Result<()> {
        println!("\n=== {name}: goes on beside the steps that follow ===");
        self.open += 1;
        let sent = self.waiting.send((step, name));
        sent.ok().context("nothing runs beside any more")
    }

    /// What has ended since it was asked last.
    pub(super) fn ended(&mut self) -> Vec<Ended<T>> {
        let ended: Vec<_> = self.ends.try_iter().collect();
        self.shown(&ended);
        ended
    }

    /// Lets none begin that has not begun.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Waits for all that have not ended.
    pub(super) fn finish(mut self) -> Vec<Ended<T>> {
        let mut all = Vec::new();
        while self.open > 0 {
            println!("\n=== waiting for what runs beside ===");
            let Ok(ended) = self.ends.recv() else { break };
            self.shown(std::slice::from_ref(&ended));
            all.push(ended);
        }
        all
    }

    fn shown(&mut self, ended: &[Ended<T>]) {
        for one in ended {
            self.open -= 1;
            let said = std::fs::read(self.folder.join(one.name)).unwrap_or_default();
            print!("{}", String::from_utf8_lossy(&said));
        }
    }
}

/// `cargo xtask test --only NAME`, as it would be typed.
pub(super) fn run(log: &Path, name: &str) -> Result<()> {
    let log = File::create(log)?;
    let status = Command::new(std::env::current_exe()?)
        .args(["test", "--only", name])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .status()
        .with_context(|| format!("{name} could not be started"))?;
    if !status.success() {
        bail!("see above");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("pawl-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn steps_run_one_after_another_and_one_that_fails_keeps_none_from_running() {
        let folder = folder("beside");
        let running = AtomicBool::new(false);
        let mut beside = Beside::new(folder.clone(), move |log, name| {
            assert!(!running.swap(true, Ordering::SeqCst), "two at once");
            std::fs::write(log, "")?;
            thread::sleep(Duration::from_millis(20));
            running.store(false, Ordering::SeqCst);
            if name == "b" {
                bail!("no");
            }
            Ok(())
        });
        for (step, name) in [(1, "a"), (2, "b"), (3, "c")] {
            beside.start(step, name).unwrap();
        }
        let ended = beside.finish();
        let passed: Vec<_> = ended
            .iter()
            .map(|one| (one.step, one.passed.is_ok()))
            .collect();
        assert_eq!(passed, [(1, true), (2, false), (3, true)]);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn none_begins_after_a_stop() {
        let mut beside = Beside::new(PathBuf::new(), |_, name| bail!("{name} ran"));
        beside.stop();
        let _ = beside.start((), "a");
        assert!(beside.finish().is_empty());
    }
}
