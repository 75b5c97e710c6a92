//! A stored record as bytes: one byte of version, four of length, and a protobuf message.

const HEAD: usize = 5;

/// Bytes of a channel's key, which stands among the contacts: an account and a number.
const CHANNEL_KEY: usize = 36;
/// Of a channel: its streams.
const STREAMS: u64 = 8;
/// Of a stream: what was received, what was seen.
const RECEIVED: [u64; 2] = [2, 3];

/// The record's message; empty where it is no record.
pub(crate) fn body(record: &[u8]) -> &[u8] {
    record.get(HEAD..).unwrap_or_default()
}

/// Whether this is the key of a channel.
pub(crate) fn is_channel(key: &pawl_client::Key) -> bool {
    key.0.len() == CHANNEL_KEY
}

/// A channel that has forgotten which texts it has received and which of them were seen.
pub(crate) fn without_received(channel: &[u8]) -> Option<Vec<u8>> {
    changed(channel, STREAMS, |stream| without(stream, &RECEIVED))
}

/// The record in which the messages of one field are others; nothing where it is no such record.
pub(crate) fn changed(
    record: &[u8],
    of: u64,
    change: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let (head, mut rest) = record.split_at_checked(HEAD)?;
    let mut body = Vec::new();
    while !rest.is_empty() {
        let (number, length) = field(rest)?;
        let whole = &rest[..length];
        match value(whole).filter(|_| number == of) {
            Some(message) => {
                let message = change(message)?;
                body.push(u8::try_from(of << 3 | 2).ok()?);
                write_varint(message.len(), &mut body);
                body.extend(message);
            }
            None => body.extend(whole),
        }
        rest = &rest[length..];
    }
    let length = u32::try_from(body.len()).ok()?;
    Some([&head[..1], &length.to_be_bytes(), &body].concat())
}

/// The record without all fields of a number but the first; nothing where it is no such record.
pub(crate) fn with_one_of(record: &[u8], of: u64) -> Option<Vec<u8>> {
    let (head, mut rest) = record.split_at_checked(HEAD)?;
    let (mut body, mut has_one) = (Vec::new(), false);
    while !rest.is_empty() {
        let (number, length) = field(rest)?;
        if number != of || !std::mem::replace(&mut has_one, true) {
            body.extend_from_slice(&rest[..length]);
        }
        rest = &rest[length..];
    }
    let length = u32::try_from(body.len()).ok()?;
    Some([&head[..1], &length.to_be_bytes(), &body].concat())
}

/// A message without some fields; nothing where it is none.
pub(crate) fn without(message: &[u8], fields: &[u64]) -> Option<Vec<u8>> {
    let (mut rest, mut kept) = (message, Vec::new());
    while !rest.is_empty() {
        let (field, length) = field(rest)?;
        if !fields.contains(&field) {
            kept.extend_from_slice(&rest[..length]);
        }
        rest = &rest[length..];
    }
    Some(kept)
}

/// Number and whole length of a message's first field.
pub(crate) fn field(message: &[u8]) -> Option<(u64, usize)> {
    let (tag, at) = varint(message)?;
    let (value, after) = varint(message.get(at..)?)?;
    // All fields of these records are numbers, or have a length.
    let length = match tag & 7 {
        2 => at + after + usize::try_from(value).ok()?,
        _ => at + after,
    };
    (length <= message.len()).then_some((tag >> 3, length))
}

/// The value of a field that has a length.
pub(crate) fn value(field: &[u8]) -> Option<&[u8]> {
    let (tag, at) = varint(field)?;
    let (_, head) = varint(field.get(at..)?)?;
    (tag & 7 == 2).then(|| field.get(at + head..))?
}

fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0)?;
    let groups = bytes[..=end].iter().rev();
    let value = groups.fold(0, |value: u64, byte| (value << 7) | u64::from(byte & 0x7f));
    Some((value, end + 1))
}

fn write_varint(mut number: usize, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    to.push(u8::try_from(number).unwrap_or(0));
}
