//! The vectors of tests/vectors: made here from written seeds, compared byte for byte with what is committed,
//! and every refusal replayed from the file alone. `cargo xtask vectors` writes them anew.
//! What they hold is told in PROTOCOL.md, "Test vectors".

mod bundles;
mod crypt;
mod envelopes;
mod handshakes;
mod identity;
mod json;
mod keys;
mod padding;
mod people;
mod ratchet;
mod refusals;
mod replay;
mod safety_numbers;
mod statements;
mod stored;

use std::path::PathBuf;

use json::Json;

/// Set by `cargo xtask vectors`: write instead of compare.
const WRITE: &str = "PAWL_WRITE_VECTORS";

fn path(file: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    folder.join(format!("{file}.json"))
}

fn check(file: &str, vectors: Json) {
    let text = vectors.pretty();
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(path(file), text).expect("the folder is there");
        return;
    }
    let kept = std::fs::read_to_string(path(file)).expect("committed");
    let same = kept.lines().zip(text.lines()).take_while(|(a, b)| a == b);
    assert!(
        kept == text,
        "tests/vectors/{file}.json differs from line {} on: the protocol gives other bytes. If it is meant to, \
         it is another version; the files themselves are written by `cargo xtask vectors`",
        same.count() + 1
    );
}

#[test]
fn the_committed_vectors_are_what_the_code_makes() {
    check("keys", keys::make());
    check("identity", identity::make());
    check("bundles", bundles::make());
    check("handshakes", handshakes::make());
    check("ratchet", ratchet::make());
    check("envelopes", envelopes::make());
    check("padding", padding::make());
    check("safety_numbers", safety_numbers::make());
    check("statements", statements::make());
}
