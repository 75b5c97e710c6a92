//! Safety numbers: shown, compared, accepted. What is marked is the number that was given, and no other that may
//! have taken its place.

use pawl_client::{
    Command, CommandError, ConversationId, IdentityState, MessageView, SafetyNumberView,
};
use serde::Serialize;

use super::errand::Errand;
use crate::args::Place;
use crate::clock;
use crate::driver::Driver;
use crate::failure::{Code, Failure};
use crate::output::Output;
use crate::words;

/// Groups of digits in one line.
const GROUPS: usize = 4;

/// A number, as JSON.
#[derive(Serialize)]
#[serde(tag = "type", rename = "safetyNumber", rename_all = "camelCase")]
struct Shown<'a> {
    conversation: ConversationId,
    username: &'a str,
    number: String,
    identity: IdentityState,
    messages: &'a [MessageView],
}

pub(super) async fn run(
    place: &Place,
    output: &Output,
    username: &str,
    number: Option<String>,
    undo: bool,
) -> Result<(), Failure> {
    let mut driver = place.driver()?;
    let name = driver.username(username)?;
    if driver.engine().conversation_with(&name).is_none() {
        meet(&mut driver, &name, place.timeout).await?;
    }
    let conversation = driver.conversation(&name)?;
    let known = driver.engine().safety_number(conversation)?;
    if number.is_some() || undo {
        if let Some(number) = number {
            compare(&known, &number)?;
        }
        driver.carry_out(Command::MarkVerified {
            conversation,
            verified: !undo,
            number: known.qr,
        })?;
    }
    let known = driver.engine().safety_number(conversation)?;
    show(output, conversation, &name, &known)?;
    driver.finish().await;
    Ok(())
}

/// The changed identity is the one to write to from now on.
pub(super) fn accept(place: &Place, username: &str, number: &str) -> Result<(), Failure> {
    let mut driver = place.driver()?;
    let name = driver.username(username)?;
    let conversation = driver.conversation(&name)?;
    let known = driver.engine().safety_number(conversation)?;
    compare(&known, number)?;
    if known.identity != IdentityState::Changed {
        return Err(Failure::usage(format!("{name}'s identity has not changed")));
    }
    driver.carry_out(Command::AcceptIdentity {
        conversation,
        number: known.qr,
    })
}

/// Whoever is not known yet is looked up.
async fn meet(driver: &mut Driver, name: &str, timeout: u64) -> Result<(), Failure> {
    let mut errand = Errand::new(name);
    let deadline = clock::deadline(timeout);
    while !errand.is_open() {
        match driver.next_until(deadline).await? {
            None => return Err(driver.unreachable("")),
            Some(None) => errand.go_on(driver)?,
            Some(Some(event)) => errand.on_event(driver, &event)?,
        }
    }
    Ok(())
}

fn compare(known: &SafetyNumberView, given: &str) -> Result<(), Failure> {
    let digits: String = given.split_whitespace().collect();
    let is_number = digits.len() == known.groups.concat().len()
        && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number {
        return Err(CommandError::NotASafetyNumber.into());
    }
    match digits == known.groups.concat() {
        true => Ok(()),
        false => Err(Failure::new(
            Code::Identity,
            "the numbers differ: do not trust this conversation before you know why",
        )),
    }
}

fn show(
    output: &Output,
    conversation: ConversationId,
    name: &str,
    known: &SafetyNumberView,
) -> Result<(), Failure> {
    if output.is_json() {
        return output.json(&Shown {
            conversation,
            username: name,
            number: known.groups.concat(),
            identity: known.identity,
            messages: &known.messages,
        });
    }
    let identity = words::identity(known.identity);
    output.line(&format!("{}  {identity}", output.bold(name)))?;
    known
        .groups
        .chunks(GROUPS)
        .try_for_each(|groups| output.line(&groups.join(" ")))?;
    if known.messages.is_empty() {
        return Ok(());
    }
    output.line(&format!("Messages from the new key of {name}:"))?;
    let mut messages = known.messages.iter();
    messages.try_for_each(|message| output.message(conversation, name, message))
}
