//! Flag before variable before file before default, and one line for whatever is wrong in any of them.
//!
//! The file's values become the defaults of the flags of the same name, so that they are read by the same
//! rules and clap's own order does the rest.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// Why there is nothing to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Help or version was asked for.
    Help(String),
    /// One line about what is wrong.
    Wrong(String),
}

/// The keys of a file that say where the file is make no sense in it.
const NOT_IN_A_FILE: [&str; 3] = ["config", "help", "version"];

/// Commands that take the flags of serving as well.
pub(super) const SERVING: [&str; 2] = ["run", "doctor"];

const NUMBER: &str = "a whole number is needed";

/// Reads arguments, environment and file.
pub(super) fn read(command: Command, arguments: &[OsString]) -> Result<ArgMatches, Refusal> {
    let command = match config_file(arguments) {
        Some(file) => with_file(command, &file).map_err(Refusal::Wrong)?,
        None => command,
    };
    let matches = command
        .clone()
        .try_get_matches_from(arguments)
        .map_err(|error| refusal(&error, &command, arguments))?;
    if let Some((name, _)) = matches.subcommand() {
        let misplaced = flags(&command)
            .find(|arg| !arg.is_global_set() && is_typed(&matches, arg.get_id().as_str()));
        if let Some(arg) = misplaced {
            let flag = arg.get_long().unwrap_or_default();
            let why = format!("--{flag} belongs behind the command: pawl-server {name} --{flag} …");
            return Err(Refusal::Wrong(why));
        }
    }
    Ok(matches)
}

fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    command
        .get_arguments()
        .filter(|arg| arg.get_long().is_some())
}

/// The file that is named, before anything else is read.
fn config_file(arguments: &[OsString]) -> Option<PathBuf> {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--config" {
            return rest.next().map(PathBuf::from);
        }
        if let Some(file) = argument.to_str().and_then(|a| a.strip_prefix("--config=")) {
            return Some(file.into());
        }
    }
    std::env::var_os("PAWL_CONFIG")
        .filter(|file| !file.is_empty())
        .map(PathBuf::from)
}

fn with_file(mut command: Command, file: &Path) -> Result<Command, String> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    for (key, values) in parse(&text).map_err(|why| format!("{name}: {why}"))? {
        check(&command, &key, &values).map_err(|why| format!("{name}: {key}: {why}"))?;
        let id = key.replace('-', "_");
        let set = |arg: Arg| arg.default_values(values.clone());
        let is_global = flags(&command).any(|arg| arg.get_id() == &id && arg.is_global_set());
        command = command.mut_arg(&id, set);
        for serving in SERVING.iter().filter(|_| !is_global) {
            if command.find_subcommand(serving).is_some() {
                command = command.mut_subcommand(serving, |serving| serving.mut_arg(&id, set));
            }
        }
    }
    Ok(command)
}

/// Keys and their values as they would be typed.
fn parse(text: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |at| {
            text[..at.start.min(text.len())].lines().count().max(1)
        });
        let message = error.message().lines().next().unwrap_or_default();
        format!("line {line} is not TOML: {message}")
    })?;
    let one = |value: &toml::Value| match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        _ => None,
    };
    let all = |value: &toml::Value| match value {
        toml::Value::Array(values) => values.iter().map(one).collect(),
        value => one(value).map(|value| vec![value]),
    };
    table
        .iter()
        .map(|(key, value)| match all(value) {
            Some(values) => Ok((key.clone(), values)),
            None if value.is_float() => Err(format!(
                "{key}: {:?}: {NUMBER}",
                value.as_float().unwrap_or_default()
            )),
            None => Err(format!(
                "{key}: a text, a number or a list of these is needed"
            )),
        })
        .collect()
}

/// Reads the values as if they were typed, with nothing else set.
fn check(command: &Command, key: &str, values: &[String]) -> Result<(), String> {
    let known = flags(command)
        .find(|arg| arg.get_long() == Some(key) && !NOT_IN_A_FILE.contains(&key))
        .ok_or(
            "there is no such key; those of `pawl-server --help` are known, without the dashes",
        )?;
    if values.len() > 1 && !matches!(known.get_action(), ArgAction::Append) {
        return Err("one value is needed, not a list".to_owned());
    }
    let alone = Command::new("file").arg(
        known
            .clone()
            .env(Resettable::Reset)
            .default_value(Resettable::Reset),
    );
    let typed = values.iter().map(|value| format!("--{key}={value}"));
    let arguments = std::iter::once("file".to_owned()).chain(typed);
    match alone.try_get_matches_from(arguments) {
        Ok(_) => Ok(()),
        Err(error) => Err(what_is_wrong(&error).unwrap_or_else(|| first_line(&error))),
    }
}

/// What a wrong value is called: the flag or variable, or the place in a command.
fn refusal(error: &clap::Error, command: &Command, arguments: &[OsString]) -> Refusal {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    ) {
        return Refusal::Help(error.render().to_string());
    }
    Refusal::Wrong(match (named(error), what_is_wrong(error)) {
        (Some(flag), Some(why)) => format!("{}: {why}", origin_of(command, &flag, arguments)),
        _ => first_line(error),
    })
}

/// The flag that an error is about, without its value, or the place in a command.
fn named(error: &clap::Error) -> Option<String> {
    match error.get(ContextKind::InvalidArg)? {
        ContextValue::String(arg) => {
            let flag = arg.split_whitespace().next()?;
            Some(flag.to_owned())
        }
        _ => None,
    }
}

/// What is wrong with a value, where it is a value that is wrong.
fn what_is_wrong(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else {
        return None;
    };
    let why = match std::error::Error::source(error) {
        // A range has its own words; a text that is no number has only the parser's.
        Some(source) if source.is::<std::num::ParseIntError>() => NUMBER.to_owned(),
        Some(source) => source.to_string(),
        None if value.is_empty() => "a value is needed".to_owned(),
        None => choices(error)?,
    };
    Some(format!("{value:?}: {why}"))
}

fn choices(error: &clap::Error) -> Option<String> {
    match error.get(ContextKind::ValidValue)? {
        ContextValue::Strings(known) => Some(format!("one of {} is needed", known.join(", "))),
        _ => None,
    }
}

/// The flag or the variable, whichever the value came from.
fn origin_of(command: &Command, flag: &str, arguments: &[OsString]) -> String {
    let typed = arguments.iter().filter_map(|argument| argument.to_str());
    let is_typed = typed
        .map(|argument| argument.split('=').next().unwrap_or_default())
        .any(|name| name == flag);
    let arg = flags(command).find(|arg| arg.get_long() == flag.strip_prefix("--"));
    match arg.and_then(Arg::get_env).and_then(OsStr::to_str) {
        Some(variable) if !is_typed && std::env::var_os(variable).is_some() => variable.to_owned(),
        _ => flag.to_owned(),
    }
}

/// What clap says, as one line, with what it would have understood.
pub(super) fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let meant = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand]
        .into_iter()
        .find_map(|kind| match error.get(kind)? {
            ContextValue::String(one) => Some(one.clone()),
            ContextValue::Strings(all) => all.first().cloned(),
            _ => None,
        });
    match meant {
        Some(meant) => format!("{line}; {meant} is known"),
        None => format!("{line}; see pawl-server --help"),
    }
}
