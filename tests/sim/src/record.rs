//! A stored record as bytes: one byte of version, four of length, and a protobuf message.

const HEAD: usize = 5;

/// The record without some fields of its message; nothing where it is no such record.
pub(crate) fn without_fields(record: &[u8], fields: &[u64]) -> Option<Vec<u8>> {
    let (head, mut rest) = record.split_at_checked(HEAD)?;
    let mut kept = Vec::new();
    while !rest.is_empty() {
        let (field, length) = field(rest)?;
        if !fields.contains(&field) {
            kept.extend_from_slice(&rest[..length]);
        }
        rest = &rest[length..];
    }
    let length = u32::try_from(kept.len()).ok()?;
    Some([&head[..1], &length.to_be_bytes(), &kept].concat())
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

pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0)?;
    let groups = bytes[..=end].iter().rev();
    let value = groups.fold(0, |value: u64, byte| (value << 7) | u64::from(byte & 0x7f));
    Some((value, end + 1))
}
