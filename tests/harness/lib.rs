//! The root package's library: empty, since Cargo asks for a target beside the integration tests. What
//! tests share stands beside them.
#![forbid(unsafe_code)]
