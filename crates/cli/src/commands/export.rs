//! Conversations as files that others can read. Asks nobody, and changes nothing in the store.

use std::collections::BTreeSet;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use pawl_client::{ConversationView, Phase};
use serde_json::json;

use super::files::{begin, finish, unfinished, unwritten};
use crate::args::Place;
use crate::driver::Driver;
use crate::failure::{Code, Failure};
use crate::output::Output;
use crate::transcript::{Heading, Json, Text, file_name};

/// Lines that are read from the store at once.
const PAGE: u32 = 500;

pub(super) async fn run(
    place: &Place,
    output: &Output,
    folder: &Path,
    names: &[String],
    overwrite: bool,
) -> Result<(), Failure> {
    let mut driver = place.driver()?;
    let conversations = chosen(&driver, names)?;
    if conversations.is_empty() {
        return match output.is_json() {
            true => Ok(()),
            false => output.line("there are no conversations; nothing was written"),
        };
    }
    let files = |name: &str| {
        let name = file_name(name);
        ["json", "txt"].map(|end| folder.join(format!("{name}.{end}")))
    };
    // Before anything is written.
    let all = conversations.iter().flat_map(|one| files(&one.username));
    if let Some(there) = { all }.find(|file| !overwrite && file.symlink_metadata().is_ok()) {
        let line = "is there already; --overwrite replaces it, and nothing was written";
        return Err(Failure::usage(format!("{} {line}", there.display())));
    }
    make_folder(folder)?;
    for conversation in &conversations {
        let files = files(&conversation.username);
        let lines = export(&mut driver, conversation, &files).await;
        if lines.is_err() {
            for file in &files {
                let _ = std::fs::remove_file(unfinished(file));
            }
        }
        tell(output, conversation, lines?, &files)?;
    }
    Ok(())
}

/// All conversations, or those that were named.
fn chosen(driver: &Driver, names: &[String]) -> Result<Vec<ConversationView>, Failure> {
    let mut all = driver.engine().snapshot().conversations;
    let mut chosen = BTreeSet::new();
    for typed in names {
        let known = driver.username(typed);
        let known = known.and_then(|name| driver.conversation(&name));
        let conversation = known.map_err(|_| {
            let line = format!("there is no conversation with {}", typed.trim_matches(' '));
            Failure::new(Code::Unknown, line)
        })?;
        chosen.insert(conversation);
    }
    all.retain(|one| names.is_empty() || chosen.contains(&one.id));
    Ok(all)
}

/// For the owner alone, where it is not there yet.
fn make_folder(folder: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let made = builder.recursive(true).create(folder);
    made.map_err(|error| Failure::usage(format!("{} cannot be used: {error}", folder.display())))
}

/// Writes a conversation's two files; gives the number of lines.
async fn export(
    driver: &mut Driver,
    conversation: &ConversationView,
    files: &[PathBuf; 2],
) -> Result<u64, Failure> {
    let account = match driver.engine().snapshot().phase {
        Phase::Ready { username } | Phase::Registering { username } => username,
        Phase::NoAccount { .. } => String::new(),
    };
    let ConversationView {
        id,
        username,
        identity,
        draft,
        ..
    } = conversation;
    let heading = Heading::new(&account, username, *id, *identity, draft);
    let [as_json, as_text] = files;
    let failed = |file: &'_ Path| {
        let file = file.to_owned();
        move |error: std::io::Error| unwritten(&file, &error)
    };
    let open = |file: &Path| begin(file).map(BufWriter::new).map_err(failed(file));
    let mut json = Json::begin(&heading, open(as_json)?).map_err(failed(as_json))?;
    let mut text = Text::begin(&heading, open(as_text)?).map_err(failed(as_text))?;
    let (mut lines, mut from) = (0, 0);
    loop {
        driver.look_for_signals().await.map_err(|failure| {
            let line = format!("interrupted; {username} was not exported");
            Failure::new(failure.code, line)
        })?;
        let page = driver.lines(*id, from, PAGE)?;
        for line in &page {
            json.line(line).map_err(failed(as_json))?;
            text.line(line).map_err(failed(as_text))?;
        }
        lines += page.len() as u64;
        match page.last() {
            Some(last) => from = last.position.max(from) + 1,
            None => break,
        }
    }
    json.end().map_err(failed(as_json))?;
    text.end().map_err(failed(as_text))?;
    for file in files {
        finish(file).map_err(failed(file))?;
    }
    Ok(lines)
}

fn tell(
    output: &Output,
    conversation: &ConversationView,
    lines: u64,
    files: &[PathBuf; 2],
) -> Result<(), Failure> {
    let ConversationView { id, username, .. } = conversation;
    let files = files.each_ref().map(|file| file.to_string_lossy());
    if output.is_json() {
        return output.json(&json!({
            "type": "exported", "conversation": username, "conversationId": id, "lines": lines,
            "files": files,
        }));
    }
    let name = output.bold(username);
    output.line(&format!("{name}  {lines} lines  {}", files.join("  ")))
}
