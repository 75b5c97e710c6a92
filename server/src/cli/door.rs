//! `invite` and `ban`: who may come in. Each is one short change of the store, beside a running relay or without.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use pawl_wire::{Epoch, Registration, Username};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{complain, full, print};
use crate::limits::network::Network;
use crate::store::{Added, Admin, AdminError, Ban, Banned, Invite, OpenError, Terms};
use crate::{clock, random};

/// Characters of a label or a reason: a line of a list.
const MOST_WORDS: usize = 200;

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
        /// What to call it in the list, for example whom it is for; kept with it, and shown to nobody else
        #[arg(long, value_name = "WORDS", value_parser = words)]
        label: Option<String>,
        /// One line of JSON, with the code
        #[arg(long)]
        json: bool,
    },
    /// List the invites that are open, without their codes
    List {
        /// A line of JSON for each
        #[arg(long)]
        json: bool,
    },
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
        /// Why, for the list; whoever is shut out is not told
        #[arg(long, value_name = "WORDS", value_parser = words)]
        reason: Option<String>,
    },
    /// List who is shut out, since when and why
    List {
        /// A line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// Let somebody in again
    Remove {
        /// As it stands in the list
        #[arg(value_parser = banned)]
        who: Banned,
    },
}

/// They stand in a line of a list, on a terminal.
fn words(text: &str) -> Result<String, String> {
    let text = text.trim();
    let count = text.chars().count();
    if count == 0 || count > MOST_WORDS || text.chars().any(char::is_control) {
        return Err(format!(
            "1 to {MOST_WORDS} characters on one line are needed"
        ));
    }
    Ok(text.to_owned())
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

/// An open invite, as `--json` prints it.
#[derive(Serialize)]
struct InviteLine {
    number: i64,
    /// Only of one that was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    accounts_left: u32,
    days_left: u64,
    label: Option<String>,
}

impl InviteLine {
    fn new(invite: Invite, now: u64) -> Self {
        let left = invite.expires_at.saturating_sub(now);
        Self {
            number: invite.id,
            code: None,
            accounts_left: invite.uses_left,
            days_left: left.div_ceil(clock::DAY_MS),
            label: invite.label,
        }
    }

    fn text(&self) -> String {
        let terms = terms(self.accounts_left, self.days_left);
        match &self.label {
            Some(label) => format!("{}: {terms}, {label}\n", self.number),
            None => format!("{}: {terms}\n", self.number),
        }
    }
}

/// A line of JSON.
fn line(of: &impl Serialize) -> String {
    serde_json::to_string(of).unwrap_or_default() + "\n"
}

pub(super) fn invite(command: InviteCommand, data: &Path, registration: Registration) -> ExitCode {
    let place = full(data);
    finish(open(data).and_then(|mut store| match command {
        InviteCommand::Create {
            uses,
            days,
            label,
            json,
        } => {
            let (code, invite) = create(&mut store, uses, days, label)?;
            if json {
                let code = Some(code);
                return Ok(line(&InviteLine { code, ..invite }));
            }
            Ok(format!(
                "{code}\nInvite {} in {place}: {}\n{}",
                invite.number,
                terms(uses, u64::from(days)),
                worth(registration)
            ))
        }
        InviteCommand::List { json } => {
            let now = store.now()?;
            let invites = store.invites(now)?.into_iter();
            let invites = invites.map(|invite| InviteLine::new(invite, now));
            if json {
                return Ok(invites.map(|invite| line(&invite)).collect());
            }
            let lines: String = invites.map(|invite| invite.text()).collect();
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

/// A new invite, and its code.
fn create(
    store: &mut Admin,
    uses: u32,
    days: u32,
    label: Option<String>,
) -> Result<(String, InviteLine), DoorError> {
    let now = store.now()?;
    let terms = Terms {
        uses,
        expires_at: now.saturating_add(u64::from(days) * clock::DAY_MS),
        label,
    };
    let (code, id) = store.create_invite(&terms, now)?;
    let invite = Invite {
        id,
        uses_left: uses,
        expires_at: terms.expires_at,
        label: terms.label,
    };
    Ok((code, InviteLine::new(invite, now)))
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

/// Somebody who is shut out, as `--json` prints it.
#[derive(Serialize)]
struct BanLine {
    /// As `ban remove` takes it.
    who: String,
    kind: &'static str,
    since: String,
    reason: Option<String>,
}

impl From<Ban> for BanLine {
    fn from(ban: Ban) -> Self {
        Self {
            who: name(&ban.who),
            kind: match ban.who {
                Banned::Username(_) => "account",
                Banned::Network(_) => "network",
            },
            since: moment(ban.made_at),
            reason: ban.reason,
        }
    }
}

/// A moment of the machine's clock, to the second; the oldest where it means none.
fn moment(milliseconds: u64) -> String {
    let seconds = i64::try_from(milliseconds / 1_000).unwrap_or_default();
    let moment = OffsetDateTime::from_unix_timestamp(seconds);
    let moment = moment.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(&Rfc3339).unwrap_or_default()
}

/// In columns.
fn table(bans: &[BanLine]) -> String {
    let width = bans.iter().map(|ban| ban.who.len()).max();
    let width = width.unwrap_or_default();
    let row = |ban: &BanLine| {
        let day = ban.since.split('T').next().unwrap_or_default();
        let reason = ban.reason.as_deref().unwrap_or_default();
        let row = format!("{:width$}  {day}  {reason}", ban.who);
        row.trim_end().to_owned() + "\n"
    };
    bans.iter().map(row).collect()
}

pub(super) fn ban(command: BanCommand, data: &Path) -> ExitCode {
    if let BanCommand::Add {
        who: Banned::Network(network),
        yes: false,
        ..
    } = &command
        && network.is_wide()
    {
        return finish(Err(DoorError::Wide(*network)));
    }
    let place = full(data);
    finish(open(data).and_then(|mut store| match command {
        BanCommand::Add { who, reason, .. } => {
            let added = store.ban(&who, reason.as_deref(), clock::wall_ms())?;
            let who = name(&who);
            Ok(match added {
                Added::New => format!("{who} is shut out in {place}.\n"),
                Added::OtherReason => {
                    format!("{who} was shut out already in {place}; the reason is the new one.\n")
                }
                Added::Known => format!("{who} was shut out already in {place}.\n"),
            })
        }
        BanCommand::List { json } => {
            let bans: Vec<_> = store.bans()?.into_iter().map(BanLine::from).collect();
            if json {
                return Ok(bans.iter().map(line).collect());
            }
            Ok(or_none(
                table(&bans),
                &format!("Nobody is shut out in {place}.\n"),
            ))
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
