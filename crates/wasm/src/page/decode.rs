//! What a page asks, read from JavaScript by hand: web/src/generated/types.ts holds pages to these
//! shapes. serde's decoders for tagged enums would be a tenth of what a first visit loads, and most
//! of what they tell apart cannot occur here.

use js_sys::{Array, Uint8Array};
use pawl_client::{Command, Hint, Query};
use wasm_bindgen::JsValue;

use crate::driver::Config;
use crate::js::field;

/// The database's name; tests have their own.
const DATABASE: &str = "pawl";

/// Largest whole number that JavaScript tells from its neighbours.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// Where the engine runs, from `{ authority, wsUrl, dbName? }`.
pub(crate) fn config(asked: &JsValue) -> Option<Config> {
    Some(Config {
        authority: text(asked, "authority")?,
        ws_url: text(asked, "wsUrl")?,
        db_name: text(asked, "dbName").unwrap_or_else(|| DATABASE.into()),
    })
}

/// A command; nothing where it is not one.
#[must_use]
pub fn command(asked: &JsValue) -> Option<Command> {
    let conversation = || text(asked, "conversation");
    Some(match text(asked, "type")?.as_str() {
        "createAccount" => Command::CreateAccount {
            username: text(asked, "username")?,
            invite: text(asked, "invite"),
        },
        "startConversation" => Command::StartConversation {
            username: text(asked, "username")?,
        },
        "sendText" => Command::SendText {
            conversation: conversation()?,
            text: text(asked, "text")?,
        },
        "retryMessage" => Command::RetryMessage {
            conversation: conversation()?,
            position: whole(asked, "position")?,
        },
        "saveDraft" => Command::SaveDraft {
            conversation: conversation()?,
            text: text(asked, "text")?,
        },
        "markRead" => Command::MarkRead {
            conversation: conversation()?,
            through: whole(asked, "through")?,
        },
        "markVerified" => Command::MarkVerified {
            conversation: conversation()?,
            verified: field(asked, "verified")?.as_bool()?,
            number: bytes(asked, "number")?,
        },
        "acceptIdentity" => Command::AcceptIdentity {
            conversation: conversation()?,
            number: bytes(asked, "number")?,
        },
        _ => return None,
    })
}

/// A query; nothing where it is not one.
#[must_use]
pub fn query(asked: &JsValue) -> Option<Query> {
    Some(match text(asked, "type")?.as_str() {
        "snapshot" => Query::Snapshot,
        "history" => Query::History {
            conversation: text(asked, "conversation")?,
            before: whole(asked, "before"),
            limit: u32::try_from(whole(asked, "limit")?).ok()?,
        },
        "safetyNumber" => Query::SafetyNumber {
            conversation: text(asked, "conversation")?,
        },
        _ => return None,
    })
}

/// What bears on the connection; nothing where it is not known.
#[must_use]
pub fn hint(name: &str) -> Option<Hint> {
    Some(match name {
        "networkUp" => Hint::NetworkUp,
        "networkDown" => Hint::NetworkDown,
        "watched" => Hint::Watched,
        "nudged" => Hint::Nudged,
        "tryNow" => Hint::TryNow,
        _ => return None,
    })
}

/// A field that is a string.
pub(crate) fn text(object: &JsValue, name: &str) -> Option<String> {
    field(object, name)?.as_string()
}

/// A field that is an array of numbers, each taken as a byte.
fn bytes(object: &JsValue, name: &str) -> Option<Vec<u8>> {
    let array = field(object, name)?;
    Array::is_array(&array).then(|| Uint8Array::new(&array).to_vec())
}

/// A field that is a whole number, not below zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole and in range"
)]
pub(crate) fn whole(object: &JsValue, name: &str) -> Option<u64> {
    let number = field(object, name)?.as_f64()?;
    (number.fract() == 0.0 && (0.0..=MAX_SAFE).contains(&number)).then_some(number as u64)
}
