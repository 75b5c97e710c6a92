//! Whatever a page can ask arrives as it was meant, and nothing else arrives at all.

use pawl_client::{Command, ConversationId, FromFields, Hint, Malformed, Query};
use pawl_wasm::page::decode;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

/// As the generated types describe it.
fn to_js(value: &impl serde::Serialize) -> JsValue {
    let serializer = Serializer::new().serialize_missing_as_null(true);
    value.serialize(&serializer).expect("a plain type")
}

fn conversation() -> ConversationId {
    let id = "AAAQEAYEAUDAOCAJBIFQYDIOB4".parse();
    id.expect("an id")
}

/// One of each kind. A new kind must be added here: the match does not compile without it.
fn commands() -> Vec<Command> {
    let conversation = conversation();
    let text = String::from("hé 👋");
    let all = vec![
        Command::CreateAccount {
            username: "alice".into(),
            invite: None,
        },
        Command::CreateAccount {
            username: "alice".into(),
            invite: Some("code".into()),
        },
        Command::StartConversation {
            username: String::new(),
        },
        Command::SendText {
            conversation,
            text: text.clone(),
        },
        Command::RetryMessage {
            conversation,
            position: 0,
        },
        Command::SaveDraft { conversation, text },
        Command::MarkRead {
            conversation,
            through: (1 << 53) - 1,
        },
        Command::MarkVerified {
            conversation,
            verified: true,
            number: vec![0, 1, 255],
        },
        Command::AcceptIdentity {
            conversation,
            number: Vec::new(),
        },
    ];
    all.iter().for_each(|command| match command {
        Command::CreateAccount { .. }
        | Command::StartConversation { .. }
        | Command::SendText { .. }
        | Command::RetryMessage { .. }
        | Command::SaveDraft { .. }
        | Command::MarkRead { .. }
        | Command::MarkVerified { .. }
        | Command::AcceptIdentity { .. } => {}
    });
    all
}

fn queries() -> Vec<Query> {
    let history = |before| Query::History {
        conversation: conversation(),
        before,
        limit: 100,
    };
    let all = vec![
        Query::Snapshot,
        history(None),
        history(Some(7)),
        Query::SafetyNumber {
            conversation: conversation(),
        },
    ];
    all.iter().for_each(|query| match query {
        Query::Snapshot | Query::History { .. } | Query::SafetyNumber { .. } => {}
    });
    all
}

#[wasm_bindgen_test]
fn every_command_and_query_arrives_as_it_was_meant() {
    for command in commands() {
        assert!(decode::question(&to_js(&command)) == Ok(command));
    }
    for query in queries() {
        assert_eq!(decode::question(&to_js(&query)), Ok(query));
    }
}

#[wasm_bindgen_test]
fn every_hint_arrives_as_it_was_meant() {
    for (name, hint) in [
        ("networkUp", Hint::NetworkUp),
        ("networkDown", Hint::NetworkDown),
        ("watched", Hint::Watched),
        ("nudged", Hint::Nudged),
        ("tryNow", Hint::TryNow),
    ] {
        assert_eq!(decode::hint(name), Ok(hint));
    }
    assert_eq!(decode::hint("tryLater"), Err(Malformed { field: "type" }));
}

/// The field that is named where a question of this kind is not understood.
fn named<T: FromFields>(json: &str) -> Option<&'static str> {
    let asked = js_sys::JSON::parse(json).expect("a JSON text");
    let malformed = decode::question::<T>(&asked).err();
    malformed.map(|malformed| malformed.field)
}

#[wasm_bindgen_test]
fn what_no_page_can_mean_is_not_guessed() {
    for (field, json) in [
        ("type", "null"),
        ("type", "7"),
        ("type", r#"{"type":7}"#),
        ("type", r#"{"type":"noSuchThing"}"#),
        (
            "type",
            r#"{"type":"SendText","conversation":"AAAQEAYEAUDAOCAJBIFQYDIOB4","text":"x"}"#,
        ),
        ("username", r#"{"type":"createAccount","invite":null}"#),
        (
            "invite",
            r#"{"type":"createAccount","username":"alice","invite":7}"#,
        ),
        (
            "text",
            r#"{"type":"sendText","conversation":"AAAQEAYEAUDAOCAJBIFQYDIOB4"}"#,
        ),
        (
            "conversation",
            r#"{"type":"sendText","conversation":7,"text":"x"}"#,
        ),
        (
            "conversation",
            r#"{"type":"sendText","conversation":"bob","text":"x"}"#,
        ),
        (
            "conversation",
            r#"{"type":"sendText","conversation":"aaaqeayeaudaocajbifqydiob4","text":"x"}"#,
        ),
        (
            "through",
            r#"{"type":"markRead","conversation":"AAAQEAYEAUDAOCAJBIFQYDIOB4","through":-1}"#,
        ),
        (
            "through",
            r#"{"type":"markRead","conversation":"AAAQEAYEAUDAOCAJBIFQYDIOB4","through":1.5}"#,
        ),
        (
            "through",
            r#"{"type":"markRead","conversation":"AAAQEAYEAUDAOCAJBIFQYDIOB4","through":9007199254740992}"#,
        ),
        (
            "verified",
            r#"{"type":"markVerified","conversation":"AAAQEAYEAUDAOCAJBIFQYDIOB4","verified":"yes","number":[1]}"#,
        ),
        (
            "number",
            r#"{"type":"markVerified","conversation":"AAAQEAYEAUDAOCAJBIFQYDIOB4","verified":true}"#,
        ),
        (
            "number",
            r#"{"type":"acceptIdentity","conversation":"AAAQEAYEAUDAOCAJBIFQYDIOB4","number":"1"}"#,
        ),
    ] {
        assert_eq!(named::<Command>(json), Some(field), "{json}");
    }
    for (field, json) in [
        ("type", "{}"),
        (
            "limit",
            r#"{"type":"history","conversation":"AAAQEAYEAUDAOCAJBIFQYDIOB4","limit":4294967296}"#,
        ),
        (
            "before",
            r#"{"type":"history","conversation":"AAAQEAYEAUDAOCAJBIFQYDIOB4","before":"7","limit":1}"#,
        ),
    ] {
        assert_eq!(named::<Query>(json), Some(field), "{json}");
    }
}
