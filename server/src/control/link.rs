//! The commands' end: finds the relay of a folder, asks it one thing, and reads what it says.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::{ANSWER_TIME, Line, LinkError, Request, address};

/// Longer than the relay gives itself, so that its own word comes first.
const PATIENCE: Duration = ANSWER_TIME.saturating_add(Duration::from_secs(30));

/// Many times what a relay sends.
const MAX_PIECE: u32 = 16 * 1_024 * 1_024;

/// One answer on its way.
pub(crate) struct Link(BufReader<UnixStream>);

impl Link {
    /// Whether a relay runs on this folder that can be asked.
    pub(crate) fn is_answered(folder: &Path) -> bool {
        connect(folder).is_ok()
    }

    /// Asks the relay that runs on this folder.
    pub(crate) fn ask(folder: &Path, request: &Request) -> Result<Self, LinkError> {
        let socket = connect(folder)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let mut stream = UnixStream::from(socket);
        let mut text = serde_json::to_vec(request).map_err(|_| LinkError::Unknown)?;
        text.push(b'\n');
        stream.write_all(&text)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// The next line of the answer.
    pub(crate) fn next(&mut self) -> Result<Line, LinkError> {
        let mut text = Vec::new();
        if self.0.read_until(b'\n', &mut text)? == 0 || text.last() != Some(&b'\n') {
            return Err(LinkError::Cut);
        }
        serde_json::from_slice(&text).map_err(|_| LinkError::Unknown)
    }

    /// The next piece of a copy; none behind the last.
    pub(crate) fn piece(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        let mut length = [0; 4];
        self.fill(&mut length)?;
        let length = u32::from_le_bytes(length);
        if length == 0 {
            return Ok(None);
        }
        if length > MAX_PIECE {
            return Err(LinkError::Unknown);
        }
        let mut piece = vec![0; length as usize];
        self.fill(&mut piece)?;
        Ok(Some(piece))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), LinkError> {
        self.0
            .read_exact(bytes)
            .map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => LinkError::Cut,
                _ => error.into(),
            })
    }
}

fn connect(folder: &Path) -> Result<Socket, LinkError> {
    let (_, address) = address(folder)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket
        .connect(&address)
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => LinkError::Nobody,
            _ => error.into(),
        })?;
    Ok(socket)
}
