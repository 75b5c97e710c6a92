//! A relay in this process, a relay as a child process, and a raw client with real keys.

mod child;
pub(crate) mod client;
pub(crate) mod http;
mod keys;
#[cfg(target_os = "linux")]
mod small_disk;

pub(crate) use child::{Child, command, ended, program};
pub(crate) use client::{Client, End};
pub(crate) use http::{Response, close_code, frame, http, raw_socket};
pub(crate) use keys::{Device, envelope, key, message_id, random};
#[cfg(target_os = "linux")]
pub(crate) use small_disk::SmallDisk;

use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;

use pawl_server::Config;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// A relay on a thread of this process, on a free port.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    folder: Option<TempDir>,
}

impl Relay {
    /// With the defaults.
    pub(crate) fn start() -> Self {
        Self::start_with(|_| ())
    }

    /// With what `set` changes in the configuration.
    pub(crate) fn start_with(set: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut relay = Self::start_in(folder.path(), set);
        relay.folder = Some(folder);
        relay
    }

    /// On a folder of the caller's.
    pub(crate) fn start_in(folder: &Path, set: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(([127, 0, 0, 1], 0).into(), folder.to_owned());
        set(&mut config);
        let (ready, address) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let ready = move |address| ready.send(address).expect("the test waits");
            let stop = async {
                // A dropped sender means stop as well.
                let _ = stopped.await;
            };
            actix_web::rt::System::new()
                .block_on(pawl_server::run(config, ready, stop))
                .expect("the relay runs");
        });
        Self {
            address: address.recv().expect("the relay starts"),
            stop: Some(stop),
            thread: Some(thread),
            folder: None,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.as_ref().expect("its own folder").path()
    }

    /// Asks it to go down and does not wait.
    pub(crate) fn begin_stop(&mut self) {
        drop(self.stop.take());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.begin_stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the relay panicked");
        }
    }
}
