//! padding.json: size classes, padded forms, and padding that is refused after decryption.

use pawl_protocol::{KemKind, Session};

use super::handshakes::{Handshake, NOW, stored};
use super::json::{Json, hex, object};
use super::people::{Person, Tape};
use super::stored::Stored;

/// Lengths at both sides of the edges.
const LENGTHS: [usize; 18] = [
    0, 1, 158, 159, 160, 161, 319, 320, 639, 640, 1_279, 1_280, 2_560, 5_119, 20_480, 40_959,
    40_960, 81_919,
];

pub(super) fn make() -> Json {
    let mut rng = Tape::of("padding");
    let (alice, bob) = (Person::new(&mut rng), Person::new(&mut rng));
    let run = Handshake::run(&alice, &bob, KemKind::OneTime, true, &mut rng);
    let sender = stored(&run.initiator);
    let pad = |plaintext: &[u8]| {
        let mut session = Session::from_bytes(&sender).expect("a session");
        let envelope = session
            .seal(plaintext, &mut Tape::of("pad"))
            .expect("short");
        Stored::parse(&sender).next_sealing(None).padded(&envelope)
    };
    let classes = LENGTHS.map(|length| {
        object! {
            "plaintext_length": number(length),
            "padded_length": number(pad(&vec![0; length]).len()),
        }
    });
    let samples: [&[u8]; 6] = [b"", b"a", &[0; 3], &[0x80; 2], &[0x80; 159], &[0; 160]];
    let samples = samples.map(|plaintext| {
        object! { "plaintext": hex(plaintext), "padded": hex(pad(plaintext)) }
    });
    object! {
        "classes": Vec::from(classes),
        "padded": Vec::from(samples),
        "refused_padding": refused_padding(&sender, &stored(&run.responder)),
    }
}

fn number(length: usize) -> Json {
    Json::Number(u64::try_from(length).expect("short"))
}

fn refused_padding(sender: &[u8], receiver: &[u8]) -> Vec<Json> {
    let sealing = Stored::parse(sender).next_sealing(None);
    let padded = |text: &[u8], length: usize| {
        let mut bytes = text.to_vec();
        bytes.resize(length, 0);
        bytes
    };
    let cases = [
        ("all zeros", padded(b"", 160)),
        ("no marker", padded(b"text", 160)),
        ("a byte behind the marker", padded(b"text\x80\0\x01", 160)),
        ("another marker", padded(b"text\x81", 160)),
        ("a plaintext up to the last byte", vec![b'x'; 160]),
        ("a larger class than is needed", padded(b"text\x80", 320)),
        (
            "a larger class by one byte",
            padded(&[&[b'x'; 159][..], &[0x80]].concat(), 320),
        ),
    ];
    cases
        .map(|(name, bytes)| {
            let envelope = sealing.envelope([&[0x66; 24], &[0x77; 24]], &bytes);
            super::ratchet::refused(name, receiver, &envelope, NOW)
        })
        .into()
}
