//! The command line: what an operator types, and what is said to them in return.
//!
//! Owns flags, the configuration file, texts on standard output and exit codes: 0 done, 1 it cannot be done,
//! 2 it was asked wrongly. Knows the relay by its public functions only.

mod assets;
mod care;
mod doctor;
mod door;
#[cfg(unix)]
mod files;
mod flags;
mod layers;
mod pages;
mod people;
mod run;
mod top;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use self::assets::page_list;
use self::flags::Flags;
use self::layers::Refusal;

const EXAMPLES: &str = "\
What is set on the command line goes before the environment, that before the
file, that before what is built in. The file is TOML; its keys are the flags'
names without the dashes:

    public-origin = [\"https://chat.example.org\"]
    registration = \"invite\"

Examples:
  pawl-server                                  this machine only, nothing to set up
  pawl-server --public-origin https://chat.example.org
                                               behind a proxy that ends TLS
  pawl-server --config /etc/pawl/pawl.toml     with a file

docs/OPERATIONS.md has every flag, limit and number with its reason.";

const INVITE_EXAMPLES: &str = "\
Examples, as the relay's user (runuser -u pawl --):
  pawl-server invite create --config /etc/pawl/pawl.toml
  pawl-server invite create --uses 30 --days 3 --data /var/lib/pawl
  pawl-server invite list --config /etc/pawl/pawl.toml
  pawl-server invite revoke 7 --config /etc/pawl/pawl.toml";

const BAN_EXAMPLES: &str = "\
Examples, as the relay's user (runuser -u pawl --):
  pawl-server ban add mallory --config /etc/pawl/pawl.toml
  pawl-server ban add 203.0.113.0/24 --config /etc/pawl/pawl.toml
  pawl-server ban list --config /etc/pawl/pawl.toml
  pawl-server ban remove mallory --config /etc/pawl/pawl.toml";

const ACCOUNT_EXAMPLES: &str = "\
Examples, as the relay's user (runuser -u pawl --):
  pawl-server account list --config /etc/pawl/pawl.toml
  pawl-server account list --json --config /etc/pawl/pawl.toml
  pawl-server account erase mallory --yes --config /etc/pawl/pawl.toml";

const MAIL_EXAMPLES: &str = "\
Example, as the relay's user (runuser -u pawl --):
  pawl-server mail erase mallory --config /etc/pawl/pawl.toml";

const TOP_EXAMPLES: &str = "\
Examples, as the relay's user (runuser -u pawl --):
  pawl-server top --config /etc/pawl/pawl.toml
  pawl-server top --watch --rows 5 --config /etc/pawl/pawl.toml
What it names can be given to `pawl-server ban add`.";

const BACKUP_EXAMPLES: &str = "\
Example, as root:
  install -d -o pawl -g pawl -m 0700 /var/backups/pawl
  runuser -u pawl -- pawl-server backup /var/backups/pawl/monday \\
      --config /etc/pawl/pawl.toml
Sealed, for whoever has the key, with nothing unsealed on another disk:
  runuser -u pawl -- pawl-server backup - --config /etc/pawl/pawl.toml |
      age -r age1... > /var/backups/pawl/monday.age";

const CHECK_EXAMPLES: &str = "\
Examples:
  pawl-server check /var/backups/pawl/monday
  age -d -i key.txt monday.age | pawl-server check - --json
Exit code 0: it can be restored; 1: it cannot, and why; 2: asked wrongly.";

const RESTORE_EXAMPLES: &str = "\
Example, as root, while no relay runs:
  mv /var/lib/pawl /var/lib/pawl.broken
  install -d -o pawl -g pawl -m 0700 /var/lib/pawl
  runuser -u pawl -- pawl-server restore /var/backups/pawl/monday \\
      --config /etc/pawl/pawl.toml";

const DOCTOR_EXAMPLES: &str = "\
Example, as root:
  runuser -u pawl -- pawl-server doctor --config /etc/pawl/pawl.toml";

const ASSETS_EXAMPLES: &str = "\
Examples:
  pawl-server assets > page.sha256
  pawl verify-site https://chat.example.org --release page.sha256
sha256sum -c reads the list too, in a folder with the page's files.";

/// Pawl's relay: hosts the page and moves sealed envelopes.
///
/// Without flags it serves this machine only, with its store in ./.pawl.
#[derive(Parser)]
#[command(name = "pawl-server", version, after_help = EXAMPLES)]
struct Args {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What every command needs.
#[derive(clap::Args)]
struct Place {
    /// File with settings (TOML); a flag or a variable goes before what it says
    #[arg(long, env = "PAWL_CONFIG", global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the store, made when missing
    #[arg(
        long,
        env = "PAWL_DATA",
        global = true,
        value_name = "FOLDER",
        default_value = "./.pawl"
    )]
    data: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Serve; what happens without a command too
    Run(Box<Flags>),
    /// Let people in by codes: see `--registration invite`
    #[command(subcommand, after_help = INVITE_EXAMPLES)]
    Invite(door::InviteCommand),
    /// Shut accounts and networks out
    #[command(subcommand, after_help = BAN_EXAMPLES)]
    Ban(door::BanCommand),
    /// See who has an account, and erase accounts
    #[command(subcommand, after_help = ACCOUNT_EXAMPLES)]
    Account(people::AccountCommand),
    /// Erase mail that waits
    #[command(subcommand, after_help = MAIL_EXAMPLES)]
    Mail(people::MailCommand),
    /// Show who causes what in these minutes, from the running relay's memory
    #[command(after_help = TOP_EXAMPLES)]
    Top(top::TopCommand),
    /// Copy the store into a file, also while the relay serves
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup {
        /// Where; it must not be there yet. - for standard output, as rows with a hash
        file: PathBuf,
    },
    /// Make a store of a copy, in a folder without one: new epoch, no one-time keys, no invites
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore {
        /// What `backup` wrote; - for standard input
        file: PathBuf,
    },
    /// Look whether a copy is whole and could be restored; changes nothing
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        /// What `backup` wrote; - for standard input, of what `backup -` wrote
        file: PathBuf,
        /// One line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what is wrong with this deployment, with the same settings as the relay's; changes nothing
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(Box<Flags>),
    /// Print the SHA-256 of every file of the page in this binary, and the headers that go with each
    #[command(after_help = ASSETS_EXAMPLES)]
    Assets {
        /// A line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// Print a completion script for a shell
    Completions {
        /// Which
        shell: clap_complete::Shell,
    },
    /// Print the manual page, for man(1)
    Man,
    /// Print the licences of all that is inside: the relay's libraries and the page's
    #[command(alias = "licenses")]
    Licences,
}

/// Does what the command line asks.
#[must_use]
pub fn main() -> ExitCode {
    match asked(std::env::args_os().collect()) {
        Ok(args) => act(args),
        Err(Refusal::Help(text)) => print(&text),
        Err(Refusal::Wrong(why)) => {
            complain(&why);
            ExitCode::from(2)
        }
    }
}

fn asked(arguments: Vec<OsString>) -> Result<Args, Refusal> {
    let matches = layers::read(Args::command(), &arguments)?;
    Args::from_arg_matches(&matches).map_err(|error| Refusal::Wrong(layers::first_line(&error)))
}

fn act(args: Args) -> ExitCode {
    let Args {
        place,
        flags,
        command,
    } = args;
    match command {
        None => run::run(flags, place.data),
        Some(Command::Run(flags)) => run::run(*flags, place.data),
        Some(Command::Invite(command)) => door::invite(command, &place.data, flags.registration),
        Some(Command::Ban(command)) => door::ban(command, &place.data),
        Some(Command::Account(command)) => people::account(&command, &place.data),
        Some(Command::Mail(command)) => people::mail(&command, &place.data),
        Some(Command::Top(command)) => top::top(&command, &place.data),
        Some(Command::Backup { file }) => care::backup(&place.data, &file),
        Some(Command::Restore { file }) => care::restore(&file, &place.data),
        Some(Command::Check { file, json }) => care::check(&file, json),
        Some(Command::Doctor(flags)) => {
            doctor::doctor(&flags.into_config(place.data), &unknown_variables())
        }
        Some(Command::Assets { json }) => assets::assets(json),
        Some(Command::Completions { shell }) => print(&pages::completions(Args::command(), shell)),
        Some(Command::Man) => print(&pages::manual(Args::command())),
        Some(Command::Licences) => print(&pages::licences()),
    }
}

/// Variables that look like ours and are none: a misspelt one would be a setting that does nothing.
fn unknown_variables() -> Vec<String> {
    let command = Args::command();
    let known: Vec<_> = command.get_arguments().filter_map(Arg::get_env).collect();
    std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| name.as_encoded_bytes().starts_with(b"PAWL_"))
        .filter(|name| !known.contains(&name.as_os_str()))
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}

/// A folder or file as it is called from everywhere: whoever was in another folder than they thought sees it.
fn full(path: &Path) -> String {
    let whole = std::path::absolute(path);
    whole.as_deref().unwrap_or(path).display().to_string()
}

/// Text for whoever asked; they may have closed their end, which is no failure of ours.
fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    ExitCode::SUCCESS
}

/// One line on standard error. Where even that cannot be written, the exit code still says it.
fn complain(why: &dyn std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "pawl-server: {why}");
}
