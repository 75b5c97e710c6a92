//! The binary; all of it is the library's `cli`.
#![forbid(unsafe_code)]

/// Rust's part of what Cargo.toml says of memory; C's goes there by name.
#[cfg(target_env = "musl")]
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    pawl_server::cli::main()
}
