//! How the tabs of one browser profile speak to each other: one BroadcastChannel, a handful of
//! messages. One tab leads and owns the engine; the others pass on what their pages ask. Nothing is
//! remembered here: whatever is unanswered when a leader dies, the pages ask again under the same id
//! (web/src/worker/rpc.ts). ARCHITECTURE.md "Tabs".

use std::rc::Rc;

use js_sys::Reflect;
use pawl_client::{Command, CommandId, Event, Query, QueryReply};
use serde::{Deserialize, Serialize};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BroadcastChannel, MessageEvent};

use crate::values::{from_js, to_js};

/// Rises with every change to [`TabMessage`], [`Command`], [`Query`], [`Event`] or the store's schema:
/// a tab that hears a higher one steps aside and says that it is outdated.
pub(crate) const VERSION: u32 = 1;

/// A message between tabs.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(crate) enum TabMessage {
    /// Is there a leader?
    Hello,
    /// Here; `epoch` is the number of its engine, nothing while it is being loaded.
    Leader { epoch: Option<u64> },
    /// To the leader.
    Command { id: CommandId, command: Command },
    /// To the leader; `from` and `id` come back in the reply.
    Query { from: String, id: u32, query: Query },
    /// To the leader: the machine may have a network again.
    NetworkUp,
    /// From the leader, to all.
    Event { event: Event },
    /// From the leader, to one.
    Reply {
        to: String,
        id: u32,
        reply: QueryReply,
    },
}

#[derive(Serialize)]
struct Envelope<'a> {
    version: u32,
    body: &'a TabMessage,
}

/// What was heard on the channel.
pub(crate) enum Heard {
    /// From a tab of this version.
    Message(TabMessage),
    /// A tab of a newer version is there.
    Newer,
    /// A tab of an older version is there.
    Older,
}

/// This tab's end of the channel.
pub(crate) struct Channel {
    inner: BroadcastChannel,
    _listener: Closure<dyn FnMut(MessageEvent)>,
}

impl Channel {
    /// Whether a channel can be joined at all: Firefox refuses where the user has blocked site data.
    pub(crate) fn allowed() -> bool {
        BroadcastChannel::new("pawl-allowed")
            .map(|probe| probe.close())
            .is_ok()
    }

    /// Joins the channel `name`.
    pub(crate) fn join(name: &str, listen: Rc<dyn Fn(Heard)>) -> Result<Self, JsValue> {
        let inner = BroadcastChannel::new(name)?;
        let listener = Closure::new(move |event: MessageEvent| {
            if let Some(heard) = read(&event.data()) {
                listen(heard);
            }
        });
        inner.set_onmessage(Some(listener.as_ref().unchecked_ref()));
        Ok(Self {
            inner,
            _listener: listener,
        })
    }

    pub(crate) fn say(&self, message: &TabMessage) {
        let envelope = Envelope {
            version: VERSION,
            body: message,
        };
        // It fails only on a closed channel: then this tab is going away.
        let _ = self.inner.post_message(&to_js(&envelope));
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.inner.set_onmessage(None);
        self.inner.close();
    }
}

/// Reads the version before anything else: another version's messages mean nothing here.
fn read(data: &JsValue) -> Option<Heard> {
    let field = |name: &str| Reflect::get(data, &name.into()).ok();
    let version = field("version")?.as_f64()?;
    if version > f64::from(VERSION) {
        return Some(Heard::Newer);
    }
    if version < f64::from(VERSION) {
        return Some(Heard::Older);
    }
    from_js(field("body")?).ok().map(Heard::Message)
}
