//! What each command does. Each opens the store, drives the engine until its work is done, and says so by its
//! end; none makes a decision of the protocol.

mod backup;
mod contacts;
mod desk;
mod errand;
mod history;
mod open;
mod receive;
mod register;
mod send;
mod verify;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::{Arguments, Command};
use crate::failure::{Code, Failure};
use crate::output::Output;

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
        Command::Completions { shell } => completions(&output, shell)?,
    }
    Ok(())
}

fn completions(output: &Output, shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "pawl", &mut script);
    let script = String::from_utf8(script);
    let script = script.map_err(|error| Failure::new(Code::Other, error.to_string()))?;
    output.line(script.trim_end())
}
