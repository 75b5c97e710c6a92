//! The security headers that stand on every response, whatever it is.
//!
//! A worker's script without a Content-Security-Policy runs with none at all, so no kind of file is
//! left out. docs/OPERATIONS.md says what a proxy in front must not remove.

use actix_web::middleware::DefaultHeaders;

/// Names and values; `cargo test -p pawl-server` looks for each of them on every kind of response.
pub const SECURITY_HEADERS: &[(&str, &str)] = &[
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' blob: data:; media-src blob:; font-src 'self'; connect-src 'self'; \
         worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types app-worker",
    ),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Embedder-Policy", "require-corp"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Integrity-Policy", "blocked-destinations=(script)"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Origin-Agent-Cluster", "?1"),
    (
        "Permissions-Policy",
        "camera=(self), microphone=(self), geolocation=(), display-capture=(), usb=(), serial=(), \
         hid=(), bluetooth=(), midi=(), payment=(), idle-detection=(), local-fonts=(), \
         accelerometer=(), gyroscope=(), magnetometer=()",
    ),
];

pub(crate) fn middleware() -> DefaultHeaders {
    SECURITY_HEADERS
        .iter()
        .fold(DefaultHeaders::new(), |headers, pair| headers.add(*pair))
}
