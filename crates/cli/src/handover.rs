//! One program has the store; another that wants to send asks it to. A Unix socket in a folder that only the owner
//! can enter, one request and one answer to a connection. Knows nothing of how a text is sent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pawl_client::MAX_TEXT;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::failure::{Code, Failure};
use crate::output::Sent;

/// Longest request or answer: a text, each of whose bytes JSON may write as six, and a name.
const MAX_LINE: usize = 6 * MAX_TEXT + 1_024;
/// How long whoever connects has to say what they want.
const SAY: Duration = Duration::from_secs(10);
/// Requests that wait for the engine; more have to wait with connecting.
const MAX_WAITING: usize = 8;

/// A text to send.
#[derive(Serialize, Deserialize)]
pub(crate) struct Request {
    /// As typed.
    pub(crate) to: String,
    pub(crate) text: String,
    /// How long to wait for the relay, in seconds.
    pub(crate) timeout: u64,
}

/// How it ended: what was sent, or code and line.
#[derive(Serialize, Deserialize)]
pub(crate) struct Answer {
    sent: Option<Sent>,
    code: u8,
    line: String,
}

/// A request, and where its answer goes.
pub(crate) struct Asked {
    pub(crate) request: Request,
    pub(crate) answer: oneshot::Sender<Answer>,
}

impl Answer {
    pub(crate) fn new(outcome: Result<Sent, Failure>) -> Self {
        match outcome {
            Ok(sent) => Self {
                sent: Some(sent),
                code: 0,
                line: String::new(),
            },
            Err(Failure { code, line }) => Self {
                sent: None,
                code: code as u8,
                line,
            },
        }
    }

    fn outcome(self) -> Result<Sent, Failure> {
        if let Some(sent) = self.sent {
            return Ok(sent);
        }
        let mut codes = Code::ALL.into_iter().map(|(code, _)| code);
        let code = codes.find(|code| *code as u8 == self.code);
        Err(Failure::new(code.unwrap_or(Code::Other), self.line))
    }
}

/// Takes requests for as long as it is there.
pub(crate) struct Counter {
    pub(crate) asked: mpsc::Receiver<Asked>,
    folder: PathBuf,
}

impl Counter {
    /// Opens beside a store that this program has locked, so that whatever stands there is left over.
    pub(crate) fn open(store: &Path) -> std::io::Result<Self> {
        let folder = folder(store);
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(&folder)?;
        let socket = folder.join("socket");
        if socket.exists() {
            std::fs::remove_file(&socket)?;
        }
        let listener = UnixListener::bind(socket)?;
        let (ask, asked) = mpsc::channel(MAX_WAITING);
        tokio::spawn(take(listener, ask));
        Ok(Self { asked, folder })
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        // What stays is cleared away by the next one.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn take(listener: UnixListener, ask: mpsc::Sender<Asked>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of files, most likely: others get some back.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        // A slot before a task: who connects without end waits.
        let Ok(slot) = ask.clone().reserve_owned().await else {
            return;
        };
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream);
            let Ok(Some(request)) = timeout(SAY, read(&mut stream)).await else {
                return;
            };
            let (answer, answered) = oneshot::channel();
            slot.send(Asked { request, answer });
            if let Ok(answer) = answered.await {
                // Whoever asked may have gone.
                let _ = write(stream.get_mut(), &answer).await;
            }
        });
    }
}

/// Asks the program that has the store. `None` where there is none that takes requests.
pub(crate) async fn ask(store: &Path, request: &Request) -> Option<Result<Sent, Failure>> {
    let mut stream = UnixStream::connect(folder(store).join("socket"))
        .await
        .ok()?;
    let lost = || {
        let line = "the program that has the store ended; whether the message was written, `pawl history` says";
        Failure::new(Code::Busy, line)
    };
    if write(&mut stream, request).await.is_err() {
        return Some(Err(lost()));
    }
    let answer: Option<Answer> = read(&mut BufReader::new(stream)).await;
    Some(answer.ok_or_else(lost).and_then(Answer::outcome))
}

fn folder(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".run");
    name.into()
}

async fn read<T: for<'a> Deserialize<'a>>(stream: &mut BufReader<UnixStream>) -> Option<T> {
    let mut line = Vec::new();
    let most = u64::try_from(MAX_LINE).ok()?;
    stream.take(most).read_until(b'\n', &mut line).await.ok()?;
    serde_json::from_slice(&line).ok()
}

async fn write(stream: &mut UnixStream, value: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.flush().await
}
