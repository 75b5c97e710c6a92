//! `invite` and `ban`: who may come in. Each is one short change of the store, beside a running relay or without.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use pawl_wire::{Epoch, Registration, Username};

use super::{complain, full, print};
use crate::network::Network;
use crate::store::{Admin, AdminError, Banned, OpenError};
use crate::{clock, random};

#[derive(Subcommand)]
pub(super) enum InviteCommand {
    /// Make a code with which an account can be made where the relay runs with `--registration invite`; it is shown this once
    Create {
        /// How many accounts can be made with it
        #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        uses: u32,
        /// For how many days it counts
        #[arg(long, value_name = "NUMBER", default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=3_650))]
        days: u32,
    },
    /// List the invites that are open, without their codes
    List,
    /// Take an invite back, by its number in the list
    Revoke {
        /// Which
        number: i64,
    },
}

#[derive(Subcommand)]
pub(super) enum BanCommand {
    /// Shut out an account or a network; whoever is connected is cut off within seconds
    Add {
        /// A username, an address, or a network like 203.0.113.0/24
        #[arg(value_parser = banned)]
        who: Banned,
        /// Also where it is a large part of all addresses: a network above a /8, in IPv6 above a /16
        #[arg(long)]
        yes: bool,
    },
    /// List who is shut out
    List,
    /// Let somebody in again
    Remove {
        /// As it stands in the list
        #[arg(value_parser = banned)]
        who: Banned,
    },
}

/// What looks like an address is one.
fn banned(text: &str) -> Result<Banned, String> {
    if let Ok(network) = text.parse::<Network>() {
        return Ok(Banned::Network(network));
    }
    let name = Username::parse(text)
        .map_err(|_| "a username, an address or a network is needed".to_owned())?;
    Ok(Banned::Username(name.as_str().to_owned()))
}

#[derive(Debug, thiserror::Error)]
enum DoorError {
    #[error("cannot use the data folder {0}: {1}")]
    Open(String, OpenError),
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error("there is no invite {0} in {1}; `pawl-server invite list` shows those that are open")]
    NoInvite(i64, String),
    #[error("{0} is a large part of all addresses; with --yes it is shut out all the same")]
    Wide(Network),
    #[error("{0} is not shut out in {1}; `pawl-server ban list` shows who is")]
    NotBanned(String, String),
}

/// What the code is worth by the settings that this command was given; the relay may have been given others.
fn worth(registration: Registration) -> &'static str {
    match registration {
        Registration::Invite => "",
        Registration::Open => "By these settings registration is open, and nobody needs a code.\n",
        Registration::Closed => "By these settings registration is closed, and no code is taken.\n",
    }
}

pub(super) fn invite(command: InviteCommand, data: &Path, registration: Registration) -> ExitCode {
    let place = full(data);
    finish(open(data).and_then(|mut store| match command {
        InviteCommand::Create { uses, days } => {
            let now = store.now()?;
            let expires_at = now.saturating_add(u64::from(days) * clock::DAY_MS);
            let (code, number) = store.create_invite(uses, now, expires_at)?;
            Ok(format!(
                "{code}\nInvite {number} in {place}: {}\n{}",
                terms(uses, u64::from(days)),
                worth(registration)
            ))
        }
        InviteCommand::List => {
            let now = store.now()?;
            let line = |invite: crate::store::Invite| {
                let days = invite
                    .expires_at
                    .saturating_sub(now)
                    .div_ceil(clock::DAY_MS);
                format!("{}: {}\n", invite.id, terms(invite.uses_left, days))
            };
            let lines: String = store.invites(now)?.into_iter().map(line).collect();
            Ok(or_none(lines, &format!("No invite is open in {place}.\n")))
        }
        InviteCommand::Revoke { number } => match store.revoke_invite(number)? {
            true => Ok(format!(
                "Invite {number} in {place} does not count any more.\n"
            )),
            false => Err(DoorError::NoInvite(number, place)),
        },
    }))
}

/// A list says that it is empty, and of what.
fn or_none(lines: String, none: &str) -> String {
    if lines.is_empty() {
        none.to_owned()
    } else {
        lines
    }
}

fn terms(uses: u32, days: u64) -> String {
    let accounts = if uses == 1 { "account" } else { "accounts" };
    let unit = if days == 1 { "day" } else { "days" };
    format!("{uses} {accounts}, {days} {unit}")
}

pub(super) fn ban(command: BanCommand, data: &Path) -> ExitCode {
    if let BanCommand::Add {
        who: Banned::Network(network),
        yes: false,
    } = &command
        && network.is_wide()
    {
        return finish(Err(DoorError::Wide(*network)));
    }
    let place = full(data);
    finish(open(data).and_then(|mut store| match command {
        BanCommand::Add { who, .. } => Ok(match store.ban(&who, clock::wall_ms())? {
            true => format!("{} is shut out in {place}.\n", name(&who)),
            false => format!("{} was shut out already in {place}.\n", name(&who)),
        }),
        BanCommand::List => {
            let line = |who: &Banned| format!("{}\n", name(who));
            let lines: String = store.bans()?.iter().map(line).collect();
            Ok(or_none(lines, &format!("Nobody is shut out in {place}.\n")))
        }
        BanCommand::Remove { who } => match store.unban(&who)? {
            true => Ok(format!("{} may come in again in {place}.\n", name(&who))),
            false => Err(DoorError::NotBanned(name(&who), place)),
        },
    }))
}

fn name(who: &Banned) -> String {
    match who {
        Banned::Username(name) => name.clone(),
        Banned::Network(network) => network.to_string(),
    }
}

fn open(data: &Path) -> Result<Admin, DoorError> {
    let fresh = random::bytes().map_err(AdminError::from)?;
    Admin::open(data, Epoch(fresh)).map_err(|why| DoorError::Open(full(data), why))
}

fn finish(result: Result<String, DoorError>) -> ExitCode {
    match result {
        Ok(text) => print(&text),
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}
