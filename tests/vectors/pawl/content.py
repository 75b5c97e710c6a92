"""PROTOCOL.md "Content": protobuf by hand, as much of it as is needed."""

from .encoding import Refused

TEXT, RECEIPT, NEWEST = 1, 2, 3
MAX_TEXT, MAX_RANGES, MAX_UNREADABLE = 65536, 64, 4


def _varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _number(tag, value):
    return _varint(tag << 3) + _varint(value) if value else b""


def _bytes(tag, value):
    return _varint(tag << 3 | 2) + _varint(len(value)) + value


def encode_text(introduction, number, identifier, text, sent_at, after):
    fields = _number(1, number) + _bytes(2, identifier) + _bytes(3, text)
    fields += _number(4, sent_at) + _number(5, after)
    return _number(1, TEXT) + _introduced(introduction) + _bytes(3, fields)


def encode_receipt(introduction, delivered, read, ask, rounds, echo, unreadable):
    packed = lambda tag, values: _bytes(tag, b"".join(map(_varint, values))) if values else b""
    fields = packed(1, delivered) + packed(2, read)
    fields += _number(3, ask) + _number(4, rounds) + _number(5, echo)
    fields += _bytes(6, unreadable) if unreadable else b""
    return _number(1, RECEIPT) + _introduced(introduction) + _bytes(4, fields)


def _introduced(introduction):
    return b"" if introduction is None else _bytes(2, introduction)


def _read_varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Refused("malformed content")
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return value, at


def _fields(data):
    """Field numbers and values: integers, or bytes."""
    at, found = 0, {}
    while at < len(data):
        key, at = _read_varint(data, at)
        tag, kind = key >> 3, key & 7
        if kind not in (0, 2):
            raise Refused("malformed content")
        value, at = _read_varint(data, at)
        if kind == 2:
            value, at = data[at : at + value], at + value
            if at > len(data):
                raise Refused("malformed content")
        found[tag] = value
    return found


def decode(plaintext):
    """The kind and its fields, or refused: "newer content", "malformed content"."""
    fields = _fields(plaintext)
    kind, text, receipt = fields.get(1, 0), fields.get(3), fields.get(4)
    if kind > NEWEST:
        raise Refused("newer content")
    if kind == TEXT and text is not None and receipt is None:
        return kind, _check_text(_fields(text))
    if kind == RECEIPT and receipt is not None and text is None:
        found = _fields(receipt)
        tags = len(found.get(6, b""))
        if tags % 16 or tags > 16 * MAX_UNREADABLE:
            raise Refused("malformed content")
        return kind, [_ranges(found.get(tag, b"")) for tag in (1, 2)]
    raise Refused("malformed content")


def _check_text(fields):
    number, identifier, text = fields.get(1, 0), fields.get(2, b""), fields.get(3, b"")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise Refused("malformed content") from wrong
    if len(identifier) != 16 or not 1 <= len(text) <= MAX_TEXT or not 1 <= number < 2**63 - 1:
        raise Refused("malformed content")
    if fields.get(5, 0) >= number:
        raise Refused("malformed content")
    return fields


def _ranges(packed):
    values, at = [], 0
    while at < len(packed):
        value, at = _read_varint(packed, at)
        values.append(value)
    pairs = list(zip(values[::2], values[1::2]))
    good = len(values) % 2 == 0 and len(pairs) <= MAX_RANGES
    good = good and all(0 < first <= last for first, last in pairs)
    good = good and all(other[0] - one[1] > 1 for one, other in zip(pairs, pairs[1:]))
    if not good:
        raise Refused("malformed content")
    return pairs
