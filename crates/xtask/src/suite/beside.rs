//! A step that mostly waits, for disks or for browsers, runs beside those that follow it: as a process of its own, one at
//! a time, and what it printed is shown when it has ended. Knows nothing of what a step does.

use std::fs::File;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};

use crate::clock::Stopwatch;
use crate::context::Context;

/// A step on its way.
pub(super) struct Beside<T> {
    pub(super) step: T,
    name: &'static str,
    ends: JoinHandle<(std::io::Result<bool>, Duration)>,
}

impl<T> Beside<T> {
    /// Starts `cargo xtask test --only NAME` as it would be typed.
    pub(super) fn start(ctx: &Context, step: T, name: &'static str) -> Result<Self> {
        println!("\n=== {name}: goes on beside the steps that follow ===");
        let log = File::create(ctx.scratch("beside")?.join(name))?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["test", "--only", name])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{name} could not be started"))?;
        let watch = Stopwatch::start();
        let ends = thread::spawn(move || {
            let passed = child.wait().map(|status| status.success());
            (passed, watch.elapsed())
        });
        Ok(Self { step, name, ends })
    }

    /// Waits for its end and shows what it printed; how long it took, and whether it passed.
    pub(super) fn finish(self, ctx: &Context) -> (T, Duration, Result<()>) {
        let name = self.name;
        println!("\n=== waiting for {name} ===");
        let Ok((passed, took)) = self.ends.join() else {
            return (
                self.step,
                Duration::ZERO,
                Err(anyhow!("nobody waited for it")),
            );
        };
        let shown = ctx.scratch("beside").and_then(|folder| {
            print!(
                "{}",
                String::from_utf8_lossy(&std::fs::read(folder.join(name))?)
            );
            Ok(())
        });
        let passed = match passed {
            Ok(true) => shown,
            Ok(false) => Err(anyhow!("see above")),
            Err(error) => Err(error.into()),
        };
        (self.step, took, passed)
    }
}
