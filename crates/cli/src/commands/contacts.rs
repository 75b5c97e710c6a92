//! Who is in this store. Asks nobody.

use pawl_client::IdentityState;
use serde::Serialize;

use crate::args::Place;
use crate::failure::Failure;
use crate::output::Output;
use crate::words;

/// Somebody, as JSON.
#[derive(Serialize)]
#[serde(tag = "type", rename = "contact", rename_all = "camelCase")]
struct Contact<'a> {
    username: &'a str,
    identity: IdentityState,
    unread: u32,
    active_at: u64,
}

pub(super) fn run(place: &Place, output: &Output) -> Result<(), Failure> {
    let driver = place.driver()?;
    for person in driver.engine().snapshot().conversations {
        if output.is_json() {
            output.json(&Contact {
                username: &person.username,
                identity: person.identity,
                unread: person.unread,
                active_at: person.active_at,
            })?;
            continue;
        }
        let name = output.bold(&person.username);
        let identity = words::identity(person.identity);
        match person.unread {
            0 => output.line(&format!("{name}  {identity}"))?,
            unread => output.line(&format!("{name}  {identity}  {unread} new"))?,
        }
    }
    Ok(())
}
