//! A conversation as it stands in the store. Asks nobody, and changes nothing of what was printed.

use pawl_client::Phase;

use crate::args::Place;
use crate::failure::Failure;
use crate::output::Output;

pub(super) fn run(
    place: &Place,
    output: &Output,
    username: &str,
    limit: u32,
) -> Result<(), Failure> {
    let driver = place.driver()?;
    let name = driver.username(username)?;
    let conversation = driver.conversation(&name)?;
    let engine = driver.engine();
    let (lower, upper) = engine.history_range(conversation, None)?;
    let own = match engine.snapshot().phase {
        Phase::Ready { username } | Phase::Registering { username } => username,
        Phase::NoAccount { .. } => String::new(),
    };
    for (key, record) in driver.store().newest(&lower, &upper, limit)?.iter().rev() {
        let record = record.as_ref().map(|record| record.as_slice());
        let line = engine.message_view(key, record);
        let from = if line.mine { &own } else { &name };
        output.message(conversation, from, &line)?;
    }
    Ok(())
}
