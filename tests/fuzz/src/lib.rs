//! What fuzzing tries: for every decoder, and for opening, a function from bytes to a verdict (it returns, or it
//! panics). `cargo xtask fuzz` lets libFuzzer search for bytes (tests/fuzz/libfuzzer); tests/corpus.rs replays what
//! it found with a stable compiler. Knows no fuzzer.
#![forbid(unsafe_code)]

pub mod archive;
mod bundle;
mod client;
mod crypt;
mod cursor;
mod envelope;
mod people;
mod public;
mod sealed;
mod seeds;
mod stored;
mod wire;
mod world;

pub use seeds::seeds;

/// One thing that is tried.
pub struct Target {
    /// Also the name of its corpus and of its program for libFuzzer.
    pub name: &'static str,
    /// Panics when the bytes find a fault.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 11] = [
    Target {
        name: "public_records",
        run: public::run,
    },
    Target {
        name: "bundle",
        run: bundle::run,
    },
    Target {
        name: "envelope",
        run: envelope::run,
    },
    Target {
        name: "sealed",
        run: sealed::run,
    },
    Target {
        name: "open",
        run: world::run,
    },
    Target {
        name: "stored",
        run: stored::run,
    },
    Target {
        name: "client_frame",
        run: wire::client_frame,
    },
    Target {
        name: "relay_frame",
        run: wire::relay_frame,
    },
    Target {
        name: "username",
        run: wire::username,
    },
    Target {
        name: "content",
        run: client::content,
    },
    Target {
        name: "client_records",
        run: client::records,
    },
];

/// Runs the target of this name, for libFuzzer's programs.
///
/// # Panics
/// When the bytes find a fault.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target of this name").run)(bytes);
}
