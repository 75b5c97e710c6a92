//! `top`: who causes what, asked of the running relay, which has it in memory.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::people::{PeopleError, ask, finish, unexpected};
use crate::control::{Cause, Line, MAX_ROWS, Request, Sight};
use crate::fixed;

/// With `--watch`.
const EVERY: Duration = Duration::from_secs(2);

/// Clears a terminal and begins at its top.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

#[derive(clap::Args)]
pub(super) struct TopCommand {
    /// Lines of each list
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=MAX_ROWS as i64))]
    rows: u8,
    /// Again every two seconds, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn top(command: &TopCommand, data: &Path) -> ExitCode {
    loop {
        let text = match sight(data, command.rows.into()) {
            Ok(sight) if command.json => serde_json::to_string(&sight).unwrap_or_default() + "\n",
            Ok(sight) => text(&sight),
            Err(error) => return finish(Err(error)),
        };
        if !command.watch {
            return super::print(&text);
        }
        let mut out = std::io::stdout();
        let clear = if out.is_terminal() { CLEAR } else { "" };
        let written = out
            .write_all(clear.as_bytes())
            .and_then(|()| out.write_all(text.as_bytes()))
            .and_then(|()| out.flush());
        if written.is_err() {
            // Whoever read it is gone.
            return ExitCode::SUCCESS;
        }
        std::thread::sleep(EVERY);
    }
}

fn sight(data: &Path, rows: usize) -> Result<Sight, PeopleError> {
    match ask(data, &Request::Top { rows })? {
        Line::Top(sight) => Ok(sight),
        other => Err(unexpected(other, "", data)),
    }
}

fn text(sight: &Sight) -> String {
    let span = span(sight.seconds);
    let lists = [
        (
            format!("Accounts by messages that they sent, {span}"),
            &sight.accounts_by_messages,
        ),
        (
            format!("Accounts by bytes that they sent, {span}"),
            &sight.accounts_by_bytes,
        ),
        (
            "Accounts by bytes that wait for them now".to_owned(),
            &sight.mailboxes_by_bytes,
        ),
        (
            "Networks by connections that are open now".to_owned(),
            &sight.networks_by_open,
        ),
        (
            format!("Networks by connections that they opened, {span}"),
            &sight.networks_by_connections,
        ),
        (
            format!("Networks by registrations, {span}"),
            &sight.networks_by_registrations,
        ),
        (
            format!("Networks by refusals, {span}"),
            &sight.networks_by_refusals,
        ),
    ];
    let lists: Vec<_> = lists.iter().map(|(head, rows)| list(head, rows)).collect();
    lists.join("\n")
}

fn span(seconds: u64) -> String {
    match seconds.div_ceil(60) {
        0 | 1 => "in the last minute".to_owned(),
        minutes => format!("in the last {minutes} minutes"),
    }
}

fn list(head: &str, rows: &[Cause]) -> String {
    let mut text = format!("{head}:\n");
    if rows.is_empty() {
        text += "  none\n";
    }
    for row in rows {
        // Writing into a string does not fail.
        let _ = writeln!(text, "  {:>15}  {}", fixed::grouped(row.count), row.who);
    }
    text
}
