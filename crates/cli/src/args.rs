//! What can be typed. The help teaches by example; docs/TERMINAL.md says the rest.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::failure::Code;
use crate::relay::RelayAddress;

const EXAMPLES: &str = "\
Examples:
  pawl register alice --relay https://chat.example.org
  pawl send bob 'see you at eight'
  df -h | pawl send bob
  pawl receive
  pawl receive --follow --json | jq -r .text
";

/// End-to-end encrypted messages in a terminal: for people, scripts and bots.
#[derive(Parser)]
#[command(name = "pawl", version, after_help = EXAMPLES, after_long_help = long_help())]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the account is, and how it is opened.
#[derive(Args)]
pub(crate) struct Place {
    /// File of the account, its keys and its messages, all sealed [default: pawl/store in the user's data folder]
    #[arg(long, global = true, env = "PAWL_STORE", value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// Open the store with this key file instead of a passphrase; `register` makes one that is not there
    #[arg(long, global = true, env = "PAWL_KEY_FILE", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Read the passphrase from the first line of a file instead of asking
    #[arg(
        long,
        global = true,
        env = "PAWL_PASSPHRASE_FILE",
        value_name = "FILE",
        conflicts_with = "key_file"
    )]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Seconds to wait for the relay
    #[arg(long, global = true, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
    /// Print JSON, one object to a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make an account, and the store that it lives in
    #[command(after_help = "Examples:
  pawl register alice --relay https://chat.example.org
  pawl register my-bot --relay http://127.0.0.1:8080 --key-file bot.key

It asks for a new passphrase, or seals the store with the key file, which it makes where there is none.")]
    Register {
        /// The name that others write to
        username: String,
        /// Where the relay is, for example https://chat.example.org
        #[arg(long, env = "PAWL_RELAY", value_name = "URL")]
        relay: Option<RelayAddress>,
        /// Where the relay asks for one
        #[arg(long, value_name = "CODE")]
        invite: Option<String>,
    },
    /// Send a text, from the command line or from standard input
    #[command(after_help = "Examples:
  pawl send bob 'see you at eight'
  df -h | pawl send bob
  tail -f app.log | grep --line-buffered ERROR | pawl send --lines bob

It ends when the relay has the message. Where the relay cannot be reached in time (code 3), and after
Ctrl-C (code 130), the message is kept and goes out with the next command that connects.")]
    Send {
        /// To whom: a username, or the id of a conversation
        username: String,
        /// The text; without one, standard input is read to its end
        text: Option<String>,
        /// Send every line of standard input as a message of its own, as it comes
        #[arg(long, conflicts_with = "text")]
        lines: bool,
    },
    /// Print the messages that were not printed yet
    #[command(after_help = "Examples:
  pawl receive
  pawl receive --follow
  pawl receive --follow --json | while read -r line; do echo \"$line\" | jq -r .text; done

Every message is printed once: what was printed is remembered, also by commands that come later. A
message whose printing was cut short (code 141) is printed again, and so is the newest notice where it
has changed. JSON lines have `type` (message or notice), `from`, `position` (rises within a
conversation), `conversation` (its id), `at` (milliseconds since 1970) and `text` or `notice`.")]
    Receive {
        /// Stay, and print what comes
        #[arg(long, short)]
        follow: bool,
        /// Do not tell senders that their messages were seen
        #[arg(long)]
        unseen: bool,
    },
    /// Print a conversation's newest lines, own ones too
    #[command(after_help = "Example:
  pawl history bob --limit 50")]
    History {
        /// With whom: a username, or the id of a conversation
        username: String,
        /// How many lines
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        limit: u32,
    },
    /// List the people in this store, and what is known of their identity
    #[command(after_help = "Examples:
  pawl contacts
  pawl contacts --json | jq -r 'select(.identity == \"changed\").username'")]
    Contacts,
    /// Show the safety number with somebody, or say that it is theirs
    #[command(after_help = "Examples:
  pawl verify bob
  pawl verify bob --number '01234 56789 …'

