//! How the tabs of one browser profile speak to each other: one BroadcastChannel, a handful of
//! messages. One tab leads and owns the engine; the others pass on what their pages ask, unread.
//! Nothing is remembered here: whatever is unanswered when a leader dies, the pages ask again under
//! the same id (web/src/worker/rpc.ts). ARCHITECTURE.md "Tabs".

use std::rc::Rc;

use pawl_client::{CommandId, whole};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BroadcastChannel, MessageEvent};

use crate::js::{field, object, text};

/// Rises with every change to [`TabMessage`], to the engine's commands, queries and events or to the
/// store's schema: a tab that hears a higher one steps aside and says that it is outdated.
pub const VERSION: u32 = 5;

/// A message between tabs. What pages and engine say to each other goes through it as it is.
pub(crate) enum TabMessage {
    /// Is there a leader?
    Hello,
    /// Here.
    Leader,
    /// To the leader.
    Command { id: CommandId, command: JsValue },
    /// To the leader; `from` and `id` come back in the reply.
    Query {
        from: String,
        id: u32,
        query: JsValue,
    },
    /// To the leader: what bears on the connection.
    Hint { hint: String },
    /// From the leader, to all: what a step shows.
    Events { events: JsValue },
    /// From the leader, to one.
    Reply { to: String, id: u32, reply: JsValue },
}

impl TabMessage {
    fn to_js(&self, epoch: Option<f64>) -> JsValue {
        let (kind, fields) = match self {
            Self::Hello => ("hello", vec![]),
            Self::Leader => ("leader", vec![]),
            Self::Command { id, command } => (
                "command",
                vec![("id", id.into()), ("command", command.clone())],
            ),
            Self::Query { from, id, query } => {
                let asker = [("from", from.into()), ("id", (*id).into())];
                ("query", [&asker[..], &[("query", query.clone())]].concat())
            }
            Self::Hint { hint } => ("hint", vec![("hint", hint.into())]),
            Self::Events { events } => ("events", vec![("events", events.clone())]),
            Self::Reply { to, id, reply } => {
                let asker = [("to", to.into()), ("id", (*id).into())];
                ("reply", [&asker[..], &[("reply", reply.clone())]].concat())
            }
        };
        let head = [
            ("version", VERSION.into()),
            ("epoch", epoch.into()),
            ("type", kind.into()),
        ];
        object(&[&head[..], &fields].concat()).into()
    }

    fn from_js(message: &JsValue) -> Option<Self> {
        let get = |name| field(message, name);
        let text = |name| text(message, name);
        let number = || u32::try_from(whole(get("id")?.as_f64()?)?).ok();
        Some(match text("type")?.as_str() {
            "hello" => Self::Hello,
            "leader" => Self::Leader,
            "command" => Self::Command {
                id: text("id")?,
                command: get("command")?,
            },
            "query" => Self::Query {
                from: text("from")?,
                id: number()?,
                query: get("query")?,
            },
            "hint" => Self::Hint {
                hint: text("hint")?,
            },
            "events" => Self::Events {
                events: get("events")?,
            },
            "reply" => Self::Reply {
                to: text("to")?,
                id: number()?,
                reply: get("reply")?,
            },
            _ => return None,
        })
    }
}

/// What was heard on the channel.
pub(crate) enum ChannelMessage {
    /// From a tab of this version. `epoch` is the number of its engine, where it leads and has one: an
    /// older one than was heard before is of a tab that leads no longer and has not noticed.
    Current {
        epoch: Option<f64>,
        message: TabMessage,
    },
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
    /// Joins the channel `name`.
    pub(crate) fn join(name: &str, listen: Rc<dyn Fn(ChannelMessage)>) -> Result<Self, JsValue> {
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

    /// Whether a channel can be joined at all: Firefox refuses where the user has blocked site data.
    pub(crate) fn allowed() -> bool {
        BroadcastChannel::new("pawl-allowed")
            .map(|probe| probe.close())
            .is_ok()
    }

    /// `epoch`: the number of this tab's engine, where it leads.
    pub(crate) fn say(&self, epoch: Option<f64>, message: &TabMessage) {
        // It fails only on a closed channel: then this tab is going away.
        let _ = self.inner.post_message(&message.to_js(epoch));
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.inner.set_onmessage(None);
        self.inner.close();
    }
}

/// Reads the version before anything else: another version's messages mean nothing here.
fn read(message: &JsValue) -> Option<ChannelMessage> {
    let version = field(message, "version")?.as_f64()?;
    if version > f64::from(VERSION) {
        return Some(ChannelMessage::Newer);
    }
    if version < f64::from(VERSION) {
        return Some(ChannelMessage::Older);
    }
    let epoch = field(message, "epoch").and_then(|epoch| epoch.as_f64());
    TabMessage::from_js(message).map(|message| ChannelMessage::Current { epoch, message })
}
