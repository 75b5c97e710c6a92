//! `pawl-load RELAY SOCKETIO [ROW]...`: measures the relay binary and a Socket.io relay (a script for Node), JSON rows.
#![forbid(unsafe_code)]

mod crowd;
mod footprint;
mod link;
mod measure;
mod pairs;
mod pawl;
mod server;
mod socketio;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;

use pairs::Recipients;
use server::Server;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1);
    let mut path = || args.next().map(PathBuf::from);
    let relay = path().context("which relay?")?;
    let script = path().context("which Socket.io relay?")?;
    let rows: Vec<_> = std::env::args().skip(3).collect();
    let wanted = |row: &str| rows.is_empty() || rows.iter().any(|wanted| wanted == row);
    let folder = tempfile::tempdir()?;
    let server = Server::pawl(&relay, folder.path()).await?;
    if wanted("live") {
        say(&pairs::pawl(&server, Recipients::Here).await?)?;
        let other = Server::socketio(&script).await?;
        say(&pairs::socketio(&other).await?)?;
    }
    if wanted("stored") {
        say(&pairs::pawl(&server, Recipients::Away).await?)?;
    }
    if wanted("drain") {
        say(&crowd::drain(&server).await?)?;
    }
    drop(server);
    if wanted("footprint") {
        let folder = tempfile::tempdir()?;
        for row in footprint::pawl(&relay, folder.path()).await? {
            say(&row)?;
        }
    }
    if wanted("crowd") {
        let folder = tempfile::tempdir()?;
        for row in crowd::pawl(&relay, folder.path()).await? {
            say(&row)?;
        }
        say(&crowd::socketio(&script).await?)?;
    }
    Ok(())
}

fn say(row: &Value) -> Result<()> {
    writeln!(std::io::stdout(), "{row}").context("nobody listens")
}
