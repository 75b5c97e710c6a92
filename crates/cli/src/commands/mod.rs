//! What each command does. Each opens the store, drives the engine until its work is done, and says so by its
//! end; none makes a decision of the protocol.

mod backup;
mod contacts;
mod desk;
mod errand;
mod export;
mod files;
mod history;
mod open;
mod receive;
mod register;
mod send;
mod verify;
mod verify_site;

use crate::args::{Arguments, Command};
use crate::failure::Failure;
use crate::output::Output;
use crate::pages;

/// Runs what was typed.
pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { place, command } = arguments;
    let output = Output::new(place.json);
    match command {
        Command::Register {
            username,
            relay,
            invite,
        } => register::run(&place, &output, username, relay, invite).await?,
        Command::Send {
            username,
            text,
            lines,
        } => send::run(&place, &output, &username, text, lines).await?,
        Command::Receive { follow, unseen } => {
            receive::run(&place, &output, follow, unseen).await?;
        }
        Command::History { username, limit } => history::run(&place, &output, &username, limit)?,
        Command::Contacts => contacts::run(&place, &output)?,
        Command::Verify {
            username,
            number,
            undo,
        } => verify::run(&place, &output, &username, number, undo).await?,
        Command::Accept { username, number } => verify::accept(&place, &username, &number)?,
        Command::Backup { file, secret } => backup::run(&place, &output, &file, secret)?,
        Command::Restore { file, secret } => backup::restore(&place, &output, &file, secret)?,
        Command::Export {
            out,
            conversations,
            overwrite,
        } => export::run(&place, &output, &out, &conversations, overwrite).await?,
        Command::VerifySite { url, release } => {
            verify_site::run(&output, &url, &release, place.timeout)?;
        }
        Command::Completions { shell } => output.line(&pages::completions(shell))?,
        Command::Man => output.line(&pages::manual())?,
        Command::Licences => output.line(pages::licences())?,
    }
    Ok(())
}
