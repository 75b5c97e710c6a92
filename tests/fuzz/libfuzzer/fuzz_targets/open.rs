//! The target `open` for libFuzzer; what it does is in the library.
#![no_main]
#![forbid(unsafe_code)]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pawl_fuzz::run("open", bytes));
