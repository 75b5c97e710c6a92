//! Sockets and their options: the one that listens, and those that it accepts.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Connections that wait to be accepted: a crowd that comes back after a restart.
const BACKLOG: i32 = 1_024;

/// Bytes that the system holds of a socket in each direction, as far as it keeps to it: an envelope of the largest size.
pub(crate) const SOCKET_BUFFER: usize = 128 * 1024;

pub(crate) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A port that was ours a moment ago may be taken again at once; one that is in use may not.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What the system would hold of a socket, up to six megabytes in each direction, counts in no process. Sockets that are
/// accepted take after the one that listens.
pub(crate) fn bound(listener: SockRef<'_>) {
    let send = listener.set_send_buffer_size(SOCKET_BUFFER);
    let both = send.and(listener.set_recv_buffer_size(SOCKET_BUFFER));
    if let Err(error) = both {
        tracing::warn!(%error, "the system's buffers of sockets stay as large as they are");
    }
}

/// A socket that does not take these still works, only less well.
pub(crate) fn prepare(socket: SockRef<'_>, unsent: Duration) {
    let nodelay = socket.set_tcp_nodelay(true);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let nodelay = nodelay.and(socket.set_tcp_user_timeout(Some(unsent)));
    if let Err(error) = nodelay {
        tracing::debug!(%error, "a socket takes no options");
    }
}
