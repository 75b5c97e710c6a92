//! An account: made, and known to the relay when this ends. One whose registration was cut short goes on.

use pawl_client::{Command, CommandError, Event, Phase};
use serde_json::json;

use crate::args::Place;
use crate::clock;
use crate::driver::{self, Driver};
use crate::failure::{Code, Failure};
use crate::output::Output;
use crate::relay::RelayAddress;
use crate::store::{Kind, Store};

pub(super) async fn run(
    place: &Place,
    output: &Output,
    username: String,
    relay: Option<RelayAddress>,
    invite: Option<String>,
) -> Result<(), Failure> {
    let store = match place.find()? {
        Some(store) => store,
        None => {
            // Before a passphrase is asked for.
            needed(relay.as_ref())?;
            let secret = place.secret().new_one()?;
            Store::create(&place.path()?, Kind::Store, &secret)?
        }
    };
    let kept = driver::kept_relay(&store)?;
    let relay = needed(relay.as_ref().or(kept.as_ref()))?.clone();
    let mut driver = Driver::load(store, relay.clone())?;
    if kept.as_ref() != Some(&relay) {
        let has_account = !matches!(driver.engine().snapshot().phase, Phase::NoAccount { .. });
        if has_account && kept.is_some() {
            return Err(Failure::usage(
                "the account in this store is on another relay",
            ));
        }
        driver::keep_relay(driver.store_mut(), &relay)?;
    }
    let done = register(&mut driver, place.timeout, username, invite).await;
    if done.is_ok() {
        settle(&mut driver, place.timeout).await?;
    }
    let engine = driver.engine();
    let safe = match engine.snapshot().phase {
        Phase::Ready { username } => Some(username),
        _ => None,
    };
    driver.finish().await;
    done?;
    match (output.is_json(), safe) {
        (true, Some(username)) => {
            output.json(&json!({ "type": "registered", "username": username }))
        }
        (false, Some(username)) => output.line(&format!("you are {}", output.bold(&username))),
        (_, None) => Ok(()),
    }
}

fn needed(relay: Option<&RelayAddress>) -> Result<&RelayAddress, Failure> {
    relay.ok_or_else(|| {
        Failure::usage("a new store needs --relay, for example --relay https://chat.example.org")
    })
}

async fn register(
    driver: &mut Driver,
    timeout: u64,
    username: String,
    invite: Option<String>,
) -> Result<(), Failure> {
    let asked = match driver.engine().snapshot().phase {
        Phase::NoAccount { .. } => Some(driver.ask(Command::CreateAccount { username, invite })?),
        // It was cut short after it was written: it goes on by itself.
        Phase::Registering { username: known } if known == username.to_ascii_lowercase() => None,
        Phase::Registering { .. } | Phase::Ready { .. } => {
            return Err(CommandError::AccountExists.into());
        }
    };
    let deadline = clock::deadline(timeout);
    while let Some(event) = driver.next_until(deadline).await? {
        match event {
            Some(Event::CommandDone { id, error })
                if asked.as_ref().is_none_or(|asked| *asked == id) =>
            {
                return match error {
                    None => Ok(()),
                    Some(CommandError::Offline) => Err(driver.unreachable("")),
                    Some(error) => Err(error.into()),
                };
            }
            _ => {}
        }
    }
    Err(driver.unreachable("; the same command goes on with it"))
}

/// Whoever writes first finds this device's keys at the relay.
async fn settle(driver: &mut Driver, timeout: u64) -> Result<(), Failure> {
    let deadline = clock::deadline(timeout);
    while !driver.is_idle() {
        match driver.next_until(deadline).await {
            Ok(Some(_)) => {}
            Ok(None) => break,
            // The account is there; its keys follow with the next command.
            Err(failure) if matches!(failure.code, Code::Interrupted | Code::Terminated) => break,
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}
