//! The binary; all of it is the library's `cli`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    pawl_server::cli::main()
}
