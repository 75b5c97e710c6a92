//! The reader's laws: any cut of the bytes reads the same, and nothing over the limit is collected.

use actix_http::error::PayloadError;
use futures_util::stream;
use proptest::prelude::*;

use super::*;

const LIMIT: usize = 1_000;

/// A client's frame.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | u8::try_from(short).expect("short")),
        len => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(len).expect("in a test").to_be_bytes());
        }
    }
    let mask = [1, 2, 3, 4];
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
    bytes
}

/// Reads everything there is in chunks of `chunk` bytes; the last entry is why it ended.
fn read(bytes: &[u8], chunk: usize) -> (Vec<Incoming>, ReadError) {
    let chunks: Vec<Result<Bytes, PayloadError>> = bytes
        .chunks(chunk)
        .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
        .collect();
    let payload: actix_http::BoxedPayloadStream = Box::pin(stream::iter(chunks));
    let payload = Payload::Stream { payload };
    let mut reader = Reader::new(payload, LIMIT);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut all = Vec::new();
        loop {
            match reader.next().await {
                Ok(incoming) => all.push(incoming),
                Err(error) => {
                    assert!(reader.buffer.len() <= LIMIT + 14 + chunk, "collected");
                    return (all, error);
                }
            }
        }
    })
}

proptest! {
    #[test]
    fn any_cut_and_any_fragmentation_read_the_same(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..400), 1..6),
        part in 8usize..400,
        chunk in 1usize..600,
    ) {
        let mut bytes = Vec::new();
        for message in &messages {
            let parts: Vec<&[u8]> = message.chunks(part).collect();
            for (index, piece) in parts.iter().enumerate() {
                let opcode = if index == 0 { 2 } else { 0 };
                let last = if index + 1 == parts.len() { 0x80 } else { 0 };
                bytes.extend(frame(last | opcode, piece));
                bytes.extend(frame(0x89, b"ping"));
            }
        }
        let (incoming, end) = read(&bytes, chunk);
        let read: Vec<_> = incoming.iter().filter_map(|incoming| match incoming {
            Incoming::Message(bytes) => Some(bytes.to_vec()),
            _ => None,
        }).collect();
        prop_assert_eq!(read, messages);
        prop_assert_eq!(end, ReadError::Gone);
    }

    #[test]
    fn no_bytes_make_it_panic_or_collect(bytes in prop::collection::vec(any::<u8>(), 0..4_000), chunk in 1usize..700) {
        let (incoming, _) = read(&bytes, chunk);
        for one in incoming {
            if let Incoming::Message(bytes) = one {
                prop_assert!(bytes.len() <= LIMIT);
            }
        }
    }
}

#[test]
fn a_declared_size_is_refused_before_its_bytes_come() {
    let mut huge = vec![0x82, 0x80 | 127];
    huge.extend((4u64 << 30).to_be_bytes());
    assert_eq!(read(&huge, 1).1, ReadError::TooLarge);
    let mut negative = vec![0x82, 0x80 | 127];
    negative.extend(u64::MAX.to_be_bytes());
    assert_eq!(read(&negative, 3).1, ReadError::TooLarge);
    assert_eq!(
        read(&[0x82, 0x80 | 126, 0x03, 0xe9], 2).1,
        ReadError::TooLarge
    );
    assert_eq!(read(&[0x89, 0x80 | 126, 0, 126], 4).1, ReadError::Protocol);
}

#[test]
fn each_abuse_has_its_own_end() {
    let first = frame(0x02, &[7; 600]);
    let rest = frame(0x80, &[7; 600]);
    let cases: Vec<(Vec<u8>, ReadError)> = vec![
        (frame(0x81, b"text"), ReadError::Text),
        (frame(0x01, b"text"), ReadError::Text),
        (frame(0xc2, b"compressed"), ReadError::Protocol),
        (frame(0x83, b"reserved"), ReadError::Protocol),
        (vec![0x82, 0x01, 0x00], ReadError::Protocol),
        (frame(0x80, b"continues nothing"), ReadError::Protocol),
        (frame(0x09, b"a fragmented ping"), ReadError::Protocol),
        (
            [first.clone(), frame(0x82, b"x")].concat(),
            ReadError::Protocol,
        ),
        ([first, rest].concat(), ReadError::TooLarge),
        (
            [frame(0x02, b""), frame(0x00, b"").repeat(MAX_FRAGMENTS)].concat(),
            ReadError::TooLarge,
        ),
    ];
    for (bytes, end) in cases {
        let (incoming, error) = read(&bytes, 5);
        assert_eq!((incoming, error), (vec![], end), "{:02x?}", &bytes[..2]);
    }
}
