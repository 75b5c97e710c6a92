//! `pawl` in a terminal: the same engine as in a browser, with a sealed SQLite file for its store. Reads what was
//! typed, and turns how it ended into one line and an exit code. docs/TERMINAL.md.
#![forbid(unsafe_code)]

mod args;
mod clock;
mod commands;
mod driver;
mod failure;
#[cfg(unix)]
mod handover;
mod input;
mod output;
mod pages;
mod random;
mod relay;
mod secret;
mod signals;
mod site;
mod socket;
mod store;
mod transcript;
mod words;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Arguments;
use crate::failure::{Code, Failure};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match work(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, line }) => {
            if !line.is_empty() {
                output::say(&line);
            }
            ExitCode::from(code as u8)
        }
    }
}

/// One thread: the engine is one state machine, and everything else waits for the network.
fn work(arguments: Arguments) -> Result<(), Failure> {
    // It fails only where another provider was installed before, and nobody does.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Code::Other, error.to_string()))?;
    let done = runtime.block_on(commands::run(arguments));
    // A name that is being resolved cannot be called off, and nobody waits for it.
    runtime.shutdown_background();
    done
}
