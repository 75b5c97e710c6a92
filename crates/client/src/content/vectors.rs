//! tests/vectors/contents.json against `Content`: every valid plaintext says what is stated and is encoded so
//! again, every other is refused for the stated reason. The independent checker encodes the same fields.

use serde_json::Value;

use crate::content::{Content, ContentError};
use crate::storage::records::tags_to_bytes;

fn file() -> Value {
    serde_json::from_str(include_str!("../../../../tests/vectors/contents.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let hex = value.as_str().unwrap();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn ranges(value: &Value) -> Vec<u64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_u64().unwrap())
        .collect()
}

#[test]
fn every_content_of_the_vectors_says_what_is_stated_and_is_encoded_so_again() {
    let file = file();
    let cases = file["contents"].as_array().unwrap();
    assert!(cases.len() >= 10);
    for case in cases {
        let plaintext = bytes(&case["plaintext"]);
        let (introduction, content) = Content::decode(&plaintext);
        let content = content.unwrap();
        assert_eq!(
            introduction,
            case["introduction"]
                .as_str()
                .map(|_| bytes(&case["introduction"]))
        );
        if let Content::Text(text) = &content {
            assert_eq!(text.number.0.to_string(), case["number"]);
            assert_eq!(text.id[..], bytes(&case["id"]));
            assert_eq!(text.text, case["text"]);
            assert_eq!(text.sent_at.0, case["sent_at"]);
            assert_eq!(text.after.0, case["after"].as_u64().unwrap_or(0));
        }
        if let Content::Receipt(receipt) = &content {
            assert_eq!(receipt.delivered.to_fields(), ranges(&case["delivered"]));
            assert_eq!(receipt.read.to_fields(), ranges(&case["read"]));
            let asked = [receipt.ask, u64::from(receipt.rounds), receipt.echo];
            assert_eq!(
                asked,
                ["ask", "rounds", "echo"].map(|n| case[n].as_u64().unwrap_or(0))
            );
            let tags = tags_to_bytes(&receipt.unreadable);
            assert_eq!(
                tags,
                case["unreadable"]
                    .as_str()
                    .map_or(Vec::new(), |_| bytes(&case["unreadable"]))
            );
        }
        let again = content.encode(introduction.as_deref());
        assert_eq!(*again, plaintext, "{}", case["name"]);
    }
}

#[test]
fn every_plaintext_that_is_no_content_is_refused_for_the_stated_reason() {
    let file = file();
    let cases = file["refused_contents"].as_array().unwrap();
    assert!(cases.len() >= 26);
    for case in cases {
        let mut plaintext = bytes(&case["plaintext"]);
        let zeros = case["zeros_behind"].as_u64().unwrap_or(0);
        plaintext.resize(plaintext.len() + usize::try_from(zeros).unwrap(), 0);
        let (_, content) = Content::decode(&plaintext);
        let reason = match content.unwrap_err() {
            ContentError::Newer => "newer content",
            ContentError::Malformed => "malformed content",
        };
        assert_eq!(case["refused"], reason, "{}", case["name"]);
    }
}
