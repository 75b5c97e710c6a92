//! The relay's end: makes the socket, takes requests, answers them out of the store.
//!
//! The store's lock is held while this runs, so that a socket which is there at the start is nobody's any more.
//! A relay that cannot make its socket serves all the same, and tries again. What was asked is not logged.

use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::{
    ANSWER_TIME, Line, MAX_CONNECTIONS, MAX_REQUEST, MAX_ROWS, REQUEST_TIME, Request, TooLong,
    address, look,
};
use crate::routing::hub::Hub;
use crate::store::{CopyState, Copying, Store, StoreError};
use crate::top::Top;

/// Connections that wait to be taken.
const BACKLOG: i32 = 16;

/// After a failure, before the next try.
const RETRY: Duration = Duration::from_secs(30);

/// For a piece of a copy to be taken. Longer than the store waits for a place, so that its word comes first; but it
/// says nothing any more when it has given all.
const PIECE_TIME: Duration = Duration::from_secs(90);

/// For a last word to whoever took too long.
const LAST_WORD_TIME: Duration = Duration::from_secs(1);

/// The running end; the socket is gone after [`Stop::stop`].
pub(crate) struct Stop(JoinHandle<()>);

impl Stop {
    pub(crate) async fn stop(self) {
        self.0.abort();
        // It was aborted, which is no news.
        let _ = self.0.await;
    }
}

/// What is answered out of.
struct Sources {
    store: Arc<Store>,
    hub: Arc<Hub>,
    top: Arc<Top>,
}

/// Serves on the socket in this folder.
pub(crate) fn start(store: Arc<Store>, hub: Arc<Hub>, top: Arc<Top>, folder: PathBuf) -> Stop {
    let sources = Sources { store, hub, top };
    let first = OwnSocket::make(&folder);
    Stop(actix_web::rt::spawn(async move {
        keep_serving(&sources, &folder, first).await;
    }))
}

