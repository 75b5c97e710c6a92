//! Codes of the engine in words.

use pawl_client::{AlertCode, IdentityState, NoticeCause};

/// A line that is not a message; `times` is how often the name has changed hands, where it stands for several.
pub(crate) fn notice(cause: NoticeCause, name: &str, times: u32) -> String {
    let text = notice_cause(cause, name);
    match times {
        0 => text,
        times => format!("{text}; the name has changed hands {times} times in a row"),
    }
}

fn notice_cause(cause: NoticeCause, name: &str) -> String {
    match cause {
        NoticeCause::IdentityChanged => format!(
            "{name}'s identity has changed; nothing goes to them before `pawl accept {name}`, and \
             `pawl verify {name}` shows what the new one writes"
        ),
        NoticeCause::IdentityReturned => {
            format!("{name} has the identity of before again; what stands above may be another's")
        }
        NoticeCause::Returned => format!("{name} has the identity of before again"),
        NoticeCause::ReturnedAndDropped => format!(
            "{name} has the identity of before again; what another one wrote in that name was dropped"
        ),
        NoticeCause::OthersDropped => {
            format!("what further ones had written in the name of {name} was dropped")
        }
        NoticeCause::KeysGone => "a message came for keys that this device no longer has".into(),
        NoticeCause::Unreadable => "a message came that does not open".into(),
        NoticeCause::NewerVersion => "a message came in a format of a newer version".into(),
        NoticeCause::Damaged => "a record of this store is damaged".into(),
        NoticeCause::SentAgain => {
            format!("{name}'s device no longer had what it had, and was sent it again")
        }
    }
}

/// Something that nobody asked for and everybody must know.
pub(crate) fn alert(alert: &AlertCode) -> String {
    match alert {
        AlertCode::KeysRefused { username } => {
            format!("the keys that {username} has at the relay are not signed as they must be; nothing was sent")
        }
        AlertCode::DevicesRefused { username } => format!(
            "the list of {username}'s devices at the relay is not the newest one known here; nothing was sent"
        ),
        AlertCode::ImpostorRefused { username } => {
            format!("someone wrote as {username} whose name the relay says it is not; not shown")
        }
        AlertCode::StrangersRefused => {
            "more strangers wrote than can be looked up at once; some were refused".into()
        }
        AlertCode::StrangersWait => {
            "strangers wrote for whom there is no place now; what they wrote waits in this store".into()
        }
        AlertCode::HandshakeRefused { username } => {
            let who = username.as_deref().unwrap_or("somebody");
            format!("{who} began to write anew more often than can be told from repetitions; refused")
        }
        AlertCode::MailboxFull { username } => {
            format!("{username}'s mailbox is full; the messages go on trying")
        }
        AlertCode::PrekeysLost => "the relay loses this device's keys time and again".into(),
        AlertCode::MailMisnumbered => {
            "the relay numbered a message as none can be; connecting again, nothing is lost".into()
        }
        AlertCode::DeviceUnknown => "the relay does not know this device (any more)".into(),
        AlertCode::VersionMismatch => "the relay speaks another version".into(),
        AlertCode::Replaced => {
            "another device connects with these very keys: a copy of this store, or a restored backup".into()
        }
        AlertCode::StoreFull => "the store has no room".into(),
        AlertCode::RecordCorrupted { username: None } => {
            "a record of this store cannot be read; the rest works".into()
        }
        AlertCode::RecordCorrupted {
            username: Some(name),
        } => format!("a record about {name} cannot be read; the rest works"),
    }
}

/// What is known of somebody's identity.
pub(crate) fn identity(state: IdentityState) -> &'static str {
    match state {
        IdentityState::Unverified => "unverified",
        IdentityState::Verified => "verified",
        IdentityState::Changed => "CHANGED",
    }
}
