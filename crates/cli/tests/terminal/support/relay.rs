//! The real relay on a thread of this process. It can go away and come back on its port, with its data.

use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;

use pawl_server::{Asset, Config, WEB};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// What is its own of a relay.
#[derive(Clone, Copy)]
struct Own {
    proof_of_work: u32,
    web: &'static [Asset],
}

pub(crate) struct Relay {
    folder: TempDir,
    address: SocketAddr,
    own: Own,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Relay {
    pub(crate) fn start() -> Self {
        Self::asking(0)
    }

    /// One that asks a registration for so many bits of work.
    pub(crate) fn asking(proof_of_work: u32) -> Self {
        Self::with(Own {
            proof_of_work,
            web: WEB,
        })
    }

    /// One with a page of its own.
    pub(crate) fn serving(web: &'static [Asset]) -> Self {
        Self::with(Own {
            proof_of_work: 0,
            web,
        })
    }

    fn with(own: Own) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (running, address) = run(folder.path(), ([127, 0, 0, 1], 0).into(), own);
        Self {
            folder,
            address,
            own,
            running: Some(running),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn stop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            thread.join().expect("the relay does not panic");
        }
    }

    pub(crate) fn restart(&mut self) {
        let (running, _) = run(self.folder.path(), self.address, self.own);
        self.running = Some(running);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

type Thread = (oneshot::Sender<()>, JoinHandle<()>);

fn run(folder: &Path, listen: SocketAddr, own: Own) -> (Thread, SocketAddr) {
    let mut config = Config::new(listen, folder.to_owned());
    config.limits.proof_of_work = own.proof_of_work;
    config.web = own.web;
    let (ready, address) = std::sync::mpsc::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let ready = move |address| ready.send(address).expect("the test waits");
        let stop = async {
            // A dropped sender means stop.
            let _ = stopped.await;
        };
        actix_web::rt::System::new()
            .block_on(pawl_server::run(config, ready, stop))
            .expect("the relay runs");
    });
    ((stop, thread), address.recv().expect("the relay starts"))
}
