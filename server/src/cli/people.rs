//! `account` and `mail`: who is there, what waits for them, and that it goes.
//!
//! Where a relay runs it is asked; where none runs the command opens the store itself. The store's lock decides which.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use pawl_wire::{Epoch, Username};

use super::{complain, full, print};
use crate::control::{Account, Amount, Line, Link, LinkError, Request};
use crate::store::{Admin, AdminError, OpenError};
use crate::{fixed, random};

/// How often, and how many times, somebody is looked for who uses the store and answers: a relay that starts or ends, or
/// another command.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOKS: usize = 50;

#[derive(Subcommand)]
pub(super) enum AccountCommand {
    /// List all accounts: name, devices, messages and bytes that wait for them
    List {
        /// A line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// Erase an account with its keys and all mail that waits for it; only who has its key can take its name again
    Erase {
        /// Which
        #[arg(value_parser = name)]
        name: Username,
        /// It cannot be undone, so that without this nothing is done
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Subcommand)]
pub(super) enum MailCommand {
    /// Erase all mail that waits for an account; its senders are not told
    Erase {
        /// Whose
        #[arg(value_parser = name)]
        name: Username,
    },
}

fn name(text: &str) -> Result<Username, String> {
    Username::parse(text).map_err(|error| error.to_string())
}

#[derive(Debug, thiserror::Error)]
pub(super) enum PeopleError {
    #[error("cannot use the data folder {0}: {1}")]
    Open(String, OpenError),
    #[error("cannot use the data folder {0}: {1}")]
    Link(String, LinkError),
    #[error("{0}")]
    Refused(String),
    #[error("no relay runs on {0}: what this shows is in the memory of one that runs")]
    NoRelay(String),
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error("the account {0} cannot be brought back once it is erased; with --yes it is erased")]
    Unsure(String),
    #[error("there is no account {0} in {1}; `pawl-server account list` shows those that are")]
    NoAccount(String, String),
}

/// By which way a command does its work.
enum Way {
    Store(Admin),
    Relay(Link),
}

/// Opens the store, or asks the relay that has it.
fn way(data: &Path, request: &Request) -> Result<Way, PeopleError> {
    let fresh = Epoch(random::bytes().map_err(AdminError::from)?);
    let mut looks = 1;
    loop {
        match Admin::open_alone(data, fresh) {
            Ok(store) => return Ok(Way::Store(store)),
            Err(OpenError::InUse) => (),
            Err(error) => return Err(PeopleError::Open(full(data), error)),
        }
        match Link::ask(data, request) {
            Ok(link) => return Ok(Way::Relay(link)),
            Err(LinkError::Nobody) if looks < LOOKS => looks += 1,
            Err(error) => return Err(PeopleError::Link(full(data), error)),
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Asks a relay that runs; there is nothing in the store to look at instead.
pub(super) fn ask(data: &Path, request: &Request) -> Result<Line, PeopleError> {
    match way(data, request)? {
        Way::Store(_) => Err(PeopleError::NoRelay(full(data))),
        Way::Relay(mut link) => next(&mut link, data),
    }
}

/// A line that is not one of those that a command waits for.
pub(super) fn unexpected(line: Line, name: &str, data: &Path) -> PeopleError {
    match line {
        Line::NoAccount {} => PeopleError::NoAccount(name.to_owned(), full(data)),
        Line::Refused(why) => PeopleError::Refused(why),
        _ => PeopleError::Link(full(data), LinkError::Unknown),
    }
}

pub(super) fn account(command: &AccountCommand, data: &Path) -> ExitCode {
    match command {
        AccountCommand::List { json } => finish(list(data, *json)),
        AccountCommand::Erase { name, yes } => finish(erase_account(name.as_str(), *yes, data)),
    }
}

fn list(data: &Path, json: bool) -> Result<String, PeopleError> {
    let mut accounts = Vec::new();
    match way(data, &Request::ListAccounts {})? {
        Way::Store(store) => {
            let mut after = 0;
            loop {
                let page = store.accounts(after)?;
                let Some(last) = page.last() else {
                    break;
                };
                after = last.id;
                accounts.extend(page.into_iter().map(Account::from));
            }
        }
        Way::Relay(mut link) => loop {
            match next(&mut link, data)? {
                Line::Account(account) => accounts.push(account),
                Line::Done {} => break,
                other => return Err(unexpected(other, "", data)),
            }
        },
    }
    if json {
        let line = |account| serde_json::to_string(account).unwrap_or_default() + "\n";
        return Ok(accounts.iter().map(line).collect());
    }
    if accounts.is_empty() {
        return Ok(format!("There is no account in {}.\n", full(data)));
    }
    Ok(table(&accounts))
}

fn erase_account(name: &str, yes: bool, data: &Path) -> Result<String, PeopleError> {
    if !yes {
        return Err(PeopleError::Unsure(name.to_owned()));
    }
    let request = Request::EraseAccount {
        name: name.to_owned(),
    };
    let last = match way(data, &request)? {
        Way::Store(mut store) => match store.erase_account(name)? {
            true => Line::Done {},
            false => Line::NoAccount {},
        },
        Way::Relay(mut link) => next(&mut link, data)?,
    };
    if last != (Line::Done {}) {
        return Err(unexpected(last, name, data));
    }
    let place = full(data);
    Ok(format!(
        "The account {name} is erased in {place}. Who has its key may take the name again, nobody else.\n"
    ))
}

fn table(accounts: &[Account]) -> String {
    let longest = accounts.iter().map(|account| account.name.len()).max();
    let width = longest.unwrap_or_default().max("account".len());
    let mut text = format!(
        "{:width$}  devices  waiting messages     waiting bytes\n",
        "account"
    );
    for account in accounts {
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "{:width$}  {:>7}  {:>16}  {:>16}",
            account.name,
            account.devices,
            fixed::grouped(account.waiting_messages),
            fixed::grouped(account.waiting_bytes)
        );
    }
    text
}

pub(super) fn mail(command: &MailCommand, data: &Path) -> ExitCode {
    match command {
        MailCommand::Erase { name } => finish(erase_mail(name.as_str(), data)),
    }
}

fn erase_mail(name: &str, data: &Path) -> Result<String, PeopleError> {
    let request = Request::EraseMail {
        name: name.to_owned(),
    };
    let erased = match way(data, &request)? {
        Way::Store(mut store) => match store.erase_mail(name)? {
            Some(erased) => Amount::from(erased),
            None => return Err(unexpected(Line::NoAccount {}, name, data)),
        },
        Way::Relay(mut link) => match next(&mut link, data)? {
            Line::Erased(erased) => erased,
            other => return Err(unexpected(other, name, data)),
        },
    };
    let place = full(data);
    Ok(match erased.messages {
        0 => format!("Nothing waited for {name} in {place}.\n"),
        _ => format!(
            "Erased in {place}: {} that waited for {name}.\n",
            amount(erased)
        ),
    })
}

fn amount(Amount { messages, bytes }: Amount) -> String {
    let unit = if messages == 1 { "message" } else { "messages" };
    let bytes = fixed::grouped(bytes);
    format!("{} {unit} with {bytes} bytes", fixed::grouped(messages))
}

fn next(link: &mut Link, data: &Path) -> Result<Line, PeopleError> {
    link.next()
        .map_err(|error| PeopleError::Link(full(data), error))
}

pub(super) fn finish(result: Result<String, PeopleError>) -> ExitCode {
    match result {
        Ok(text) => print(&text),
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}
