//! tests/vectors/conversation_ids.json against `ConversationId`. The independent checker computes the
//! same ids on its own.

use pawl_protocol::AccountKey;
use serde_json::Value;

use crate::ids::{ConversationId, NotAConversationId};

fn cases(list: &str) -> Vec<Value> {
    let text = include_str!("../../../../tests/vectors/conversation_ids.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let cases = file[list].as_array().unwrap().clone();
    assert!(cases.len() >= 2, "{list}");
    cases
}

fn bytes<const LEN: usize>(value: &Value) -> [u8; LEN] {
    let hex = value.as_str().unwrap();
    assert_eq!(hex.len(), 2 * LEN);
    std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
}

/// It is this one, and its text leads back to it.
fn is_stated(id: ConversationId, case: &Value) {
    assert_eq!(*id.as_bytes(), bytes(&case["id"]), "{case}");
    assert_eq!(id.to_string(), case["text"].as_str().unwrap());
    assert_eq!(case["text"].as_str().unwrap().parse(), Ok(id));
}

#[test]
fn ids_are_those_of_the_vectors() {
    for case in cases("of_two") {
        let key = |name: &str| AccountKey::from_bytes(&bytes(&case[name])).unwrap();
        let id = ConversationId::of_two(&key("account"), &key("other_account"));
        is_stated(id, &case);
    }
    for case in cases("taken") {
        is_stated(
            ConversationId::from_bytes(bytes(&case["taken"])).next(),
            &case,
        );
    }
    for case in cases("texts") {
        is_stated(ConversationId::from_bytes(bytes(&case["id"])), &case);
    }
}

#[test]
fn texts_that_are_no_ids_are_refused() {
    for case in cases("refused_texts") {
        let text = case["text"].as_str().unwrap();
        assert_eq!(
            text.parse::<ConversationId>(),
            Err(NotAConversationId),
            "{case}"
        );
    }
}
