//! A law that holds in every test: what a page was told last of a conversation is what the engine says
//! when it is asked.

use std::collections::BTreeMap;

use pawl_client::{ConversationView, Engine, Event};

/// The conversations of a page that hears every event, from when its engine began.
#[derive(Default)]
pub struct Told(BTreeMap<String, ConversationView>);

impl Told {
    /// Takes what the engine shows.
    pub fn hear(&mut self, events: &[Event]) {
        for event in events {
            if let Event::ConversationChanged { conversation } = event {
                let name = conversation.username.clone();
                self.0.insert(name, conversation.clone());
            }
        }
    }

    /// # Panics
    /// Where a page was told something else than the engine says.
    pub fn compare(&self, engine: &Engine) {
        for view in engine.snapshot().conversations {
            if let Some(told) = self.0.get(&view.username) {
                assert_eq!(summary(told), summary(&view), "told, and so");
                assert!(*told == view, "{} is not what was told", view.username);
            }
        }
    }
}

/// The parts that change most.
fn summary(view: &ConversationView) -> (&str, u32, Option<pawl_client::MessageStatus>) {
    (&view.preview, view.unread, view.preview_status)
}
