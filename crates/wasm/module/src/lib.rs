//! The module that a browser loads: `pawl-wasm` and nothing else. It is a package of its own because link-time
//! optimisation runs at the level of what is linked: at 3 here, with which the curve arithmetic is a tenth
//! faster, while all that makes the engine large is compiled for size. ARCHITECTURE.md "Size".
#![forbid(unsafe_code)]

pub use pawl_wasm::Tab;