#[derive(Debug, thiserror::Error)]
enum SocketError {
    #[error(transparent)]
    TooLong(#[from] TooLong),
    #[error("{0} is there and is no socket")]
    NoSocket(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

async fn keep_serving(sources: &Sources, folder: &Path, first: Result<OwnSocket, SocketError>) {
    let mut was_said = false;
    let mut made = first;
    loop {
        match made {
            Ok(socket) => socket.serve(sources).await,
            Err(error) => {
                if !was_said {
                    was_said = true;
                    tracing::warn!(%error, "no command can ask this relay anything: it has no socket");
                }
                if matches!(error, SocketError::TooLong(_)) {
                    return;
                }
            }
        }
        tokio::time::sleep(RETRY).await;
        made = OwnSocket::make(folder);
    }
}

struct OwnSocket {
    path: PathBuf,
    listener: UnixListener,
}

impl OwnSocket {
    fn make(folder: &Path) -> Result<Self, SocketError> {
        let (path, address) = address(folder)?;
        match std::fs::symlink_metadata(&path) {
            Ok(stale) if stale.file_type().is_socket() => std::fs::remove_file(&path)?,
            Ok(_) => return Err(SocketError::NoSocket(path.display().to_string())),
            Err(error) if error.kind() == ErrorKind::NotFound => (),
            Err(error) => return Err(error.into()),
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        // Linux makes the file with the mode that the socket has: at no moment is it open to others.
        #[cfg(target_os = "linux")]
        rustix::fs::fchmod(&socket, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
            .map_err(io::Error::from)?;
        socket.bind(&address)?;
        #[cfg(not(target_os = "linux"))]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        socket.listen(BACKLOG)?;
        Ok(Self {
            path,
            listener: UnixListener::from_std(socket.into())?,
        })
    }

    /// Serves until the socket fails.
    async fn serve(&self, sources: &Sources) {
        let mut open = FuturesUnordered::new();
        loop {
            tokio::select! {
                taken = self.listener.accept(), if open.len() < MAX_CONNECTIONS => match taken {
                    Ok((stream, _)) => open.push(attend(sources, stream)),
                    Err(error) => {
                        tracing::warn!(%error, "a command cannot be taken");
                        return;
                    }
                },
                Some(()) = open.next(), if !open.is_empty() => (),
            }
        }
    }
}

impl Drop for OwnSocket {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the socket's file stays");
        }
    }
}

/// One request, answered and done. Whoever asks and is gone hears nothing.
async fn attend(sources: &Sources, mut stream: UnixStream) {
    let last = match timeout(REQUEST_TIME, read(&mut stream)).await {
        Err(_) => Line::Refused(format!(
            "no request came within {} seconds",
            REQUEST_TIME.as_secs()
        )),
        Ok(Err(why)) => Line::Refused(why.to_owned()),
        Ok(Ok(request)) => {
            // A copy has bounds of its own.
            let is_copy = matches!(request, Request::Copy {});
            let answer = answer(sources, request, &mut stream);
            let answered = match is_copy {
                true => Ok(answer.await),
                false => timeout(ANSWER_TIME, answer).await,
            };
            match answered {
                Err(_) => Line::Refused(format!(
                    "it is not done after {} seconds; what is done stands",
                    ANSWER_TIME.as_secs()
                )),
                Ok(Err(AnswerError::Gone)) => return,
                Ok(Err(AnswerError::Store(error))) => Line::Refused(error.to_string()),
                Ok(Ok(last)) => last,
            }
        }
    };
    let _ = timeout(LAST_WORD_TIME, say(&mut stream, &last)).await;
}

async fn read(stream: &mut UnixStream) -> Result<Request, &'static str> {
    let mut line = Vec::new();
    let mut piece = [0; 1_024];
    let end = loop {
        let end = line.iter().position(|byte| *byte == b'\n');
        if end.unwrap_or(line.len()) > MAX_REQUEST {
            return Err("the request is too long");
        }
        if let Some(end) = end {
            break end;
        }
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return Err("the request has no end"),
            Ok(length) => line.extend_from_slice(&piece[..length]),
        }
    };
    serde_json::from_slice(&line[..end]).map_err(|_| "this relay does not know this request")
}

enum AnswerError {
    /// Nobody takes the answer.
    Gone,
    Store(StoreError),
}

impl From<StoreError> for AnswerError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Does what is asked; gives the last line.
async fn answer(
    sources: &Sources,
    request: Request,
    stream: &mut UnixStream,
) -> Result<Line, AnswerError> {
    match request {
        Request::ListAccounts {} => {
            let mut after = 0;
            loop {
                let page = sources.store.accounts(after).await?;
                let Some(last) = page.last() else {
                    return Ok(Line::Done {});
                };
                after = last.id;
                for account in page {
                    say(stream, &Line::Account(account.into())).await?;
                }
            }
        }
        Request::Top { rows } => {
            let sight = look::look(&sources.store, &sources.top, rows.min(MAX_ROWS)).await?;
            say(stream, &Line::Top(sight)).await?;
            Ok(Line::Done {})
        }
        Request::EraseAccount { name } => {
            let hub = Arc::clone(&sources.hub);
            let gone = move |device| hub.erased(device);
            match sources.store.erase_account(name, gone).await? {
                true => Ok(Line::Done {}),
                false => Ok(Line::NoAccount {}),
            }
        }
        Request::EraseMail { name } => match sources.store.erase_mail(name).await? {
            None => Ok(Line::NoAccount {}),
            Some(erased) => {
                say(stream, &Line::Erased(erased.into())).await?;
                Ok(Line::Done {})
            }
        },
        Request::Copy {} => copy(sources, stream).await,
    }
}

async fn copy(sources: &Sources, stream: &mut UnixStream) -> Result<Line, AnswerError> {
    let copying = match sources.store.copy() {
        Ok(Some(copying)) => copying,
        Ok(None) => {
            return Ok(Line::Refused(
                "another copy is made at the moment".to_owned(),
            ));
        }
        Err(error) => return Ok(Line::Refused(error.to_string())),
    };
    say(stream, &Line::Copy {}).await?;
    give(copying, stream, PIECE_TIME).await
}

/// Gives the pieces of a copy. Whoever takes none any more is left, at once where the copy is given up.
async fn give(
    copying: Copying,
    stream: &mut (impl AsyncWrite + Unpin),
    piece_time: Duration,
) -> Result<Line, AnswerError> {
    let Copying {
        mut pieces,
        mut state,
    } = copying;
    while let Some(piece) = pieces.recv().await {
        let length = u32::try_from(piece.len()).map_err(|_| AnswerError::Gone)?;
        let write = timeout(piece_time, async {
            stream.write_all(&length.to_le_bytes()).await?;
            stream.write_all(&piece).await
        });
        tokio::pin!(write);
        let written = tokio::select! {
            biased;
            written = &mut write => written,
            Ok(_) = state.wait_for(|state| matches!(state, CopyState::GivenUp(_))) => {
                timeout(LAST_WORD_TIME, write).await.and_then(|written| written)
            }
        };
        is_taken(written)?;
    }
    is_taken(timeout(piece_time, stream.write_all(&[0; 4])).await)?;
    Ok(match &*state.borrow() {
        CopyState::Done => Line::Done {},
        CopyState::GivenUp(why) => Line::Refused(why.clone()),
        CopyState::Running => Line::Refused("the copy ended without a word".to_owned()),
    })
}

fn is_taken(written: Result<io::Result<()>, Elapsed>) -> Result<(), AnswerError> {
    written.ok().and_then(Result::ok).ok_or(AnswerError::Gone)
}

async fn say(stream: &mut UnixStream, line: &Line) -> Result<(), AnswerError> {
    let mut text = serde_json::to_vec(line).map_err(|_| AnswerError::Gone)?;
    text.push(b'\n');
    let written = stream.write_all(&text).await;
    written.map_err(|_| AnswerError::Gone)
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, watch};

    use super::*;

    /// All of it was read, so that nobody gives it up any more.
    #[tokio::test]
    async fn whoever_takes_the_end_of_a_copy_no_more_is_left() {
        for pieces_left in [0, 1, 4] {
            let (give_piece, pieces) = mpsc::channel(4);
            for _ in 0..pieces_left {
                give_piece.send(vec![7; 100]).await.expect("a place");
            }
            drop(give_piece);
            let (said, state) = watch::channel(CopyState::Done);
            drop(said);
            let (mut stream, _asker) = tokio::io::duplex(1);
            let copying = Copying { pieces, state };
            let given = give(copying, &mut stream, Duration::from_millis(50)).await;
            assert!(matches!(given, Err(AnswerError::Gone)), "{pieces_left}");
        }
    }
}
