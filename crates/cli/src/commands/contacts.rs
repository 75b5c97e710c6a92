//! Who is in this store. Asks nobody.

use pawl_client::{ConversationId, IdentityState};
use serde::Serialize;

use crate::args::Place;
use crate::failure::Failure;
use crate::output::Output;
use crate::words;

/// Somebody, as JSON.
#[derive(Serialize)]
#[serde(tag = "type", rename = "contact", rename_all = "camelCase")]
struct Contact<'a> {
    conversation: ConversationId,
    username: &'a str,
    identity: IdentityState,
    was_verified: bool,
    set_aside: u32,
    unread: u32,
    active_at: u64,
}

pub(super) fn run(place: &Place, output: &Output) -> Result<(), Failure> {
    let driver = place.driver()?;
    for person in driver.engine().snapshot().conversations {
        if output.is_json() {
            output.json(&Contact {
                conversation: person.id,
                username: &person.username,
                identity: person.identity,
                was_verified: person.was_verified,
                set_aside: person.set_aside,
                unread: person.unread,
                active_at: person.active_at,
            })?;
            continue;
        }
        let name = output.bold(&person.username);
        let mut line = format!("{name}  {}", words::identity(person.identity));
        if person.was_verified {
            line.push_str("  was verified");
        }
        for (count, word) in [(person.set_aside, "to review"), (person.unread, "new")] {
            if count > 0 {
                line = format!("{line}  {count} {word}");
            }
        }
        output.line(&line)?;
    }
    Ok(())
}
