//! What systemd hands over and hears back: a socket that it listens on for us, "ready" and "stopping".

use std::net::TcpListener;

use listenfd::ListenFd;

/// The socket of a `pawl.socket`, if we were started by one.
///
/// # Errors
/// When something else than a listening TCP socket was handed over.
pub(crate) fn listener() -> std::io::Result<Option<TcpListener>> {
    let listener = ListenFd::from_env().take_tcp_listener(0)?;
    if let Some(listener) = &listener {
        listener.set_nonblocking(true)?;
    }
    Ok(listener)
}

/// Tells systemd (`Type=notify`), where it wants to be told. That it cannot be told is no reason not to serve.
pub(crate) fn tell(state: &str) {
    if let Err(error) = notify(state) {
        tracing::warn!(%error, "the supervisor cannot be told");
    }
}

#[cfg(target_os = "linux")]
fn notify(state: &str) -> std::io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
        return Ok(());
    };
    let address = match name.as_encoded_bytes() {
        [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest)?,
        _ => SocketAddr::from_pathname(&name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn notify(_state: &str) -> std::io::Result<()> {
    Ok(())
}
