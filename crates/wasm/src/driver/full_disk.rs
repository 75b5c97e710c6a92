//! A disk without room: what was asked is refused, and after a while it is tried again.
//! ARCHITECTURE.md "Durability".

use pawl_client::{AlertCode, CommandError, CommandId, Event};

use super::sink::Sink;

/// Milliseconds after which it is tried whether there is room again.
pub(super) const FULL_RETRY_MS: u32 = 15_000;

/// Says that there is no room, and that these commands were not carried out.
pub(super) fn refuse(sink: &dyn Sink, open: Vec<CommandId>) {
    let alert = AlertCode::StoreFull;
    let refused = open.into_iter().map(|id| {
        let error = Some(CommandError::StoreFailed);
        Event::CommandDone { id, error }
    });
    let events: Vec<_> = [Event::Alert { alert }]
        .into_iter()
        .chain(refused)
        .collect();
    sink.show(&events);
}