Read the number to each other over another channel, or look at each other's screens: where both have
the same one, nobody is in between. With --number, what the other sees is compared with what this
store has; where it is the same, the person counts as verified, and a changed identity as accepted.")]
    Verify {
        /// Who: a username, or the id of a conversation
        username: String,
        /// The sixty digits that the other sees; spaces do not matter
        #[arg(long, value_name = "DIGITS")]
        number: Option<String>,
        /// Take back that the number was compared
        #[arg(long, conflicts_with = "number")]
        undo: bool,
    },
    /// Accept somebody's changed identity
    #[command(after_help = "Example:
  pawl verify bob            # shows the new number
  pawl accept bob --number '01234 56789 …'

Somebody who lost their device comes back with other keys, and so does who pretends to be them. Until
the new identity is accepted, nothing is sent to it, and `pawl verify` shows what it wrote.")]
    Accept {
        /// Who: a username, or the id of a conversation
        username: String,
        /// The sixty digits that `pawl verify` shows
        #[arg(long, value_name = "DIGITS")]
        number: String,
    },
    /// Write identity, contacts, trust and history to a file, sealed under a passphrase of its own
    #[command(after_help = "Example:
  pawl backup alice.pawl

Sessions are not in a backup: a ratchet that is restored is a rewound one. They begin anew by
themselves after `pawl restore`, and what was missed meanwhile is asked for.")]
    Backup {
        /// The file; there must be none yet
        file: PathBuf,
        #[command(flatten)]
        secret: BackupSecret,
    },
    /// Make a store from a backup
    #[command(after_help = "Example:
  pawl restore alice.pawl --store new-store

The store that the backup was made of must not be used any more: both have the same keys.")]
    Restore {
        /// What `pawl backup` wrote
        file: PathBuf,
        #[command(flatten)]
        secret: BackupSecret,
    },
    /// Write conversations to files that others can read: JSON for programs, text for people
    #[command(after_help = "Examples:
  pawl export --out exported
  pawl export --out exported bob carol
  jq -r '.lines[] | select(.type == \"message\") | .text' exported/bob.json

The files are not sealed: whoever has them can read them. They cannot be read in again; for that there
is `pawl backup`.")]
    Export {
        /// Whose conversations, by username or by id; without any, all
        #[arg(value_name = "USERNAME")]
        conversations: Vec<String>,
        /// The folder, which is made where it is not there; each conversation is two files in it
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
        /// Replace files of these names that are there
        #[arg(long)]
        overwrite: bool,
    },
    /// Compare the page that a server hands out with a release's list of it
    #[command(after_help = "Examples:
  pawl verify-site https://chat.example.org --release page.sha256
  pawl verify-site http://localhost:8080 --release page.sha256 --json

Every file and the headers of each are fetched and compared. The list comes with a release, and
`pawl-server assets` prints it. This says what the server handed out here and now; it may hand out
something else to others, or later.

It ends with 0 where all is the same, with 1 where something differs, and with 2 where that cannot be
said: no answer, no valid certificate, no list.")]
    VerifySite {
        /// The site, for example https://chat.example.org
        url: String,
        /// The release's list of its page
        #[arg(long, value_name = "FILE")]
        release: PathBuf,
    },
    /// Print the licences of all that is inside
    #[command(alias = "licenses")]
    Licences,
    /// Print a completion script for a shell
    #[command(after_help = "Examples:
  source <(pawl completions bash)
  pawl completions fish > ~/.config/fish/completions/pawl.fish")]
    Completions {
        /// Which
        shell: Shell,
    },
    /// Print the manual page, for man(1)
    Man,
}

/// What opens a backup.
#[derive(Args)]
pub(crate) struct BackupSecret {
    /// Read the backup's passphrase from the first line of a file instead of asking
    #[arg(long, value_name = "FILE")]
    pub(crate) backup_passphrase_file: Option<PathBuf>,
}

fn long_help() -> String {
    let codes = Code::ALL.map(|(code, meaning)| format!("  {:>3}  {meaning}\n", code as u8));
    format!("{EXAMPLES}\nExit codes:\n    0  done\n{}", codes.concat())
}
